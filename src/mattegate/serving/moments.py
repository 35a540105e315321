"""Moments as callers write them: RFC 3339, a date alone, or Unix seconds."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Final

from mattegate.vocabulary.refusal import Refusal

_NUMBER: Final = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)
_LAST_SECOND: Final = 253_402_300_799.0  # the year 9999
_SHOWN: Final = 40


def moment(what: str, given: str | float) -> float:
    """Unix seconds. What has no offset is UTC.

    Raises :class:`Refusal` ``account.invalid`` for ``what`` where ``given`` is none, or lies outside 1970 to 9999.
    """
    at = _read(given)
    if at is None:
        raise _invalid(what, given, "write it as 2026-01-31, 2026-01-31T12:00:00Z or in Unix seconds")
    if not (math.isfinite(at) and 0 <= at <= _LAST_SECOND):
        raise _invalid(what, given, "it is not a time from 1970 to 9999")
    return at


def _read(given: str | float) -> float | None:
    try:
        if not isinstance(given, str):
            return float(given)
        if _NUMBER.fullmatch(given):
            return float(given)
        parsed = datetime.fromisoformat(given)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _invalid(what: str, given: str | float, problem: str) -> Refusal:
    return Refusal("account.invalid", what=what, value=str(given)[:_SHOWN], problem=problem)
