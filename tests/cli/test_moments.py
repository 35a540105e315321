"""Spans and dates as people type them."""

from __future__ import annotations

import contextlib

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from mattegate.cli.moments import day_text, minute_text, read_end, read_past, read_span, span_text

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("24h", 86_400), ("90d", 7_776_000), ("0s", 0), ("1.5h", 5_400), ("2 weeks", 1_209_600), ("30 Min", 1_800)],
)
def test_a_span_is_a_number_and_a_word(text: str, seconds: float) -> None:
    """Words long and short, with and without a space."""
    assert read_span(text, "--overlap") == seconds
    assert read_end(text, NOW, "--expires") == NOW + seconds
    assert read_past(text, NOW, "--since") == NOW - seconds


@pytest.mark.parametrize("text", ["", "soon", "1m", "5", "-1d", "9999999d", "1y", "1e3s", "١d"])
def test_what_is_no_span_is_a_mistake_in_the_line(text: str) -> None:
    """m could be a month, and a bare number could be anything."""
    with pytest.raises(typer.BadParameter):
        read_span(text, "--overlap")


def test_dates_are_utc_unless_they_say_otherwise() -> None:
    """A day begins at midnight of UTC, on every machine."""
    assert read_end("2027-01-15", NOW, "--expires") == 1_799_971_200
    assert read_past("2027-01-15T08:00Z", NOW, "--since") == NOW
    assert read_past("2027-01-15T09:00+01:00", NOW, "--since") == NOW
    assert (day_text(NOW), minute_text(NOW), day_text(None)) == ("2027-01-15", "2027-01-15 08:00", "")


def test_spans_are_shown_in_the_unit_that_tells_most() -> None:
    """Nobody needs 43,200 seconds."""
    assert [span_text(s) for s in (5, 119, 120, 7_200, 172_800)] == ["5 s", "119 s", "2 min", "2 h", "2 days"]


@given(st.text())
def test_no_text_breaks_the_reading(text: str) -> None:
    """It is a time, or a mistake in the line."""
    with contextlib.suppress(typer.BadParameter):
        assert isinstance(read_end(text, NOW, "--expires"), float)
