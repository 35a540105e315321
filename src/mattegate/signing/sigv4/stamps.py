"""Instants as this scheme writes them: ISO 8601 basic format in UTC, and in ``Date`` also the HTTP form.

Both are read strictly; what AWS would not read is not read here.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

_BASIC: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HTTP: Final = re.compile(
    rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), ([0-9]{{2}}) ({'|'.join(_MONTHS)}) ([0-9]{{4}})"
    r" ([0-9]{2}):([0-9]{2}):([0-9]{2}) (?:GMT|UTC|[+-]0000)"
)
"""RFC 9110, section 5.6.7, and the zone as mail writes it (RFC 5322, section 3.3), which some signers send."""


def stamp(at: float) -> str:
    """Unix seconds as ``20150830T123600Z``, whole seconds cut."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")


def instant(text: str) -> float | None:
    """The Unix seconds of ``20150830T123600Z``; ``None`` for anything else."""
    found = _BASIC.fullmatch(text)
    return _seconds(*map(int, found.groups())) if found else None


def http_instant(text: str) -> float | None:
    """The Unix seconds of ``Sun, 30 Aug 2015 12:36:00 GMT``; ``None`` for anything else."""
    found = _HTTP.fullmatch(text)
    if not found:
        return None
    day, month, year, hour, minute, second = found.groups()
    return _seconds(int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second))


def _seconds(year: int, month: int, day: int, hour: int, minute: int, second: int) -> float | None:
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    except ValueError:
        return None
