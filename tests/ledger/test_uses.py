"""One-time values in a claim: used once, never dropped early, all or nothing with the limits, kept over a restart."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mattegate.ledger.meter_memory import MemoryMeter
from mattegate.ledger.meter_sqlite import SqliteMeter
from mattegate.ledger.protocols import Claim, Unavailable, Usage
from mattegate.ledger.usage_database import UsageDatabase
from mattegate.ledger.usage_uses import UseBook
from mattegate.vocabulary.facts import Uses
from mattegate.vocabulary.rulebook import Limit

NOW = 1_750_000_000.0
NONCE = Uses("signature:key-1", "n-1", NOW + 300, made=NOW)
ONE = Limit("one", "quota", 1, 3600)


@pytest.fixture(params=["memory", "sqlite"])
def meter(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteMeter]:
    """A meter in memory, and one on the disk."""
    if request.param == "memory":
        yield MemoryMeter()
        return
    database = UsageDatabase(tmp_path / "usage.db")
    yield SqliteMeter(database)
    database.close()


def claim(number: int, *, uses: tuple[Uses, ...] = (NONCE,), **changes: object) -> Claim:
    """A claim of one identity, without limits and unmetered unless said otherwise."""
    return replace(Claim(f"req-{number}", "id-1", "key-1", NOW, (), uses=uses, metered=False), **changes)  # type: ignore[arg-type]


def test_a_nonce_is_good_once(meter: SqliteMeter) -> None:
    """The second request with it is told so; another nonce, or the same one of another key, is not."""
    assert meter.claim(claim(1)).conflict == ""
    assert meter.claim(claim(2)).conflict == "signature.replayed"
    assert meter.claim(claim(3, uses=(replace(NONCE, value="n-2"),))).conflict == ""
    assert meter.claim(claim(4, uses=(replace(NONCE, subject="signature:key-2"),))).conflict == ""


def test_something_may_be_used_several_times(meter: SqliteMeter) -> None:
    """A browser token for three images serves three."""
    token = Uses("browser:key-1", "jti", NOW + 600, most=3, reason="token.used_up")
    assert [meter.claim(claim(number, uses=(token,))).conflict for number in range(4)] == ["", "", "", "token.used_up"]


def test_a_refused_claim_uses_nothing_up(meter: SqliteMeter) -> None:
    """Whoever is over the quota can send the very same request again when there is room."""
    first = claim(1, limits=(ONE,), metered=True)
    assert meter.claim(first).reserved
    second = claim(2, uses=(replace(NONCE, value="n-2"),), limits=(ONE,), metered=True)
    assert not meter.claim(second).reserved
    meter.release("req-1", "test", NOW)
    assert meter.claim(replace(second, request_id="req-3")).reserved


def test_a_used_nonce_takes_nothing_of_a_quota(meter: SqliteMeter) -> None:
    """A replayed request costs its victim nothing."""
    two = Limit("two", "quota", 2, 3600)
    assert meter.claim(claim(1, limits=(two,), metered=True)).reserved
    assert meter.claim(claim(2, limits=(two,), metered=True)).conflict == "signature.replayed"
    fresh = claim(3, uses=(replace(NONCE, value="n-2"),), limits=(two,), metered=True)
    assert meter.claim(fresh).reserved


def test_the_same_claim_again_is_no_replay(meter: SqliteMeter) -> None:
    """A claim whose answer was lost is asked again under its own id."""
    one = claim(1, limits=(ONE,), metered=True)
    assert meter.claim(one).reserved
    assert meter.claim(one).reserved


def test_an_idempotency_key_does_not_open_a_replayed_signature(meter: SqliteMeter) -> None:
    """A captured request, key and all, does not fetch the delivered answer a second time."""
    first = claim(1, idempotency_key="once", metered=True)
    meter.claim(first)
    meter.settle("req-1", Usage(), NOW)
    assert meter.claim(replace(first, request_id="req-2")).conflict == "signature.replayed"
    signed_anew = replace(first, request_id="req-3", uses=(replace(NONCE, value="n-2"),))
    assert meter.claim(signed_anew).replay == 1
    assert meter.claim(replace(signed_anew, request_id="req-4")).conflict == "signature.replayed"


def test_a_nonce_is_remembered_until_it_is_too_old_to_be_sent(meter: SqliteMeter) -> None:
    """Sweeping forgets it only after the time from which its age refuses it; another of that name is new then."""
    meter.claim(claim(1))
    meter.sweep(NOW + 299)
    assert meter.claim(claim(2)).conflict == "signature.replayed"
    meter.sweep(NOW + 301)
    assert meter.claim(claim(3, uses=(later(NONCE, 300),))).conflict == ""


def test_a_captured_request_whose_body_comes_slowly_outlasts_no_nonce(meter: SqliteMeter) -> None:
    """Its head was judged in time, and by its claim the nonce is swept: what may be forgotten is not let pass."""
    meter.claim(claim(1))
    meter.sweep(NOW + 301)
    assert is_forgotten(meter, NONCE)
    assert is_forgotten(meter, replace(NONCE, value="n-2"))
    assert meter.claim(claim(3, uses=(later(NONCE, 1),))).conflict == ""


@pytest.mark.parametrize("leap_s", [0.0, 3_600.0, 400 * 86_400.0])
def test_a_clock_that_is_set_back_opens_nothing_again(tmp_path: Path, leap_s: float) -> None:
    """After a leap forward and a sweep there, or long after; in this process and in the next one."""
    for setting in (True, False):
        database = UsageDatabase(tmp_path / "usage.db")
        meter = SqliteMeter(database)
        if setting:
            meter.claim(claim(1))
            meter.sweep(NOW + 301 + leap_s)
        meter.sweep(NOW + 1)
        assert is_forgotten(meter, NONCE)
        assert meter.claim(claim(2 + setting, uses=(replace(later(NONCE, 1), value=f"{setting}"),))).conflict == ""
        database.close()


def test_what_is_forgotten_of_one_kind_shuts_out_no_other(meter: SqliteMeter) -> None:
    """An address that was good for a week is forgotten after a leap of the clock; signatures go on once it is right."""
    week = Uses("presigned:key-1", "p-1", NOW + 7 * 86_400)
    meter.claim(claim(1, uses=(week,)))
    meter.sweep(NOW + 8 * 86_400)
    assert is_forgotten(meter, week)
    assert meter.claim(claim(2)).conflict == ""


def test_a_wider_window_opens_nothing_again(meter: SqliteMeter) -> None:
    """The operator lets clocks be further apart: what was good for a minute is not good for the rest of five."""
    meter.claim(claim(1, uses=(replace(NONCE, until=NOW + 61),)))
    meter.sweep(NOW + 62)
    assert is_forgotten(meter, NONCE)


def later(one: Uses, seconds: float) -> Uses:
    """One that was made so much later."""
    return replace(one, until=one.until + seconds, made=one.mark + seconds)


def is_forgotten(meter: SqliteMeter, one: Uses) -> bool:
    """Whether the meter says that it can tell nothing about it."""
    with pytest.raises(Unavailable, match="forgotten") as refused:
        meter.claim(claim(99, uses=(one,)))
    return refused.value.dependency == "nonces"


def test_a_restart_forgets_no_nonce(tmp_path: Path) -> None:
    """A captured request is refused by the next process too."""
    for number, expected in ((1, ""), (2, "signature.replayed")):
        database = UsageDatabase(tmp_path / "usage.db")
        assert SqliteMeter(database).claim(claim(number)).conflict == expected
        database.close()


def test_one_key_cannot_fill_the_book(meter: SqliteMeter) -> None:
    """Beyond its own share it is told to wait until its oldest nonce is forgotten; others are served."""
    meter._uses = UseBook(most_of_one=5)
    for number in range(5):
        assert meter.claim(claim(number, uses=(replace(NONCE, value=f"n{number}"),))).conflict == ""
    refused = meter.claim(claim(9, uses=(replace(NONCE, value="n9"),)))
    assert (refused.conflict, refused.retry_after_s) == ("rate.nonces", 300.0)
    assert meter.claim(claim(10, uses=(replace(NONCE, subject="signature:key-2"),))).conflict == ""


def test_a_full_book_refuses_everybody_and_forgets_nothing(meter: SqliteMeter) -> None:
    """New cannot be told from old any more: that is the store's failure, and no nonce is dropped to make room."""
    meter._uses = UseBook(most_in_all=3)
    for number in range(3):
        meter.claim(claim(number, uses=(Uses(f"signature:key-{number}", "n", NOW + 300),)))
    with pytest.raises(Unavailable) as refused:
        meter.claim(claim(9, uses=(Uses("signature:key-9", "n", NOW + 300),)))
    assert refused.value.dependency == "nonces"
    assert meter.claim(claim(10, uses=(Uses("signature:key-0", "n", NOW + 300),))).conflict == "signature.replayed"


def test_of_many_at_once_one_wins(tmp_path: Path) -> None:
    """Eight threads send one captured request: one is served."""
    database = UsageDatabase(tmp_path / "usage.db")
    meter, conflicts = SqliteMeter(database), list[str]()

    def send(number: int) -> None:
        conflicts.append(meter.claim(claim(number)).conflict)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    database.close()
    assert sorted(conflicts) == ["", *["signature.replayed"] * 7]
