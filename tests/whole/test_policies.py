"""Policies over the wire: the product as a process, real HTTP, a real model, files that change while it runs."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mattegate.ledger.home_lock import LOCK_FILE
from tests.whole.gate_users import Gate, png, running, told

CONFIG = """
[network]
trusted_proxies = ["127.0.0.1"]

[policies]
folder = "{folder}"

[engine]
workers = 1
"""
BASE = """
@id("everybody")
permit (principal, action, resource);

@id("blocked")
forbid (principal, action, resource)
when { context has address && context.address.isInRange(ip("203.0.113.0/24")) };

@id("dear")
forbid (principal, action, resource in Model::"isnet-general-use") unless { principal in Tier::"vip" };

@id("small")
forbid (principal in Tier::"free", action, resource) when { resource has megapixels && resource.megapixels > 1 };
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the policies lie."""
    folder = tmp_path_factory.mktemp("policies")
    (folder / "base.cedar").write_text(BASE)
    return folder


@pytest.fixture(scope="module")
def gate(u2netp_home: Path, tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[Gate]:
    """The product with these policies."""
    config = CONFIG.format(folder=folder)
    with running(tmp_path_factory.mktemp("gate"), u2netp_home / "models", config) as gate:
        yield gate


@pytest.fixture(scope="module")
def free(gate: Gate) -> str:
    """A key of the tier free."""
    return gate.key("free one", "free").text


def why(gate: Gate, answer: httpx2.Response) -> dict[str, Any]:
    """The record of an answer, as the operator reads it."""
    found: dict[str, Any] = json.loads(gate.command("why", answer.headers["x-request-id"], "--json").stdout)
    return found


def policy_check(found: dict[str, Any]) -> dict[str, Any]:
    """What the policy layer said."""
    check: dict[str, Any] = next(check for check in found["checks"] if check["layer"] == "policy")
    return check


def hang_up(gate: Gate) -> None:
    """Tell the server to read its configuration again."""
    os.kill(int((gate.settings.home / LOCK_FILE).read_text()), signal.SIGHUP)


def until(true: Callable[[], bool], seconds: float) -> None:
    """Wait for something to become true; fail after ``seconds``."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


def test_a_permit_that_applies_is_in_the_record(gate: Gate, free: str) -> None:
    """The deciding policy by its id, and the decision can be made again."""
    answer = gate.post(free)
    assert answer.status_code == 200
    found = why(gate, answer)
    assert (found["replayed"], policy_check(found)["rule"]) == ("same", "everybody")


def test_an_address_that_a_policy_forbids_is_refused_before_the_body(gate: Gate, free: str) -> None:
    """By the client's address through the declared proxy; the id of the policy is in the answer and in the record."""
    answer = gate.post(free, X_Forwarded_For="203.0.113.9")
    assert told(answer) == (403, "policy.denied")
    assert answer.json()["detail"] == "A policy of this server forbids it: blocked."
    assert answer.json()["layer"] == "policy"
    assert told(gate.get("/v1/whoami", free, X_Forwarded_For="203.0.113.9")) == (403, "policy.denied")
    assert gate.get("/v1/whoami", free, X_Forwarded_For="198.51.100.9").status_code == 200
    found = why(gate, answer)
    assert (found["reason"], found["replayed"], policy_check(found)["rule"]) == ("policy.denied", "same", "blocked")


@pytest.mark.parametrize("model", ["isnet-general-use", "isnet"])
def test_a_model_in_the_body_is_judged_by_its_proper_name(gate: Gate, free: str, model: str) -> None:
    """In a form, where only the body names it; an alias is no way around; nothing is charged for the refusal."""
    before = _remaining(gate, free)
    answer = gate.noted(
        gate.web.post(
            "/v1/remove-bg",
            data={"model": model},
            files={"image": ("a.png", png(), "image/png")},
            headers={"Authorization": f"Bearer {free}"},
        )
    )
    assert told(answer) == (403, "policy.denied")
    assert answer.json()["detail"].endswith("forbids it: dear.")
    assert _remaining(gate, free) == before
    found = why(gate, answer)
    assert (found["layer"], found["replayed"], policy_check(found)["rule"]) == ("policy", "same", "dear")


def _remaining(gate: Gate, key: str) -> int:
    limits = gate.get("/v1/whoami", key).json()["limits"]
    return int(next(limit["remaining"] for limit in limits if limit["name"] == "hourly"))


def test_an_image_that_is_too_large_for_its_tier_is_refused(gate: Gate, free: str) -> None:
    """By its header; other tiers may."""
    assert told(gate.post(free, png(1200, 1000))) == (403, "policy.denied")
    assert gate.post(gate.key("vip one").text, png(1200, 1000)).status_code == 200


def test_a_recorded_refusal_is_explained_and_what_would_help_is_told(gate: Gate, free: str) -> None:
    """By the command line beside the running server."""
    refused = gate.post(free, X_Forwarded_For="203.0.113.9").headers["x-request-id"]
    explained = gate.command("policy", "explain", refused)
    assert explained.returncode == 3
    assert "forbid by blocked" in explained.stdout
    assert "context.address is 203.0.113.9" in explained.stdout


def test_changed_files_are_in_force_within_two_seconds(gate: Gate, folder: Path, free: str) -> None:
    """Without a signal; the records name another revision, and bad files change nothing but the log."""
    before = why(gate, gate.get("/v1/whoami", free))
    more = folder / "more.cedar"
    more.write_text('forbid (principal, action == Action::"read", resource);')
    until(lambda: told(gate.get("/v1/whoami", free))[0] == 403, seconds=2.5)
    refused = gate.get("/v1/whoami", free)
    after = why(gate, refused)
    assert policy_check(after)["rule"] == "more"
    assert after["revision"] != before["revision"]
    more.write_text("forbid (principal, action")
    time.sleep(1.5)
    assert told(gate.get("/v1/whoami", free)) == (403, "policy.denied")
    assert "the policies were not taken over, the old ones stay in force" in gate.process.output()
    more.unlink()
    until(lambda: gate.get("/v1/whoami", free).status_code == 200, seconds=2.5)
    assert why(gate, refused)["replayed"] == "same", "by the rulebook of then"


def test_a_hangup_reads_the_policies_again_at_once(gate: Gate, folder: Path, free: str) -> None:
    """Together with the rest of the configuration."""
    more = folder / "more.cedar"
    more.write_text('forbid (principal, action == Action::"read", resource);')
    hang_up(gate)
    until(lambda: told(gate.get("/v1/whoami", free))[0] == 403, seconds=2.5)
    more.unlink()
    hang_up(gate)
    until(lambda: gate.get("/v1/whoami", free).status_code == 200, seconds=2.5)
