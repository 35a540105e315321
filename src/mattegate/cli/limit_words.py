"""Limits of one identity as ``--limit`` takes them: the words of a tier, one at a time (``quota=500/day``)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

import typer

from mattegate.config.tier_spelling import words_of
from mattegate.config.tier_words import KEYS, TierSpellingError
from mattegate.config.tiers import read_tier
from mattegate.vocabulary.rulebook import Limit, Tier

NONE: Final = "none"
"""Takes all limits of its own from an identity."""

_WORDS: Final = tuple(word for word in KEYS if word not in {"limits", "priority", "unlimited"})
_LISTS: Final = frozenset({"quota", "bytes", "shadow"})


def read_limits(words: Iterable[str], tier: Tier | None) -> tuple[Limit, ...]:
    """The limits; each takes the name of the tier's limit that it stands for, so that it replaces that one.

    Raises :class:`typer.BadParameter` with everything that is wrong.
    """
    given = list(words)
    if given == [NONE]:
        return ()
    try:
        limits = read_tier("own", _table(given)).limits
    except* TierSpellingError as faults:
        told = "; ".join(_told(fault) for fault in faults.exceptions)
        raise typer.BadParameter(told, param_hint="--limit") from None
    return tuple(_named_as_in(tier, limit) for limit in limits)


def spelled_limits(limits: Iterable[Limit]) -> list[str]:
    """Limits in the same words."""
    own = tuple(limits)
    if not own:
        return []
    words = words_of(Tier("own", own)).items()
    return [f"{word}={value}" for word, values in words for value in (values if isinstance(values, list) else [values])]


def _table(given: Iterable[str]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for text in given:
        word, _, value = text.partition("=")
        if word not in _WORDS or not value:
            fix = f"write quota=500/day, rate=20/min, or one of {', '.join(_WORDS)}; {NONE} alone takes all away"
            raise typer.BadParameter(f"{text!r} is no limit; {fix}", param_hint="--limit")
        if word in _LISTS:
            table.setdefault(word, []).append(value)
        elif word in table:
            raise typer.BadParameter(f"{word} stands there twice", param_hint="--limit")
        else:
            table[word] = value
    return table


def _told(fault: Exception) -> str:
    assert isinstance(fault, TierSpellingError)
    where = ".".join(map(str, fault.at))
    return f"{where}: {fault.problem}" + (f" ({fault.fix})" if fault.fix else "")


def _named_as_in(tier: Tier | None, limit: Limit) -> Limit:
    for known in tier.limits if tier else ():
        if known.kind == limit.kind and (known.window_s == limit.window_s or limit.kind == "rate"):
            return replace(limit, name=known.name)
    return limit
