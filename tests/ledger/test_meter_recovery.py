"""What a new process does with what a dead one left in the usage book."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mattegate.ledger.protocols import Usage
from tests.ledger.meter_support import CREDITS, DAILY, HOURLY, KINDS, LIMITS, NOON, PIXELS, Bench, bench_of, claim


@pytest.fixture(params=KINDS)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """Every kind of meter."""
    with bench_of(request.param, tmp_path) as bench:
        yield bench


def test_what_was_reserved_is_given_back_before_its_lease_is_over(bench: Bench) -> None:
    """Quotas, megapixels and credits are whole again at once, and what was settled stays charged."""
    bench.book.credit("acme", 10, "", actor="cli:test", request_id="grant", at=NOON)
    limits = (*LIMITS, PIXELS, CREDITS)
    paid = bench.delivered(claim(limits))
    left = bench.left(HOURLY, DAILY, PIXELS, CREDITS)
    for number in range(3):
        bench.meter.top_up(bench.claimed(claim(limits, key=f"k{number}")), 2, NOON)
    assert bench.meter.recover(NOON + 1) == 3
    assert bench.left(HOURLY, DAILY, PIXELS, CREDITS) == left
    assert bench.row(paid).state == "settled"
    assert bench.book.totals().reserved == 0
    assert bench.book.reconcile(0.0, NOON + 1) == []
    assert bench.meter.recover(NOON + 1) == 0


def test_an_idempotency_key_of_the_dead_is_free_at_once(bench: Bench) -> None:
    """Whoever lost the answer with the server need not wait five minutes to send the image again."""
    bench.claimed(claim(key="order"))
    assert bench.meter.claim(claim(key="order")).conflict == "idempotency.in_progress"
    bench.meter.recover(NOON + 1)
    assert bench.meter.claim(claim(key="order", at=NOON + 1)).reserved


def test_replays_that_died_are_not_counted(bench: Bench) -> None:
    """A server that dies again and again does not use up the three times that an answer can be had."""
    bench.delivered(claim(key="order"))
    for _ in range(5):
        assert bench.meter.claim(claim(key="order")).replay == 1
        bench.meter.recover(NOON + 1)


def test_replays_that_delivered_stay_counted(bench: Bench) -> None:
    """Only what was not brought to an end is forgiven."""
    bench.delivered(claim(key="order"))
    for number in (1, 2, 3):
        again = claim(key="order")
        assert bench.meter.claim(again).replay == number
        bench.meter.settle(again.request_id, Usage(), NOON)
        bench.meter.recover(NOON + 1)
    assert bench.meter.claim(claim(key="order")).conflict == "idempotency.exhausted"
