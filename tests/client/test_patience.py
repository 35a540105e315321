"""When the client tries again: by what the server says, and by back-off only where nobody says anything."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.client.answers import Answer
from mattegate.client.patience import Patience

NOW = 1_700_000_000.0


def wait(status: int, *headers: tuple[str, str], tried: int = 1, share: float = 1.0) -> float | None:
    """Seconds until the next try after an answer."""
    lines = tuple((name.lower().encode(), value.encode()) for name, value in headers)
    return Patience().wait_s(Answer(status, lines), tried=tried, at=NOW, share=share)


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (429, [("Retry-After", "7")], 7),
        (503, [("Retry-After", "5")], 5),
        (409, [("Retry-After", "1")], 1),
        (429, [("Retry-After", format_datetime(datetime.fromtimestamp(NOW + 9, UTC), usegmt=True))], 9),
        (429, [("Retry-After", "soon")], None),
        (429, [("Retry-After", "61")], None),
        (429, [("RateLimit", '"burst";r=0;t=4, "hourly";r=0;t=30, "daily";r=12;t=50')], 30),
        (429, [("RateLimit", '"credits";r=0')], None),
        (429, [("RateLimit", '"burst";r=01;t=4')], None),
        (429, [("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", str(int(NOW) + 12))], 12),
        (429, [("Retry-After", "7"), ("RateLimit", '"burst";r=0;t=4')], 7),
        (429, [], None),
        (503, [], None),
        (500, [("Retry-After", "1")], None),
        (403, [("Retry-After", "1")], None),
        (200, [], None),
        (502, [], 0.5),
        (504, [], 0.5),
        (502, [("Retry-After", "2")], 2),
    ],
)
def test_the_server_says_when(status: int, headers: list[tuple[str, str]], expected: float | None) -> None:
    """``Retry-After`` before ``RateLimit`` before ``X-RateLimit-Reset``, and nothing where waiting does not help."""
    assert wait(status, *headers) == expected


def test_silence_doubles_and_ends() -> None:
    """A connection that broke is waited for 0.5, 1 and 2 seconds, or half of that, and then no more."""
    patience = Patience()
    waits = [patience.wait_s(None, tried=tried, at=NOW, share=1.0) for tried in range(1, 5)]
    assert waits == [0.5, 1.0, 2.0, None]
    assert patience.wait_s(None, tried=1, at=NOW, share=0.0) == 0.25


@given(
    status=st.integers(100, 599),
    name=st.sampled_from(["Retry-After", "RateLimit", "X-RateLimit-Reset"]),
    value=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40),
)
def test_whatever_is_answered_the_wait_is_bounded(status: int, name: str, value: str) -> None:
    """Nothing that a server says makes the client wait longer than it is ready to, or stumble."""
    found = wait(status, (name, value))
    assert found is None or 0 <= found <= 60
