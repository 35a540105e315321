"""Dates in headers (RFC 9110, section 5.6.7), which may hold anything."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

_LONGEST: Final = 64
"""Characters of a text that may be a date."""


def http_date(text: str | None) -> datetime | None:
    """The moment that a header names; ``None`` where it is not there, or is no date."""
    if not text:
        return None
    try:
        found = parsedate_to_datetime(text[:_LONGEST])
    except (
        ValueError,
        TypeError,
        IndexError,
        OverflowError,
    ):  # all of which the standard library raises
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
