"""Usage for spreadsheets and billing: columns that stay, events that arrive at least once and in order."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mattegate.ledger.export import CSV_COLUMNS, Outbox, write_csv
from mattegate.ledger.protocols import Unavailable, Usage
from tests.ledger.meter_support import NOON, RATE, Bench, bench_of, claim


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A meter with its book in a file."""
    with bench_of("book", tmp_path) as bench:
        yield bench


def outbox(bench: Bench, consumer: str = "billing") -> Outbox:
    """The outbox as a consumer sees it."""
    return Outbox(bench.database, consumer=consumer, source="/mattegate/test")


def lines(file: Path) -> list[dict[str, object]]:
    """The events in a file."""
    return [json.loads(line) for line in file.read_bytes().splitlines()]


def test_csv_has_stable_columns_and_runs_no_formula(bench: Bench) -> None:
    """Every row is there, times in UTC, and an idempotency key that a spreadsheet would execute is plain text."""
    request = bench.claimed(claim((RATE,), key='=HYPERLINK("http://evil")', request="r1"))
    bench.meter.settle(request, Usage(1, 1000, 10, 20, "u2netp", 12.5), NOON + 1.25)
    bench.meter.release(bench.claimed(claim((RATE,), request="r2")), 'a "quoted", note\nof two lines', NOON)
    text = io.StringIO(newline="")
    assert write_csv(bench.book.rows(), text) == 2
    head, first, second = csv.reader(io.StringIO(text.getvalue(), newline=""))
    assert tuple(head) == CSV_COLUMNS
    row = dict(zip(head, first, strict=True))
    assert (row["request_id"], row["state"], row["units"], row["pixels"], row["ms"]) == (
        "r1",
        "settled",
        "1",
        "1000",
        "12.5",
    )
    assert (row["at"], row["settled_at"]) == ("2023-11-15T12:00:00.000Z", "2023-11-15T12:00:01.250Z")
    assert row["idempotency_key"] == '\'=HYPERLINK("http://evil")'
    assert dict(zip(head, second, strict=True))["note"] == 'a "quoted", note\nof two lines'
    assert write_csv([], io.StringIO()) == 0


def test_events_are_cloud_events_with_the_ledgers_own_id(bench: Bench, tmp_path: Path) -> None:
    """Settling, refunding and crediting are told; reserving and releasing are nobody's bill."""
    file = tmp_path / "events.jsonl"
    delivered = bench.delivered(claim((RATE,)), at=NOON + 1)
    bench.meter.release(bench.claimed(claim((RATE,))), "x", NOON)
    bench.meter.refund(delivered, "wrong", NOON + 5)
    bench.book.credit("acme", 10, "invoice", actor="cli:ann", request_id="pay", at=NOON + 9)
    assert outbox(bench).append_to(file) == 3
    settled, refunded, credited = lines(file)
    row = bench.row(delivered)
    assert settled["id"] == row.id
    assert refunded["id"] == f"{row.id}.refunded"
    assert [event["type"] for event in (settled, refunded, credited)] == [
        "mattegate.usage.settled",
        "mattegate.usage.refunded",
        "mattegate.usage.credited",
    ]
    assert {key: settled[key] for key in ("specversion", "source", "subject", "time", "datacontenttype")} == {
        "specversion": "1.0",
        "source": "/mattegate/test",
        "subject": "acme",
        "time": "2023-11-15T12:00:01.000Z",
        "datacontenttype": "application/json",
    }
    assert isinstance(settled["data"], dict)
    assert settled["data"]["bytes_out"] == 20


def test_the_order_is_that_of_the_commits(bench: Bench, tmp_path: Path) -> None:
    """A request that was claimed first and settled last is told last, and is not skipped by a cursor that is ahead."""
    file = tmp_path / "events.jsonl"
    slow = bench.claimed(claim((RATE,)))
    quick = bench.delivered(claim((RATE,)))
    assert outbox(bench).append_to(file) == 1
    bench.meter.settle(slow, Usage(), NOON + 100)
    assert outbox(bench).append_to(file) == 1
    assert outbox(bench).append_to(file) == 0
    assert [event["id"] for event in lines(file)] == [bench.row(quick).id, bench.row(slow).id]


def test_a_crash_before_the_cursor_moved_sends_again(bench: Bench, tmp_path: Path) -> None:
    """Events that were sent but not acknowledged come again with the same ids, each consumer by its own cursor."""
    for _ in range(5):
        bench.delivered(claim((RATE,)))
    sent = outbox(bench).pending(3)
    assert [event.id for event in outbox(bench).pending(3)] == [event.id for event in sent]
    outbox(bench).acknowledge(sent[-1])
    outbox(bench).acknowledge(sent[0])
    assert len(outbox(bench).pending()) == 2
    assert len(outbox(bench, "other").pending()) == 5


def test_a_line_that_was_cut_short_is_written_again(bench: Bench, tmp_path: Path) -> None:
    """The machine died while a line was written: the stump is removed and the event comes whole, after all others."""
    file = tmp_path / "events.jsonl"
    bench.delivered(claim((RATE,)))
    outbox(bench).append_to(file)
    bench.delivered(claim((RATE,)))
    whole = file.read_bytes()
    for stump in (b'{"specversion":"1.', b"x" * 200_000):
        file.write_bytes(whole + stump)
        assert outbox(bench, f"consumer-{len(stump)}").append_to(file) == 2
        assert len(lines(file)) == 3
    file.write_bytes(b"no newline at all")
    assert outbox(bench).append_to(file) == 1
    assert len(lines(file)) == 1
    assert file.stat().st_mode & 0o077 == 0


def test_a_file_that_cannot_be_written_leaves_the_cursor(bench: Bench, tmp_path: Path) -> None:
    """A full or missing disk is said so, and everything is still pending."""
    bench.delivered(claim((RATE,)))
    for target in (tmp_path / "missing" / "events.jsonl", Path("/dev/full")):
        with pytest.raises(Unavailable, match="cannot be written"):
            outbox(bench).append_to(target)
    assert len(outbox(bench).pending()) == 1
