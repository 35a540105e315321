"""``mattegate simulate``: what would happen, beside what did; nothing is taken and nothing is made up silently."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import pytest

from mattegate.config.rulebook import build_rulebook
from mattegate.config.secrets import load_secrets
from mattegate.gate.rules import Rules
from mattegate.ledger.records import Records
from tests.cli.at_home import At
from tests.cli.test_why import DENYING, ID, decided


def told(at: At, code: int, *words: str) -> dict[str, Any]:
    """The answer, with the exit code that it must have."""
    ended = at("simulate", *words, "--json")
    assert ended.code == code, ended.err
    answer = json.loads(ended.out)
    assert isinstance(answer, dict)
    return answer


def test_a_request_without_a_key_is_refused_and_told_what_would_help(at: At) -> None:
    """The remedy is a line to paste; pasted, it passes; what only a real request can tell is named."""
    answer = told(at, 3, "-")
    assert (answer["decision"], answer["status"], answer["reason"]) == ("deny", 401, "credential.missing")
    (remedy,) = answer["remedies"]
    changes = [word for path, text in remedy["changes"].items() for word in ("--set", f"{path}={text}")]
    assert told(at, 0, "-", *changes)["decision"] == "allow"
    words = at("simulate", "-")
    assert words.code == 3
    assert "would pass if a valid key were presented: --set" in words.out


def test_a_key_of_this_home_is_judged_as_it_is(at: At) -> None:
    """Active it passes; bound to another network, expired or revoked it is refused with the reason."""
    key_id, _ = at.key()
    passed = told(at, 0, "-", "--key-id", key_id)
    assert set(passed["assumed"]) == {"flood", "outcome"}, "its limits were looked at"
    at("keys", "narrow", key_id, "--address", "10.0.0.0/8")
    assert told(at, 3, "-", "--key-id", key_id, "--address", "203.0.113.9")["reason"] == "policy.address"
    assert told(at, 0, "-", "--key-id", key_id, "--address", "10.1.2.3")["decision"] == "allow"
    at("keys", "revoke", key_id)
    assert told(at, 3, "-", "--key-id", key_id)["reason"] == "credential.revoked"
    assert at("simulate", "-", "--key-id", "nosuchkey123").code == 3


def test_limits_that_are_used_up_refuse(at: At) -> None:
    """As they stand in this moment; a simulation takes nothing from them."""
    key_id, _ = at.key()
    at("identities", "update", "alice", "--limit", "credits=true")
    assert told(at, 3, "-", "--key-id", key_id)["layer"] == "quota"
    at("usage", "credit", "alice", "1")
    for _ in range(3):
        assert told(at, 0, "-", "--key-id", key_id)["decision"] == "allow"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--origin", "https://evil.example"), "origin.not_allowed"),
        (("--path", "/nowhere"), "route.unknown"),
        (("--method", "delete"), "route.method"),
        (("--set", "attempt.path=/nowhere"), "route.unknown"),
        (("--set", "rulebook.transport.require_tls=true", "--address", "203.0.113.9"), "transport.insecure"),
        (("--set", 'rulebook.network.rules+={"network": "127.0.0.1", "allow": false}'), "network.denied"),
        (("--host", "other.example", "--set", "rulebook.host.names+=api.example"), "host.unknown"),
    ],
    ids=" ".join,
)
def test_every_option_reaches_the_decision(at: At, words: tuple[str, ...], reason: str) -> None:
    """The request's parts and the rulebook's; another path leads to a route of its own."""
    key_id, _ = at.key()
    answer = told(at, 3, "-", "--key-id", key_id, *words)
    assert answer["reason"] == reason
    assert told(at, 0, "-", "--key-id", key_id)["decision"] == "allow"


def test_an_id_without_a_record_is_told_as_json_where_that_was_asked_for(at: At) -> None:
    """Whoever parses the answer finds an object, also where there is nothing to judge."""
    assert told(at, 1, "req_01M811EN4M7SXMWKN0G36DD4P8")["error"]["reason"] == "record.not_found"


def test_a_change_is_shown_beside_what_is_without_it(at: At) -> None:
    """Two columns and a mark where they differ."""
    key_id, _ = at.key()
    ended = at("simulate", "-", "--key-id", key_id, "--set", "facts.credential.key.state=disabled")
    assert ended.code == 3
    (line,) = [line for line in ended.out.splitlines() if line.startswith(">") and "credential" in line]
    assert "+ ALLOW" in line
    assert "credential.disabled" in line
    assert "without the changes: would be allowed" in ended.out


@pytest.mark.parametrize(
    "change", ["", "attempt", "attempt.nothing=1", "other.x=1", "=1", "facts.claim.limits.x.allowed=1"]
)
def test_a_change_that_is_none_is_a_mistake_in_the_line(at: At, change: str) -> None:
    """Exit code 2; what there is instead is named."""
    assert at("simulate", "-", "--set", change).code == 2


@pytest.mark.parametrize("address", ["999", "example.com", "203.0.113.0/24"])
def test_an_address_that_is_none_is_not_judged(at: At, address: str) -> None:
    """Rules about addresses would be judged wrongly; the line is at fault, and says what to write."""
    ended = at("simulate", "-", "--address", address)
    assert ended.code == 2
    assert "write 203.0.113.7" in " ".join(ended.err.split())


def test_a_recorded_refusal_is_judged_by_the_configuration_of_now(at: At) -> None:
    """Recorded under a rule that is gone: the trace then and the trace now stand side by side."""
    at.key()
    record = decided(DENYING)
    seal = load_secrets(at.settings.secrets_dir).seal_key
    with closing(Records(at.settings.ledger_dir, seal_key=seal, unproven_bytes=10**9)) as book:
        book.append(record, proven=False)
        answer = told(at, 3, ID)
        assert answer["reason"] == "credential.missing", "the address is not denied any more"
        recorded = {check["layer"]: check["reason"] for check in answer["recorded"]}
        assert recorded["network"] == "network.denied"
        words = at("simulate", ID)
        assert any(line.startswith(">") and "network.denied" in line for line in words.out.splitlines())
        assert Rules.of(build_rulebook(at.settings)).revision == answer["revision"]
    assert at("simulate", ID[:-1] + "9").code == 1
