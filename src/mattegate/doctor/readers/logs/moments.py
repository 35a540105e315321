"""The times of logs, as Unix seconds. A time whose zone nobody knows is none: a guess would be off by hours."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], 1
    )  # never the locale's
}
_COMMON: Final = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d)(?:\.\d+)? ([+-])(\d\d)(\d\d)")
_EPOCH: Final = re.compile(r"\d{9,11}(?:\.\d{1,9})?")
_MILLIS: Final = re.compile(r"\d{12,14}")
_BARE: Final = re.compile(
    r"(\d{4})[-/](\d\d)[-/](\d\d)[T ](\d\d:\d\d:\d\d(?:[.,]\d{1,9})?)(?: ?(Z|UTC|[+-]\d\d:?\d\d))?"
)


def moment(text: str) -> float | None:
    """Unix seconds of a time in any of the usual spellings; ``None`` where it has no zone, or is no time."""
    try:
        return _moment(text.strip())
    except (ValueError, OverflowError):
        return None  # a 31st of February: the text stays in the observation's fields


def _moment(text: str) -> float | None:
    if found := _COMMON.match(text):
        return _common(found)
    if _EPOCH.fullmatch(text):
        return float(text)
    if _MILLIS.fullmatch(text):
        return int(text) / 1000
    if (found := _BARE.match(text)) and found[5]:
        zone = "+00:00" if found[5] in ("Z", "UTC") else found[5]
        return datetime.fromisoformat(
            f"{found[1]}-{found[2]}-{found[3]}T{found[4].replace(',', '.')}{zone}"
        ).timestamp()
    return None


def _common(found: re.Match[str]) -> float | None:
    day, month, year, hour, minute, second, sign, hours, minutes = found.groups()
    if month not in _MONTHS:
        return None
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    zone = timezone(-offset if sign == "-" else offset)
    return datetime(int(year), _MONTHS[month], int(day), int(hour), int(minute), int(second), tzinfo=zone).timestamp()


def utc_text(seconds: float) -> str:
    """``2026-01-02T03:04:05Z``; empty where no calendar has it."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return ""
