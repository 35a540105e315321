"""``mattegate audit``: who did what, and a log that shows it when somebody has changed it."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest

from mattegate.cli.ledger import actor
from tests.cli.at_home import At


def entries(at: At, *words: str) -> list[dict[str, Any]]:
    """What the list says."""
    return [json.loads(line) for line in at("audit", "list", "--json", *words).out.splitlines()]


def forge(at: At, statement: str) -> None:
    """Change the log as somebody can who may write the file."""
    with sqlite3.connect(at.home / "ledger" / "control.db") as db:
        db.execute("DROP TRIGGER IF EXISTS audit_stays")
        db.execute("DROP TRIGGER IF EXISTS audit_is_fixed")
        db.execute(statement)
    db.close()


@pytest.fixture
def acted(at: At) -> At:
    """A home with seven acts."""
    key_id, _ = at.key("alice")
    at("keys", "disable", key_id, "--why", "odd traffic")
    at("keys", "enable", key_id)
    at("identities", "update", "alice", "--tier", "vip")
    at("admins", "create", "root")
    at("keys", "revoke", key_id)
    return at


def test_every_act_is_listed_with_who_what_and_why(acted: At) -> None:
    """Filtered by time, actor and subject."""
    told = entries(acted)
    acts = ["identity.create", "key.create", "key.disable", "key.enable", "identity.update", "admin.create"]
    assert [entry["act"] for entry in told] == [*acts, "key.revoke"]
    assert told[2]["details"]["why"] == "odd traffic"
    assert {entry["actor"] for entry in told} == {actor()}
    assert len(entries(acted, "--subject", told[1]["subject"])) == 4
    assert entries(acted, "--actor", "cli:nobody") == []
    assert len(entries(acted, "--since", "1h")) == 7
    assert entries(acted, "--since", "2999-01-01") == []
    assert "odd traffic" in acted("audit", "list").out


def test_moments_are_told_as_people_read_them(acted: At) -> None:
    """The list says when a key ends; the entry itself keeps the exact figure, over which its hash goes."""
    acted("keys", "create", "--name", "brief", "--identity", "alice", "--expires", "2999-01-01")
    assert "expires_at=2999-01-01T00:00:00Z" in acted("audit", "list").out
    assert isinstance(entries(acted)[-1]["details"]["expires_at"], float)


def test_a_sound_log_has_a_head_to_write_down(acted: At) -> None:
    """It is sound by itself and goes through every head that it ever had."""
    told = acted.told("audit", "verify")
    assert (told["sound"], told["broken"], told["entries"]) == (True, None, 7)
    acted("identities", "disable", "alice")
    for head in (told["head"], told["head"].partition(":")[2], told["head"].upper()):
        assert acted("audit", "verify", "--head", head).code == 0
    assert acted("audit", "verify", "--head", "nonsense").code == 2


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE audit SET actor = 'cli:nobody' WHERE seq = 3", 3),
        ("UPDATE audit SET details = '{}' WHERE seq = 1", 1),
        ("DELETE FROM audit WHERE seq = 4", 4),
        ("DELETE FROM audit WHERE seq = 7", 7),
        ("DELETE FROM audit", 1),
    ],
)
def test_a_changed_log_names_its_first_broken_entry(acted: At, statement: str, broken: int) -> None:
    """Exit code 3; in words and as JSON."""
    forge(acted, statement)
    ended = acted("audit", "verify", "--json")
    assert (ended.code, json.loads(ended.out)["broken"]) == (3, broken)
    words = acted("audit", "verify")
    assert words.code == 3
    assert f"first broken  {broken}" in words.out


def test_a_log_that_was_written_anew_is_shown_by_a_head_kept_elsewhere(acted: At, at: At) -> None:
    """Whoever can write the whole file can make a sound chain; not the one whose head was written down."""
    head = "7:" + "ab" * 32
    assert acted("audit", "verify", "--head", head).code == 3
    ended = acted("audit", "verify", "--head", head.partition(":")[2])
    assert ended.code == 3
    assert "no entry has the hash" in ended.out
    assert acted("audit", "verify", "--head", "9:" + "ab" * 32).code == 3
