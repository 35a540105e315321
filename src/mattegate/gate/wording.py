"""Facts in words, for the sentences of findings: windows, moments, and whether a sentence can be said at all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from mattegate.vocabulary.facts import Plain
from mattegate.vocabulary.reasons import REASONS

_UNITS: Final = ((86_400, "a day", "days"), (3_600, "an hour", "hours"), (60, "a minute", "minutes"))


def window_text(seconds: int) -> str:
    """``60`` is ``a minute``, ``7200`` is ``2 hours``; ``0``, which stands for a balance, is ``all``."""
    if seconds <= 0:
        return "all"
    for size, one, many in _UNITS:
        if seconds % size == 0:
            return one if seconds == size else f"{seconds // size} {many}"
    return "a second" if seconds == 1 else f"{seconds} seconds"


def moment_text(at: float) -> str:
    """Unix seconds as RFC 3339 in UTC; the bare number where no calendar reaches it."""
    try:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return f"{at:.0f} s after 1970"


def untellable(code: str, facts: Mapping[str, Plain]) -> str:
    """Why a reason's sentences cannot be said with these facts; empty where they can."""
    reason = REASONS.get(code)
    if reason is None:
        return f"{code!r} is not a reason of the catalogue"
    shown = REASONS.get(reason.public, reason)
    try:
        for template in (shown.sentence, shown.remedy, reason.sentence, reason.remedy, reason.operator):
            template.format(**facts)
    except (KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        return f"the facts of {code} do not fill its sentences: {error!r}"
    return ""
