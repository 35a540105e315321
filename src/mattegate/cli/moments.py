"""Times as people write them on a command line, and as tables show them. Everything is UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

import typer

from mattegate.gate.wording import moment_text

_SPAN: Final = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)\s*([a-z]+)")
_SECONDS: Final = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hour", "hours"), 3_600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
    **dict.fromkeys(("w", "week", "weeks"), 604_800),
}
_EXAMPLES: Final = "such as 90d or 24h, or a date such as 2027-01-31 or 2027-01-31T12:00Z"


def read_span(text: str, option: str) -> float:
    """``24h``, ``90d``, ``30min`` in seconds. Raises :class:`typer.BadParameter`."""
    found = _SPAN.fullmatch(text.strip().lower())
    if found is None or found[2] not in _SECONDS:
        raise typer.BadParameter(f"{text!r} is no span of time; write 30min, 24h or 90d", param_hint=option)
    return float(found[1]) * _SECONDS[found[2]]


def read_end(text: str, now: float, option: str) -> float:
    """A time to come: a span from ``now``, or a date. Raises :class:`typer.BadParameter`."""
    return now + read_span(text, option) if _is_span(text) else _read_date(text, option)


def read_past(text: str, now: float, option: str) -> float:
    """A time gone by: ``7d`` for seven days ago, or a date. Raises :class:`typer.BadParameter`."""
    return now - read_span(text, option) if _is_span(text) else _read_date(text, option)


def day_text(at: float | None) -> str:
    """``2027-01-31``; empty for never."""
    return "" if at is None else moment_text(at).partition("T")[0]


def minute_text(at: float | None) -> str:
    """``2027-01-31 12:00``; empty for never."""
    return "" if at is None else moment_text(at).replace("T", " ").removesuffix("Z")[:16]


def moment_or_none(at: float | None) -> str | None:
    """RFC 3339, for JSON."""
    return None if at is None else moment_text(at)


def span_text(seconds: float) -> str:
    """``45 s``, ``12 min``, ``7 h``, ``3 days``: the two units that matter are never needed."""
    for size, word in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {word}"
    return f"{seconds:.0f} s"


def _is_span(text: str) -> bool:
    return _SPAN.fullmatch(text.strip().lower()) is not None


def _read_date(text: str, option: str) -> float:
    try:
        given = datetime.fromisoformat(text.strip())
        return (given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is no time; write a span {_EXAMPLES}", param_hint=option) from None
