"""What every record book promises, kept by each implementation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mattegate.ledger.protocols import RecordBook, Sealed
from mattegate.ledger.records import Records
from mattegate.ledger.records_codec import encode_record
from mattegate.ledger.records_memory import MemoryRecords
from mattegate.ledger.records_room import DroppedCount
from mattegate.ledger.spool import frame
from mattegate.vocabulary.reasons import REASONS
from mattegate.vocabulary.rulebook import Rulebook, Tier
from tests.ledger.record_samples import KEY, START, refusal

SIZE = len(frame(encode_record(refusal()), proven=False))
Make = Callable[[int], RecordBook]


@pytest.fixture(params=["memory", "spool", "store"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Books whose unproven callers have room for so many bytes: in memory; in the spool; imported all the time."""
    books: list[Records] = []

    def made(unproven_bytes: int) -> RecordBook:
        if request.param == "memory":
            return MemoryRecords(seal_key=KEY, unproven_bytes=unproven_bytes)
        every_s = 3_600 if request.param == "spool" else 0.001
        book = Records(tmp_path, seal_key=KEY, unproven_bytes=unproven_bytes, import_every_s=every_s)
        book.start()
        books.append(book)
        return book

    yield made
    for book in books:
        book.close()


@pytest.fixture
def book(make: Make) -> RecordBook:
    """A book with room for everything."""
    return make(10**9)


def test_a_record_is_found_at_once(book: RecordBook) -> None:
    """Whatever was appended is found by the id that append returned, and is what was appended."""
    for number in range(30):
        assert book.append(refusal(number), proven=number % 2 == 0) == refusal(number).request_id
        assert book.find(refusal(number).request_id) == refusal(number)
    assert all(book.find(refusal(number).request_id) == refusal(number) for number in range(30))


def test_a_series_keeps_the_same_record_under_other_ids(book: RecordBook) -> None:
    """What a series appends is found like any other record; the first is not kept by making one."""
    first = refusal(1)
    series = book.series(first)
    assert book.find(first.request_id) is None
    for number in range(2, 20):
        other = first.again(f"req_{number:026d}", at=START + number, ms=number / 8)
        assert series.append(other.request_id, at=other.at, ms=other.ms) == other.request_id
        assert book.find(other.request_id) == other


def test_a_series_has_no_more_room_than_others(make: Make) -> None:
    """Past the cap its ids are sealed, and what it dropped is counted."""
    book = make(3 * SIZE)
    series = book.series(refusal(1))
    ids = [series.append(f"req_{number:026d}", at=START + number, ms=0.4) for number in range(5)]
    assert ids[:3] == [f"req_{number:026d}" for number in range(3)]
    assert all(isinstance(book.find(request_id), Sealed) for request_id in ids[3:])


@pytest.mark.parametrize("request_id", ["", "req_", "req_" + "Z" * 26, 'x"y', "\n", "\ud800", "req_%", "é" * 30])
def test_an_id_that_nobody_made_finds_nothing(book: RecordBook, request_id: str) -> None:
    """Unknown, mistyped and malicious ids are simply not there."""
    book.append(refusal(1), proven=True)
    assert book.find(request_id) is None


def test_a_text_that_looks_like_an_id_is_not_one(book: RecordBook) -> None:
    """A caller who puts a record of their own into a header does not get found."""
    forged = '"record":{"request_id":"req_mine"'
    book.append(refusal(1, client_request_id=forged), proven=False)
    book.append(refusal(2, client_request_id="req_mine"), proven=False)
    assert book.find("req_mine") is None


def test_an_id_appended_again_means_the_newer_record(book: RecordBook) -> None:
    """The later record of one id is the one that is found."""
    book.append(refusal(1), proven=True)
    book.append(refusal(1, reason="rate.exceeded"), proven=True)
    found = book.find(refusal(1).request_id)
    assert found is not None
    assert found.reason == "rate.exceeded"


def test_the_newest_come_first(book: RecordBook) -> None:
    """Recent records come in reverse order, as many as were asked for, refused ones alone where that is asked."""
    for number in range(250):
        book.append(refusal(number, reason="" if number % 3 else "rate.exceeded"), proven=True)
    assert [record.at - START for record in book.recent(3)] == [249, 248, 247]
    assert [record.at - START for record in book.recent(3, refused=True)] == [249, 246, 243]
    assert len(list(book.recent(1_000))) == 250
    assert list(book.recent(0)) == []


def test_rulebooks_are_found_by_revision(book: RecordBook) -> None:
    """A kept rulebook comes back; keeping it twice is keeping it once; an unknown revision is not there."""
    rulebook = Rulebook(tiers=(Tier("gold"),))
    assert book.keep_rulebook(rulebook) == book.keep_rulebook(rulebook) == rulebook.revision()
    assert book.rulebook(rulebook.revision()) == rulebook
    assert book.rulebook("rb_0000000000000000") is None


def test_past_the_cap_ids_tell_time_and_reason(make: Make) -> None:
    """Unproven callers' records take no more than their room; the ids beyond it are sealed; proven ones always fit."""
    book = make(5 * SIZE)
    ids = [book.append(refusal(number), proven=False) for number in range(8)]
    assert ids[:5] == [refusal(number).request_id for number in range(5)]
    for number in range(5, 8):
        sealed = book.find(ids[number])
        assert sealed == Sealed(ids[number], START + number, "credential.unknown")
        assert book.find(refusal(number).request_id) is None
    assert book.append(refusal(9), proven=True) == refusal(9).request_id


@pytest.mark.parametrize("code", ["", *REASONS])
def test_every_reason_can_be_sealed(code: str) -> None:
    """Each code of the catalogue, and none at all, comes back out of a sealed id."""
    book = MemoryRecords(seal_key=KEY, unproven_bytes=0)
    sealed = book.find(book.append(refusal(3, reason=code), proven=False))
    assert isinstance(sealed, Sealed)
    assert (sealed.at, sealed.reason) == (START + 3, code)


def test_an_id_sealed_with_another_key_tells_nothing() -> None:
    """Nobody can make ids that this server would answer for."""
    other = MemoryRecords(seal_key=b"quite another key", unproven_bytes=0)
    book = MemoryRecords(seal_key=KEY, unproven_bytes=0)
    assert book.find(other.append(refusal(), proven=False)) is None


def test_retention_deletes_by_age(book: RecordBook) -> None:
    """What is older goes, what is not stays."""
    for number in range(10):
        book.append(refusal(number), proven=number % 2 == 0)
    assert book.prune(START + 4) == 4
    assert [book.find(refusal(number).request_id) is None for number in range(10)] == [True] * 4 + [False] * 6
    assert book.prune(START + 4) == 0


def test_retention_moves_the_window_on(make: Make) -> None:
    """A full room is made free from its oldest record on, proven callers' records stay, and new ones fit again."""
    book = make(8 * SIZE)
    assert isinstance(book, Records | MemoryRecords)
    book.append(refusal(0), proven=True)
    for number in range(1, 10):
        book.append(refusal(number), proven=False)
    assert book.prune(START) == 2
    there = [book.find(refusal(number).request_id) is not None for number in range(10)]
    assert there == [True, False, False, *[True] * 6, False]
    assert book.append(refusal(20), proven=False) == refusal(20).request_id
    assert sum(item.count for item in book.dropped()) == 3
    assert {item.reason for item in book.dropped()} == {"credential.unknown"}


def test_rulebooks_live_as_long_as_their_records(book: RecordBook) -> None:
    """A rulebook goes with the last record that names it; the newest stays in any case."""
    old, middle, new = (Rulebook(tiers=(Tier(name),)) for name in ("old", "middle", "new"))
    names = [book.keep_rulebook(rulebook) for rulebook in (old, middle, new)]
    if isinstance(book, Records):
        book._current.clear()  # as after a restart
    book.append(refusal(1, revision=names[0]), proven=True)
    book.append(refusal(5, revision=names[1]), proven=True)
    book.prune(START)
    assert all(book.rulebook(name) for name in names)
    book.prune(START + 3)
    assert [book.rulebook(name) is not None for name in names] == [False, True, True]


def test_counts_are_by_hour_and_reason(make: Make) -> None:
    """What was not kept is counted under the beginning of its hour."""
    book = make(0)
    assert isinstance(book, Records | MemoryRecords)
    for at in (START, START + 10, START + 3_600):
        book.append(refusal(at=at), proven=False)
    book.prune(START - 86_400)
    hour = int(START) // 3_600 * 3_600
    expected = [DroppedCount(hour, "credential.unknown", 2), DroppedCount(hour + 3_600, "credential.unknown", 1)]
    assert book.dropped() == expected
