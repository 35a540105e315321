"""``Retry-After`` (RFC 9110, section 10.2.3): a number of seconds, or a date; others may write anything."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

_SECONDS: Final = re.compile(r"[0-9]+")
_LONGEST: Final = 100
"""Characters of a text that may be a date."""


def retry_after(text: str, at: float) -> float | None:
    """How many seconds after ``at`` it says, at least 0; ``None`` where it says nothing that can be read."""
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        date = parsedate_to_datetime(text[:_LONGEST])
        moment = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (
        ValueError,
        TypeError,
        IndexError,
        OverflowError,
    ):  # all of which the standard library raises
        return None
    return max(moment - at, 0.0)
