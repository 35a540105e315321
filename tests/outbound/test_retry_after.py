"""How long others ask us to wait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.outbound.retry_after import retry_after

NOON = 1_785_585_600.0
"""Sat, 01 Aug 2026 12:00:00 GMT."""


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0), ("7", 7.0), ("Sat, 01 Aug 2026 12:01:30 GMT", 90.0), ("Sat, 01 Aug 2026 11:00:00 GMT", 0.0),
        ("Sat, 01 Aug 2026 12:00:10 -0000", 10.0), ("Saturday, 01-Aug-26 12:00:10 GMT", 10.0),
        ("", None), ("soon", None), ("-7", None), ("7.5", None), ("\u0667", None),
        ("Sat, 01 Aug 2026 99:00:00 GMT", None), ("Sat, 01 Aug 2026 12:00:00 +9999", None),
    ],
)  # fmt: skip
def test_seconds_or_a_date(text: str, seconds: float | None) -> None:
    """Both forms of RFC 9110; a date without a zone is meant in GMT, as every date of HTTP is."""
    assert retry_after(text, NOON) == seconds


@given(st.text(max_size=300) | st.text("0123456789 ,:+-GMTSatAug", max_size=300))
def test_no_text_breaks_the_reading(text: str) -> None:
    """A wait, or nothing."""
    wait = retry_after(text, NOON)
    assert wait is None or wait >= 0
