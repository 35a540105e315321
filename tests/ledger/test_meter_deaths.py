"""Processes are killed in the middle of metering; the book is whole afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.ledger.meter_memory import MemoryMeter
from mattegate.ledger.meter_sqlite import SqliteMeter
from mattegate.ledger.protocols import Usage
from mattegate.ledger.usage_book import Difference, UsageBook
from mattegate.ledger.usage_database import UsageDatabase
from tests.ledger import meter_process
from tests.ledger.meter_support import CREDITS, DAILY, HOURLY, NOON, PIXELS, TRAFFIC, bench_of, claim

ROOT = Path(__file__).parents[2]


def killed_in_the_middle(file: Path, name: str, lines: int) -> set[str]:
    """Let a process work until it has settled ``lines`` requests, kill it, and say which it had settled."""
    command = [sys.executable, meter_process.__file__, str(file), name]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    told = [process.stdout.readline().strip() for _ in range(lines)]
    process.kill()
    rest, _ = process.communicate(timeout=30)
    return {*told, *(line for line in rest.splitlines(keepends=True) if line.endswith("\n")), ""} - {""}


def test_nothing_is_lost_or_charged_twice_through_ten_kills(tmp_path: Path) -> None:
    """Ten times kill -9: what was said to be settled is, every counter is the sum of its rows, no reservation stays."""
    file = tmp_path / "usage.db"
    told = {one.strip() for n in range(10) for one in killed_in_the_middle(file, f"run{n}", 1 + n)}
    database = UsageDatabase(file)
    meter, book = SqliteMeter(database), UsageBook(database)
    assert book.reconcile(0.0, NOON) == []
    meter.sweep(NOON + 300)
    assert book.totals().reserved == 0
    assert book.reconcile(0.0, NOON) == []
    settled = {row.request_id: row for row in book.rows() if row.state == "settled" and row.kind == "cutout"}
    assert told <= settled.keys()
    assert 100_000 - book.balance("acme") == sum(row.units for row in settled.values())
    day = meter_process.LIMITS[0]
    assert day.amount - book.standing("acme", [day], NOON)[0].remaining == len(settled)
    database.close()


def test_thirty_threads_never_pass_the_quota(tmp_path: Path) -> None:
    """Sixty claims at once of five units: five are reserved, and the rate lost five tokens, not sixty."""
    with bench_of("book", tmp_path) as bench:
        with ThreadPoolExecutor(30) as pool:
            facts = list(pool.map(bench.meter.claim, [claim() for _ in range(60)]))
        assert sum(fact.reserved for fact in facts) == 5
        assert bench.left(*claim().limits) == [5, 0, 95]


def test_a_death_between_store_and_row_is_seen_when_reconciling(tmp_path: Path) -> None:
    """Another store may keep one unit of a process that died in between; the report names it."""
    with bench_of("over-memory", tmp_path) as bench:
        assert bench.store is not None
        bench.claimed(claim((HOURLY, DAILY)))
        assert bench.book.reconcile(NOON, NOON) == []
        bench.store.take("acme", [HOURLY], [1], NOON, "dead")
        assert bench.book.reconcile(NOON, NOON) == [Difference("acme", "quota:hourly:3600", round(NOON * 1e6), 2, 1)]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["claim", "top_up", "bind", "settle", "release", "abort", "refund", "sweep", "credit"]),
        st.integers(0, 5),
        st.sampled_from([0.0, 1.0, 299.0, 400.0, 3600.0, -50.0]),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_the_book_adds_up_after_any_sequence(steps: list[tuple[str, int, float]]) -> None:
    """Whatever is done in whatever order, with the clock going either way, each counter is the sum of its rows."""
    meter = MemoryMeter()
    book, at = UsageBook(meter.database), NOON + 86_400
    limits = (HOURLY, DAILY, TRAFFIC, PIXELS, replace(CREDITS, shadow=True), replace(HOURLY, name="try", shadow=True))
    gone: set[str] = set()
    for number, (act, who, later) in enumerate(steps):
        at += later
        request = f"r{who}"
        known = {row.request_id: row for row in book.rows() if row.kind == "cutout"}
        if act == "claim" and request not in known and request not in gone:
            meter.claim(claim(limits, request=request, at=at, key=f"k{who % 2}", declared=who * 100))
        elif act == "top_up" and request in known:
            meter.top_up(request, who, at)
        elif act == "bind" and request in known:
            meter.bind(request, "f", "m") if who else None
        elif act == "settle":
            meter.settle(request, Usage(bytes_in=who, bytes_out=who), at)
        elif act in {"release", "refund"}:
            getattr(meter, act)(request, "why", at)
        elif act == "abort":
            meter.abort(request, at)
        elif act == "sweep":
            SqliteMeter.sweep(meter, at)
        elif act == "credit":
            book.credit("acme", 1 + who, "", actor="x", request_id=f"c{number}", at=at)
        assert book.reconcile(0.0, at) == []
    meter.database.close()


def interrupted(database: UsageDatabase) -> None:
    """Change everything, and be interrupted before the end."""
    with database.write() as db:
        db.execute("UPDATE usage SET state = 'settled'")
        db.execute("UPDATE counters SET value = 999")
        raise KeyboardInterrupt


@pytest.mark.parametrize("act", ["claim", "settle", "release"])
def test_an_interrupted_transaction_leaves_the_database_usable(act: str, tmp_path: Path) -> None:
    """An exception in the middle of a transaction takes all of it back, and the next one works."""
    with bench_of("book", tmp_path) as bench:
        request = bench.claimed(claim())
        with pytest.raises(KeyboardInterrupt):
            interrupted(bench.database)
        if act == "claim":
            bench.claimed(claim())
        elif act == "settle":
            bench.meter.settle(request, Usage(), NOON)
        else:
            bench.meter.release(request, "x", NOON)
        assert bench.book.reconcile(NOON, NOON) == []


def test_sweeping_brings_the_log_to_the_disk(tmp_path: Path) -> None:
    """After a sweep the main file alone, without its log, holds every claim: that is what a power loss cannot take."""
    with bench_of("book", tmp_path) as bench:
        request = bench.delivered(claim())
        bench.meter.sweep(NOON)
        (tmp_path / "copy.db").write_bytes((tmp_path / "usage.db").read_bytes())
        copy = UsageDatabase(tmp_path / "copy.db")
        assert [(row.request_id, row.state) for row in UsageBook(copy).rows()] == [(request, "settled")]
        copy.close()
