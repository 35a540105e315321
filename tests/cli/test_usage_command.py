"""``mattegate usage``: the book read, exported, credited and checked, beside the process that writes it."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import time
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.cli.at_home import At, Server, server_on
from tests.cli.processes import Ended, call, real


def deliver(server: Server, at: At, count: int, name: str = "alice") -> None:
    """So many cut-outs of one identity."""
    key_id, _ = at.key(name)
    row = at.told("identities", "show", name)
    for number in range(count):
        assert server.ask(f"deliver req_{name}_{number} {row['id']} {key_id} {time.time()}") == "delivered"


@pytest.fixture
def busy(at: At) -> Any:
    """A home with a process that serves it, three deliveries to alice and one to bob."""
    at.home.mkdir()
    with server_on(at.home) as server:
        deliver(server, at, 3)
        deliver(server, at, 1, "bob")
        yield at


def test_a_summary_adds_up_by_day_identity_key_and_model(busy: At) -> None:
    """While the server runs; the sums of every view are the same."""
    views = {by: busy.told("usage", "summary", "--by", by) for by in ("day", "identity", "key", "model")}
    assert {by: sum(row["images"] for row in rows) for by, rows in views.items()} == dict.fromkeys(views, 4)
    assert {row["name"]: row["images"] for row in views["identity"]} == {"alice": 3, "bob": 1}
    assert views["model"][0]["model"] == "u2netp"
    (one,) = busy.told("usage", "summary", "--identity", "bob", "--since", "1h")
    assert (one["images"], one["pixels"], one["bytes_out"]) == (1, 1_500_000, 20)
    assert busy.told("usage", "summary", "--until", "1h") == []
    assert busy("usage", "summary", "--identity", "nobody").code == 3
    assert "alice" in busy("usage", "summary", "--by", "identity").out


def test_credits_are_booked_beside_the_server_and_once_for_one_reference(busy: At) -> None:
    """More than is there cannot be taken away; a repeated reference changes nothing."""
    assert busy.told("usage", "credit", "alice", "100", "--note", "invoice 17")["balance"] == 100
    for _ in range(2):
        assert busy.told("usage", "credit", "alice", "50", "--reference", "evt-1")["balance"] == 150
    assert busy.told("usage", "credit", "alice", "-150")["balance"] == 0
    assert busy("usage", "credit", "alice", "-1").code == 3
    assert "it changes nothing" in busy("usage", "credit", "alice", "0").err
    assert "a balance is at most" in busy("usage", "credit", "alice", "9" * 30).err
    assert busy("usage", "credit", "nobody", "5").code == 3
    assert busy("usage", "credit", "alice", "many").code == 2
    assert busy("usage", "reconcile").code == 0


def test_credits_stand_in_the_audit_log_once(busy: At) -> None:
    """A reference that is sent again books nothing, so nothing was done."""
    for _ in range(2):
        busy.told("usage", "credit", "bob", "7", "--reference", "evt-1", "--note", "invoice 17")
    acts = [json.loads(line) for line in busy("audit", "list", "--json").out.splitlines()]
    booked = [act["details"] for act in acts if act["act"] == "credits.add"]
    assert [(one["units"], one["balance"], one["note"]) for one in booked] == [(7, 7, "invoice 17")]


def test_the_standing_takes_nothing(busy: At) -> None:
    """Asked ten times it is what it was."""
    told = [busy.told("usage", "standing", "alice") for _ in range(3)]
    assert {one["tier"] for one in told} == {"free"}
    left = [{limit["name"]: limit["remaining"] for limit in one["limits"]} for one in told]
    assert [one["hourly"] for one in left] == [97, 97, 97]
    assert "hourly" in busy("usage", "standing", "alice").out


def test_counters_in_the_memory_of_a_server_are_not_made_up(busy: At, tmp_path: Path) -> None:
    """Where limits.store is memory nobody else can know them: exit code 1 and where to ask. Credits go on."""
    config = tmp_path / "memory.toml"
    config.write_text('limits.store = "memory"\n')
    line = real("--home", busy.home, "--config", config, "usage", "standing", "alice")
    ended = call(line)
    assert ended.code == 1
    assert "dependency.limits" in ended.err
    assert "/v1/whoami" in ended.err


def test_csv_goes_to_a_pipe_or_replaces_a_file_as_a_whole(busy: At, tmp_path: Path) -> None:
    """Every row with a head line; a file that cannot be written leaves the old one as it was."""
    rows = list(csv.DictReader(io.StringIO(busy("usage", "export").out)))
    assert [row["state"] for row in rows] == ["settled"] * 4
    file = tmp_path / "out.csv"
    file.write_text("old")
    assert busy("usage", "export", "--identity", "bob", "-o", file).code == 0
    assert len(file.read_text().splitlines()) == 2
    assert busy("usage", "export", "-o", tmp_path / "no" / "out.csv").code == 1
    assert sorted(path.name for path in tmp_path.iterdir() if "csv" in path.name) == ["out.csv"]


def test_cloudevents_go_on_where_the_consumer_is(busy: At, tmp_path: Path) -> None:
    """Twice is nothing new; another consumer gets all; standard output would prove nothing about the disk."""
    line = ("usage", "export", "--format", "cloudevents")
    assert "4 new events" in busy(*line, "-o", tmp_path / "a.jsonl").err
    assert "0 new events" in busy(*line, "-o", tmp_path / "a.jsonl").err
    busy.told("usage", "credit", "bob", "5")
    assert "1 new event " in busy(*line, "-o", tmp_path / "a.jsonl").err
    events = [json.loads(text) for text in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [event["type"].rpartition(".")[2] for event in events] == [*["settled"] * 4, "credited"]
    assert "5 new events" in busy(*line, "-o", tmp_path / "b.jsonl", "--consumer", "audit").err
    assert busy(*line).code == 2
    assert busy(*line, "-o", tmp_path / "c", "--since", "1d").code == 2


def test_two_exports_at_once_lose_and_double_nothing(busy: At, tmp_path: Path) -> None:
    """Two timers that met: every event is in the file once."""
    for number in range(30):
        busy.told("usage", "credit", "bob", "1", "--note", str(number))
    line = real("--home", busy.home, "usage", "export", "--format", "cloudevents", "-o", tmp_path / "both.jsonl")
    ended: list[Ended] = []
    threads = [Thread(target=lambda: ended.append(call(line))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.code for one in ended] == [0, 0, 0]
    ids = [json.loads(text)["id"] for text in (tmp_path / "both.jsonl").read_text().splitlines()]
    assert len(ids) == len(set(ids)) == 34


def test_a_counter_that_was_tampered_with_is_found(busy: At) -> None:
    """Exit code 3, with the identity, what was counted and what the rows say; sound before and while serving."""
    assert busy.told("usage", "reconcile") == {"sound": True, "differences": []}
    with sqlite3.connect(busy.home / "ledger" / "usage.db") as db:
        db.execute("UPDATE counters SET value = value + 7 WHERE name LIKE '%hourly%'")
    ended = busy("usage", "reconcile", "--json")
    assert ended.code == 3
    told = json.loads(ended.out)
    assert {one["counted"] - one["rows"] for one in told["differences"]} == {7}
    assert busy("usage", "reconcile").code == 3
