"""Request ids that carry time and reason under a MAC."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.serving.request_id import format_request_id, new_request_id
from mattegate.signing.sealed import reason_number, reason_of, seal, unseal
from mattegate.vocabulary.reasons import REASONS

KEY = bytes(range(32))
TIMES, NUMBERS = st.integers(0, 2**48 - 1), st.integers(0, 2**16 - 1)


@given(TIMES, NUMBERS)
def test_a_sealed_id_tells_what_was_sealed(at_ms: int, number: int) -> None:
    """Time and reason come back, from an id that is spelled like any other."""
    sealed = seal(at_ms, number, KEY)
    assert re.fullmatch("req_[0-7][0-9A-HJKMNP-TV-Z]{25}", sealed)
    assert unseal(sealed, KEY) == (at_ms, number)


@given(TIMES, NUMBERS)
def test_sealed_ids_sort_among_the_others(at_ms: int, number: int) -> None:
    """The first 48 bits are the time in both kinds, so that ids sort by it whatever kind they are."""
    ordinary = format_request_id(at_ms, bytes(16))
    assert seal(at_ms, number, KEY)[:13] == ordinary[:13]
    value = int.from_bytes(bytes.fromhex(f"{at_ms:012x}"), "big")
    assert format_request_id(value, b"\xff" * 16) >= seal(at_ms, number, KEY) >= ordinary


@given(TIMES, NUMBERS, st.integers(4, 29), st.characters())
def test_no_character_of_a_sealed_id_can_be_changed(at_ms: int, number: int, at: int, other: str) -> None:
    """An id that was altered, or spelled with other letters, tells nothing."""
    sealed = seal(at_ms, number, KEY)
    if sealed[at] != other:
        assert unseal(sealed[:at] + other + sealed[at + 1 :], KEY) is None


def test_another_key_opens_nothing() -> None:
    """Only the installation that sealed an id can read it."""
    assert unseal(seal(1, 2, KEY), KEY[::-1]) is None


def test_ordinary_ids_are_not_taken_for_sealed_ones() -> None:
    """Random bits have the right MAC once in 2^64."""
    assert all(unseal(new_request_id(), KEY) is None for _ in range(2_000))


@given(st.text())
def test_nothing_else_is_an_id(text: str) -> None:
    """Whatever is asked for, the answer is that it was not sealed here."""
    assert unseal(text, KEY) is None
    assert unseal("req_" + text, KEY) is None


@pytest.mark.parametrize("spoilt", [str.lower, lambda sealed: sealed + "\n", lambda sealed: "req_8" + sealed[5:]])
def test_one_id_has_one_spelling(spoilt: object) -> None:
    """Small letters, a line end or a value beyond 128 bits is another text, not another spelling."""
    assert callable(spoilt)
    assert unseal(spoilt(seal(1, 2, KEY)), KEY) is None


@pytest.mark.parametrize(("at_ms", "number"), [(-1, 0), (2**48, 0), (0, -1), (0, 2**16)])
def test_what_does_not_fit_is_not_sealed(at_ms: int, number: int) -> None:
    """A time or a number beyond its bits is an error, not another time."""
    with pytest.raises(OverflowError):
        seal(at_ms, number, KEY)


def test_every_reason_has_a_number_of_its_own() -> None:
    """Two codes of the catalogue with one number would make a sealed id tell the wrong one: rename the newer."""
    numbers = {code: reason_number(code) for code in REASONS}
    assert len(set(numbers.values())) == len(numbers)
    assert all(reason_of(number) == code for code, number in numbers.items())


def test_a_number_without_a_reason_is_none() -> None:
    """An id of a version with reasons that this one does not know still tells its time."""
    free = next(number for number in range(2**16) if number not in {reason_number(code) for code in REASONS})
    assert reason_of(free) is None
