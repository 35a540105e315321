"""Every meter keeps the same promises: all or nothing, charged once, nothing lost, keys that mean one image."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from mattegate.ledger.meter_idempotency import ABORTS, REPLAYS
from mattegate.ledger.meter_memory import MemoryMeter
from mattegate.ledger.protocols import EpochChanged, Unavailable, Usage
from mattegate.ledger.usage_database import UsageDatabase
from mattegate.vocabulary.facts import Uses
from mattegate.vocabulary.refusal import Refusal
from mattegate.vocabulary.rulebook import Limit
from tests.ledger.meter_support import (
    CREDITS,
    DAILY,
    DAY,
    HOURLY,
    KINDS,
    LIMITS,
    NOON,
    PIXELS,
    RATE,
    TRAFFIC,
    Bench,
    bench_of,
    claim,
)


@pytest.fixture(params=KINDS)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """Every kind of meter."""
    with bench_of(request.param, tmp_path) as bench:
        yield bench


def test_a_claim_takes_one_unit_of_every_limit(bench: Bench) -> None:
    """An admitted claim reserves, and says where each limit stands after it."""
    one = claim()
    fact = bench.meter.claim(one)
    assert fact.reserved
    assert [answer.name for answer in fact.limits] == ["burst", "hourly", "daily"]
    assert [answer.remaining for answer in fact.limits] == [9, 4, 99]
    row = bench.row(one.request_id)
    assert (row.state, row.units, row.at, row.settled_at, row.key_id) == ("reserved", 1, NOON, None, "key-1")


def test_a_refused_claim_takes_nothing_and_leaves_no_row(bench: Bench) -> None:
    """When the hourly quota is used up, neither the daily one nor the rate loses anything, however often one asks."""
    for _ in range(5):
        bench.claimed(claim())
    for _ in range(4):
        fact = bench.meter.claim(claim())
        assert not fact.reserved
        assert [answer.allowed for answer in fact.limits] == [True, False, True]
    assert bench.left(*LIMITS) == [5, 0, 95]
    assert len(list(bench.book.rows())) == 5


def test_a_claim_may_be_repeated(bench: Bench) -> None:
    """The same request claims three times and takes once."""
    one = claim()
    assert [bench.meter.claim(one).reserved for _ in range(3)] == [True] * 3
    assert bench.left(*LIMITS) == [9, 4, 99]


def test_a_released_request_id_cannot_be_used_again(bench: Bench) -> None:
    """A second life of a request id would be a cut-out that nobody pays for."""
    one = claim()
    bench.meter.release(bench.claimed(one), "upload.truncated", NOON)
    with pytest.raises(ValueError, match="new request id"):
        bench.meter.claim(one)


def test_releasing_gives_quota_back_once_and_keeps_the_rate_spent(bench: Bench) -> None:
    """A request that failed costs a rate token and nothing else, whether it is released once or three times."""
    request = bench.claimed(claim())
    told = [bench.meter.release(request, "upload.corrupt", NOON + 1) for _ in range(3)]
    assert [[answer.remaining for answer in answers] for answers in told] == [[9, 5, 100], [], []]
    assert bench.left(*LIMITS, at=NOON + 1) == [9, 5, 100]
    row = bench.row(request)
    assert (row.state, row.note, row.settled_at) == ("released", "upload.corrupt", None)


def test_what_is_settled_stays_charged(bench: Bench) -> None:
    """Settling twice is settling once, and a release that comes too late changes nothing."""
    request = bench.claimed(claim())
    for ms in (120.0, 999.0):
        bench.meter.settle(request, Usage(1, 1_500_000, 400_000, 900_000, "u2netp", ms), NOON + 2)
    bench.meter.release(request, "late", NOON + 3)
    row = bench.row(request)
    assert (row.state, row.settled_at, row.note) == ("settled", NOON + 2, "")
    assert row.usage == Usage(1, 1_500_000, 400_000, 900_000, "u2netp", 120.0)
    assert bench.left(HOURLY, DAILY) == [4, 99]


def test_settling_brings_bytes_to_what_was_moved(bench: Bench) -> None:
    """Declared bytes hold room for the upload; in the end both directions count, even past the amount."""
    request = bench.claimed(claim((TRAFFIC,), declared=400))
    assert bench.left(TRAFFIC) == [9600]
    for _ in range(2):
        bench.meter.settle(request, Usage(bytes_in=500, bytes_out=1500), NOON + 4000)
    assert bench.left(TRAFFIC) == [8000]
    assert bench.left(TRAFFIC, at=NOON + 4000) == [10_000]
    assert not bench.meter.claim(claim((TRAFFIC,), declared=8001)).reserved
    bench.meter.settle(bench.claimed(claim((TRAFFIC,))), Usage(bytes_in=9000, bytes_out=1), NOON)
    assert bench.left(TRAFFIC) == [0]
    assert not bench.meter.claim(claim((TRAFFIC,))).reserved


def test_an_unknown_request_is_not_settled(bench: Bench) -> None:
    """Settling or releasing what was never claimed does nothing; binding or raising it is a bug and says so."""
    bench.meter.settle("nobody", Usage(), NOON)
    bench.meter.release("nobody", "x", NOON)
    assert not bench.meter.refund("nobody", "x", NOON)
    with pytest.raises(LookupError):
        bench.meter.bind("nobody", "f", "u2netp")
    with pytest.raises(LookupError):
        bench.meter.top_up("nobody", 3, NOON)


def test_a_refund_returns_quota_by_a_note_not_by_deleting(bench: Bench) -> None:
    """What was charged in error comes back, and the book still tells what happened."""
    request = bench.delivered(claim())
    assert bench.meter.refund(request, "wrong model", NOON + 9)
    assert not bench.meter.refund(request, "again", NOON + 9)
    assert bench.left(HOURLY, DAILY) == [5, 100]
    assert (bench.row(request).state, bench.row(request).note) == ("released", "wrong model")


# --- megapixels ---------------------------------------------------------------------------------------------


def test_topping_up_takes_the_rest_of_the_megapixels(bench: Bench) -> None:
    """The claim takes one megapixel, the header says twelve: eleven more, once; images still count as one."""
    request = bench.claimed(claim((PIXELS, HOURLY)))
    for _ in range(2):
        assert bench.meter.top_up(request, 12, NOON + 1).reserved
    assert bench.left(PIXELS, HOURLY) == [38, 4]
    assert bench.row(request).units == 12
    bench.meter.release(request, "engine.time_limit", NOON + 2)
    assert bench.left(PIXELS, HOURLY) == [50, 5]


def test_topping_up_beyond_what_is_there_takes_nothing(bench: Bench) -> None:
    """Sixty megapixels do not fit into fifty: the answer says so, and one unit is still all that was taken."""
    request = bench.claimed(claim((PIXELS, replace(PIXELS, name="big", amount=500))))
    fact = bench.meter.top_up(request, 60, NOON)
    assert [answer.allowed for answer in fact.limits] == [False, True]
    assert bench.left(PIXELS, replace(PIXELS, name="big", amount=500)) == [49, 499]
    assert bench.row(request).units == 1


def test_images_are_not_topped_up(bench: Bench) -> None:
    """Where nothing counts megapixels, a large image is one image."""
    request = bench.claimed(claim())
    assert bench.meter.top_up(request, 48, NOON).reserved
    assert bench.row(request).units == 1


# --- credits ------------------------------------------------------------------------------------------------


def test_credits_are_spent_raised_and_returned(bench: Bench) -> None:
    """Twenty credits: one for the claim, eleven more for its pixels, all back when it fails, twelve gone when not."""
    limits = (CREDITS, HOURLY)
    refused = bench.meter.claim(claim(limits))
    assert not refused.reserved
    assert (refused.limits[0].remaining, refused.limits[0].retry_after_s) == (0, -1.0)
    assert bench.left(HOURLY) == [5]
    assert bench.book.credit("acme", 20, "invoice 7", actor="cli:ann", request_id="top-1", at=NOON) == 20
    for settle in (False, True):
        request = bench.claimed(claim(limits))
        bench.meter.top_up(request, 12, NOON)
        assert bench.book.balance("acme") == 8
        if settle:
            bench.meter.settle(request, Usage(), NOON)
        bench.meter.release(request, "x", NOON)
    assert bench.book.balance("acme") == 8
    assert bench.meter.top_up(bench.claimed(claim(limits)), 12, NOON).limits[0].allowed is False
    assert bench.book.balance("acme") == 7


def test_a_quota_that_refuses_spends_no_credit(bench: Bench) -> None:
    """All or nothing holds across the balance and the windows, wherever each is kept."""
    bench.book.credit("acme", 9, "", actor="cli:ann", request_id="top-2", at=NOON)
    for n in range(8):
        assert bench.meter.claim(claim((CREDITS, HOURLY))).reserved is (n < 5)
    assert bench.book.balance("acme") == 4


# --- idempotency --------------------------------------------------------------------------------------------


def test_a_key_in_use_is_a_conflict(bench: Bench) -> None:
    """While the first request runs, a second one under its key takes nothing and is told whose key it is."""
    first = bench.claimed(claim(key="k"))
    fact = bench.meter.claim(claim(key="k"))
    assert (fact.conflict, fact.holder, fact.reserved) == ("idempotency.in_progress", first, False)
    assert bench.left(*LIMITS) == [9, 4, 99]
    assert bench.meter.claim(claim(key="k", identity="other")).reserved


def test_a_delivered_answer_can_be_had_three_times_more(bench: Bench) -> None:
    """Within a day the answer is made again, uncharged, three times; the fourth time the key is exhausted."""
    first = bench.delivered(claim(key="k"))
    standing = bench.left(*LIMITS)
    for number in (1, 2, 3):
        again = claim(key="k", at=NOON + 1000 * number)
        for _ in range(2):
            fact = bench.meter.claim(again)
            assert (fact.replay, fact.reserved, fact.conflict) == (number, False, "")
        assert bench.meter.bind(again.request_id, "f", "isnet") == "u2netp"
        assert bench.meter.top_up(again.request_id, 12, NOON).replay == number
        bench.meter.settle(again.request_id, Usage(images=7), NOON + 2000)
        bench.meter.release(again.request_id, "too late", NOON + 2000)
    fact = bench.meter.claim(claim(key="k", at=NOON + 4000))
    assert (fact.conflict, fact.holder, fact.replay) == ("idempotency.exhausted", first, 4)
    assert bench.left(*LIMITS) == standing
    assert (bench.row(first).replays, bench.row(first).usage.images) == (3, 1)


def page(images: int) -> tuple[Uses, ...]:
    """What every claim with one token for a web page uses up."""
    return (Uses("browser:key-1", "jti", NOON + 600, most=images, reason="token.used_up", repeats=images * REPLAYS),)


def test_a_repeat_takes_no_image_of_a_token(bench: Bench) -> None:
    """A page repeats the first of its two images three times, and the second is still there; then none is."""
    first = bench.delivered(replace(claim(key="k"), uses=page(2)))
    for number in (1, 2, 3):
        again = replace(claim(key="k"), uses=page(2))
        assert bench.meter.claim(again).replay == number
        bench.meter.settle(again.request_id, Usage(), NOON)
    assert bench.meter.claim(replace(claim(key="k"), uses=page(2))).holder == first
    bench.delivered(replace(claim(key="another"), uses=page(2)))
    assert bench.meter.claim(replace(claim(), uses=page(2))).conflict == "token.used_up"
    assert bench.meter.claim(replace(claim(key="another"), uses=page(2))).replay == 1


def test_repeats_at_once_take_no_image_of_a_token(bench: Bench) -> None:
    """While the first is being worked on they are told to wait, whether or not it took the last image."""
    first = bench.claimed(replace(claim(key="k"), uses=page(1)))
    again = [replace(claim(key="k"), uses=page(1)) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        facts = list(pool.map(bench.meter.claim, again))
    assert {(fact.conflict, fact.holder) for fact in facts} == {("idempotency.in_progress", first)}
    bench.meter.settle(first, Usage(), NOON)
    with ThreadPoolExecutor(8) as pool:
        numbers = sorted(fact.replay for fact in pool.map(bench.meter.claim, again) if not fact.conflict)
    assert numbers == [1, 2, 3]


def test_a_token_is_good_for_so_many_repeats_whatever_comes_of_them(bench: Bench) -> None:
    """Whoever sends other images under one key, out of a page that anybody can read, is let in three times."""
    bench.delivered(replace(claim(key="k"), uses=page(1)))
    for _ in range(REPLAYS):
        other = replace(claim(key="k"), uses=page(1))
        assert bench.meter.claim(other).replay == 1
        with pytest.raises(Refusal, match="another image"):
            bench.meter.bind(other.request_id, "another", "u2netp")
    assert bench.meter.claim(replace(claim(key="k"), uses=page(1))).conflict == "token.used_up"


def test_what_was_let_go_is_paid_for_anew(bench: Bench) -> None:
    """The work failed, so there is nothing to repeat: the next try under the key takes an image."""
    failed = bench.claimed(replace(claim(key="k"), uses=page(2)))
    bench.meter.release(failed, "engine.failed", NOON)
    bench.delivered(replace(claim(key="k"), uses=page(2)))
    assert bench.meter.claim(replace(claim(), uses=page(2))).conflict == "token.used_up"


def test_a_replay_that_does_not_deliver_does_not_count(bench: Bench) -> None:
    """Ten replays fail for want of a worker, and the caller still gets what was paid for; a dead one lapses."""
    bench.delivered(claim(key="k"))
    for _ in range(10):
        again = claim(key="k")
        assert bench.meter.claim(again).replay == 1
        bench.meter.release(again.request_id, "capacity.queue_full", NOON)
    assert bench.meter.claim(claim(key="k")).replay == 1
    bench.meter.sweep(NOON + 3600)
    assert bench.meter.claim(claim(key="k", at=NOON + 3600)).replay == 1


def test_a_key_is_free_after_a_day(bench: Bench) -> None:
    """What was promised for 24 hours ends after them: the same key then begins a request that is charged."""
    bench.delivered(claim(key="k"), at=NOON + 1)
    assert bench.meter.claim(claim(key="k", at=NOON + DAY)).replay == 1
    assert bench.meter.claim(claim(key="k", at=NOON + DAY + 1)).reserved
    assert bench.meter.claim(claim(key="k", at=NOON + DAY + 2)).conflict == "idempotency.in_progress"


def test_a_key_is_free_after_a_failure(bench: Bench) -> None:
    """A request that was released never delivered, so its key begins afresh."""
    bench.meter.release(bench.claimed(claim(key="k")), "engine.worker_died", NOON)
    assert bench.meter.claim(claim(key="k")).reserved


def test_another_payload_under_a_key_is_a_mismatch(bench: Bench) -> None:
    """Reusing a key for another image gets neither that image nor the old one, and uses up no replay."""
    first = bench.delivered(claim(key="k"), fingerprint="cat")
    for _ in range(5):
        again = claim(key="k")
        bench.meter.claim(again)
        with pytest.raises(Refusal) as refusal:
            bench.meter.bind(again.request_id, "dog", "u2netp")
        assert refusal.value.reason.code == "idempotency.mismatch"
        assert refusal.value.facts == {"request_id": first}
        bench.meter.release(again.request_id, "idempotency.mismatch", NOON)
    assert bench.meter.claim(claim(key="k")).replay == 1


def test_one_of_twenty_retries_at_once_gets_the_key(bench: Bench) -> None:
    """A client that retries in a panic is charged once."""
    claims = [claim(key="k") for _ in range(20)]
    with ThreadPoolExecutor(20) as pool:
        facts = list(pool.map(bench.meter.claim, claims))
    assert sum(fact.reserved for fact in facts) == 1
    assert sum(fact.conflict == "idempotency.in_progress" for fact in facts) == 19
    assert bench.left(*LIMITS) == [9, 4, 99]


# --- leases -------------------------------------------------------------------------------------------------


def test_a_lapsed_reservation_is_swept(bench: Bench) -> None:
    """Whoever dies with a reservation gives it back when its lease is over, and not a moment before."""
    request = bench.claimed(claim())
    assert bench.meter.sweep(NOON + 299.9) == 0
    assert bench.meter.sweep(NOON + 300) == 1
    assert bench.meter.sweep(NOON + 300) == 0
    assert bench.left(HOURLY, DAILY) == [5, 100]
    assert (bench.row(request).state, bench.row(request).note) == ("released", "lease")


def test_a_lapsed_reservation_gives_its_key_up_without_a_sweep(bench: Bench) -> None:
    """The retry after a crash need not wait for the sweeper."""
    bench.claimed(claim(key="k"))
    assert bench.meter.claim(claim(key="k", at=NOON + 299)).conflict
    assert bench.meter.claim(claim(key="k", at=NOON + 300)).reserved
    assert bench.left(HOURLY, DAILY, at=NOON + 300) == [4, 99]


def test_work_that_delivers_after_its_lease_is_charged_all_the_same(bench: Bench) -> None:
    """An answer that goes out is paid for, although the sweeper had given its reservation back; its key holds again."""
    request = bench.claimed(claim((HOURLY, TRAFFIC), key="k", declared=100))
    bench.meter.sweep(NOON + 400)
    for _ in range(2):
        bench.meter.settle(request, Usage(bytes_in=300, bytes_out=200), NOON + 500)
    assert bench.left(HOURLY, TRAFFIC) == [4, 9500]
    assert bench.row(request).state == "settled"
    assert bench.meter.claim(claim((HOURLY,), key="k", at=NOON + 600)).replay == 1


def test_a_late_delivery_does_not_steal_a_key_that_was_used_again(bench: Bench) -> None:
    """The retry owns the key by now; both deliver, both are charged, and the key answers for the retry."""
    late = bench.claimed(claim(key="k"))
    retry = bench.claimed(claim(key="k", at=NOON + 301))
    bench.meter.settle(late, Usage(), NOON + 302)
    assert bench.meter.claim(claim(key="k", at=NOON + 303)).holder == retry
    assert bench.left(HOURLY, at=NOON + 303) == [3]


# --- aborts -------------------------------------------------------------------------------------------------


def test_too_many_abandoned_requests_are_a_conflict(bench: Bench) -> None:
    """Aborts give the quota back, but twenty within ten minutes close the door until the oldest is ten minutes old."""
    wide = (Limit("wide", "quota", 10_000, 86_400),)
    for n in range(ABORTS):
        bench.meter.abort(bench.claimed(claim(wide, at=NOON + n)), NOON + n)
    assert bench.left(*wide) == [10_000]
    fact = bench.meter.claim(claim(wide, at=NOON + 60))
    assert (fact.conflict, fact.reserved, fact.retry_after_s) == ("rate.aborts", False, 540.0)
    assert bench.meter.claim(claim(wide, at=NOON + 60, identity="other")).reserved
    assert bench.meter.claim(claim(wide, at=NOON + 600)).reserved


# --- the epoch ----------------------------------------------------------------------------------------------


def test_a_claim_on_an_old_epoch_takes_nothing(bench: Bench) -> None:
    """Keys changed after the snapshot: nothing is taken, rates not even, and the same request may decide again."""
    one = claim(epoch=7)
    with pytest.raises(EpochChanged):
        bench.meter.claim(one)
    assert bench.left(*LIMITS) == [10, 5, 100]
    assert bench.meter.claim(replace(one, epoch=1)).reserved
    assert bench.left(*LIMITS) == [9, 4, 99]


def test_a_revocation_holds_on_the_very_next_claim(tmp_path: Path) -> None:
    """Another process raises the epoch while the meter is open: the next claim sees it, and the writer never waits."""
    with bench_of("book", tmp_path) as bench:
        bench.claimed(claim(epoch=1))
        with sqlite3.connect(tmp_path / "control.db", timeout=0, isolation_level=None) as other:
            with bench.database.write():
                other.execute("UPDATE epoch SET value = 2")
            with pytest.raises(EpochChanged):
                bench.meter.claim(claim(epoch=1))
            bench.claimed(claim(epoch=2))
            other.execute("DROP TABLE epoch")
        other.close()
        with pytest.raises(Unavailable, match="control"):
            bench.meter.claim(claim(epoch=2))


def test_a_missing_control_file_is_named(tmp_path: Path) -> None:
    """A home without keys cannot compare epochs, and must not begin to serve without comparing."""
    with pytest.raises(Unavailable, match=r"control: control\.db cannot be read"):
        UsageDatabase(tmp_path / "usage.db", control=tmp_path / "control.db")


# --- when the row cannot be written -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["book", "over-memory", "over-redis"])
def test_a_row_that_cannot_be_written_costs_nothing(kind: str, tmp_path: Path) -> None:
    """The disk is full at the moment of the claim: nothing is taken anywhere, and the next attempt starts clean."""
    with bench_of(kind, tmp_path) as bench:
        bench.claimed(claim())
        with bench.database.write() as db:
            db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0]}")
        one = claim(key="k" * 100_000)
        for _ in range(3):
            with pytest.raises(Unavailable, match="ledger: database or disk is full"):
                bench.meter.claim(one)
        assert bench.left(*LIMITS) == [9, 4, 99]
        with bench.database.write() as db:
            db.execute("PRAGMA max_page_count = 1000000")
        bench.claimed(one)
        assert bench.left(*LIMITS) == [8, 3, 98]


def test_a_memory_meter_forgets_what_no_key_needs(tmp_path: Path) -> None:
    """Without a file, finished requests leave after their keys have; what still runs stays."""
    with bench_of("memory", tmp_path) as bench:
        assert isinstance(bench.meter, MemoryMeter)
        old, new = bench.delivered(claim(key="a")), bench.delivered(claim(key="b", at=NOON + 2 * DAY))
        bench.meter.sweep(NOON + 2 * DAY + 2)
        assert [row.request_id for row in bench.book.rows()] == [new]
        assert old != new


def test_a_rate_token_stays_spent(bench: Bench) -> None:
    """Ten requests that fail are ten of the burst: a caller cannot probe for free."""
    only = (RATE,)
    for _ in range(10):
        bench.meter.release(bench.claimed(claim(only)), "upload.type", NOON)
    fact = bench.meter.claim(claim((RATE, DAILY)))
    assert not fact.reserved
    assert fact.limits[0].retry_after_s == 360.0
