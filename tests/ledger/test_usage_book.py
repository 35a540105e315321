"""Reading the usage book: sums, standings, notices, credits and the nightly sum check."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mattegate.ledger.protocols import Usage
from mattegate.ledger.usage_book import Difference, Totals
from mattegate.vocabulary.refusal import Refusal
from tests.ledger.meter_support import CREDITS, DAY, HOURLY, KINDS, NOON, RATE, TRAFFIC, Bench, bench_of, claim


@pytest.fixture(params=KINDS)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """Every kind of meter."""
    with bench_of(request.param, tmp_path) as bench:
        yield bench


def test_usage_is_summed_by_day_key_and_model(bench: Bench) -> None:
    """Two days and two models: what was delivered is summed, what failed or still runs is not."""
    bench.meter.release(bench.claimed(claim((RATE,))), "x", NOON)
    bench.claimed(claim((RATE,)))
    for at, model in ((NOON, "u2netp"), (NOON + 60, "isnet"), (NOON + DAY, "isnet")):
        request = bench.claimed(claim((RATE,), at=at))
        bench.meter.settle(request, Usage(1, 1000, 10, 20, model, 5.0), at + 1)
    bench.meter.settle(bench.claimed(claim((RATE,), identity="other")), Usage(bytes_in=7), NOON)
    days = bench.book.usage("acme", 0, NOON + 2 * DAY, by="day")
    assert [(one.label, one.images, one.bytes_out) for one in days] == [("2023-11-15", 2, 40), ("2023-11-16", 1, 20)]
    models = bench.book.usage("acme", 0, NOON + DAY, by="model")
    assert [(one.label, one.requests, one.pixels) for one in models] == [("isnet", 1, 1000), ("u2netp", 1, 1000)]
    assert [one.requests for one in bench.book.usage(None, 0, NOON + 2 * DAY, by="key")] == [4]
    assert bench.book.totals() == Totals(reserved=1, settled=4, released=1, units=4, credits=0)


def test_rows_come_in_pages_without_a_gap(bench: Bench) -> None:
    """A thousand and more rows arrive in order although more are written while they are read."""
    for n in range(520):
        bench.claimed(claim((), request=f"r{n:04}", at=NOON + n))
    rows = bench.book.rows("acme", since=NOON + 5)
    first = next(rows)
    bench.claimed(claim((), request="r9999", at=NOON + 999))
    rest = [row.request_id for row in rows]
    assert first.request_id == "r0005"
    assert rest == [f"r{n:04}" for n in range(6, 520)] + ["r9999"]


def test_standing_takes_nothing(bench: Bench) -> None:
    """Looking a thousand times leaves everything where it was, and tells whether one more would pass."""
    for _ in range(5):
        bench.claimed(claim((HOURLY, CREDITS, RATE)[:1]))
    answers = [bench.book.standing("acme", [RATE, HOURLY, CREDITS], NOON + 10) for _ in range(50)]
    assert answers[0] == answers[-1]
    assert [(one.name, one.allowed, one.remaining) for one in answers[0]] == [
        ("burst", True, 10),
        ("hourly", False, 0),
        ("credits", False, 0),
    ]
    assert answers[0][1].retry_after_s == 3590.0


def test_a_quota_nearly_used_up_is_told_once_a_window(bench: Bench) -> None:
    """At four of five the owner is told, once; in the next hour again."""
    limits = [HOURLY, TRAFFIC, RATE]
    for n in range(5):
        assert [one.name for one in bench.book.near("acme", limits, 0.8, NOON)] == (["hourly"] if n == 4 else [])
        bench.claimed(claim((HOURLY,)))
    assert bench.book.near("acme", limits, 0.8, NOON + 1) == ()
    assert [one.name for one in bench.book.near("acme", limits, 1.0, NOON + 1)] == ["hourly"]
    for _ in range(4):
        bench.claimed(claim((HOURLY,), at=NOON + 3600))
    assert [one.name for one in bench.book.near("acme", limits, 0.8, NOON + 3600)] == ["hourly"]


def test_credits_are_added_once_a_request_and_never_below_nothing(bench: Bench) -> None:
    """A payment that is reported twice counts once, and a correction cannot take what is not there."""
    for _ in range(2):
        assert bench.book.credit("acme", 10, "invoice 7", actor="cli:ann", request_id="pay-1", at=NOON) == 10
    assert bench.book.credit("acme", -4, "correction", actor="cli:ann", request_id="pay-2", at=NOON) == 6
    for units in (-7, 0):
        with pytest.raises(Refusal) as refusal:
            bench.book.credit("acme", units, "", actor="cli:ann", request_id="pay-3", at=NOON)
        assert refusal.value.reason.code == "account.invalid"
        assert "the balance is 6" in refusal.value.detail
    row = next(bench.book.rows("acme"))
    assert (row.kind, row.units, row.note, row.key_id) == ("credit", 10, "invoice 7", "cli:ann")
    assert bench.book.balance("acme") == bench.book.totals().credits == 6
    assert bench.book.balance("nobody") == 0


def test_reconciling_finds_a_counter_that_was_tampered_with(tmp_path: Path) -> None:
    """Somebody with an SQL shell gives themselves credits and quota: the sum check names both."""
    with bench_of("book", tmp_path) as bench:
        bench.book.credit("acme", 3, "", actor="cli:ann", request_id="pay", at=NOON)
        bench.delivered(claim((HOURLY, CREDITS, RATE)))
        assert bench.book.reconcile(NOON, NOON) == []
        with bench.database.write() as db:
            db.execute("UPDATE counters SET value = value + 100 WHERE name = 'credits'")
            db.execute("UPDATE counters SET value = 0 WHERE name LIKE 'quota:%'")
        assert bench.book.reconcile(NOON, NOON) == [
            Difference("acme", "quota:hourly:3600", round(NOON * 1e6), 0, 1),
            Difference("acme", "credits", 0, 102, 2),
        ]


def test_rows_cannot_be_deleted(tmp_path: Path) -> None:
    """The book keeps what happened, whoever asks it not to."""
    with bench_of("book", tmp_path) as bench:
        bench.claimed(claim())
        with pytest.raises(Exception, match="usage rows stay"), bench.database.write() as db:
            db.execute("DELETE FROM usage")
        assert len(list(bench.book.rows())) == 1
