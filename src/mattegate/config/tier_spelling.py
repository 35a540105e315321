"""A tier in the words that make it again: the short ones where they say all of it, otherwise every limit in full."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from mattegate.config.tier_words import PERIODS
from mattegate.config.tiers import read_tier
from mattegate.vocabulary.rulebook import Limit, Tier


def spell(tier: Tier) -> dict[str, object]:
    """What stands under ``[tiers.NAME]`` to get this tier: the short words where they say all of it."""
    short = words_of(tier)
    if _reads_back(tier, short):
        return short
    full = [{key: value for key, value in _fields(limit) if value not in {"", 0}} for limit in tier.limits]
    return {"limits": full} | _standing_words(tier)


def words_of(tier: Tier) -> dict[str, object]:
    """The short words for a tier; limits lose names of their own."""
    words: dict[str, object] = {}
    quotas = [limit for limit in tier.limits if limit.kind == "quota"]
    volumes = [limit for limit in tier.limits if limit.kind == "bytes"]
    for rate in [limit for limit in tier.limits if limit.kind == "rate"][:1]:
        words |= {"rate": _spelled(rate)} | ({"burst": rate.burst} if rate.burst else {})
    words |= {"quota": _one_or_all([_spelled(quota) for quota in quotas])} if quotas else {}
    words |= {"bytes": _one_or_all([_spelled(volume, " B") for volume in volumes])} if volumes else {}
    words |= {"credits": True} if any(limit.kind == "credits" for limit in tier.limits) else {}
    words |= {"unit": "megapixels"} if any(limit.unit == "megapixels" for limit in tier.limits) else {}
    words |= _standing_words(tier)
    shadow = [limit.name for limit in tier.limits if limit.shadow]
    words |= {"shadow": shadow} if shadow else {}
    return words if tier.limits else words | {"unlimited": True}


def _standing_words(tier: Tier) -> dict[str, object]:
    """What a tier says beside its limits."""
    priority = {"priority": tier.priority} if tier.priority != "standard" else {}
    return priority | ({"require": list(tier.require)} if tier.require else {})


def _spelled(limit: Limit, unit: str = "") -> str:
    size, word, words = next(period for period in reversed(PERIODS) if limit.window_s % period[0] == 0)
    count = limit.window_s // size
    return f"{limit.amount}{unit}/" + (f"{count} {word}s" if count != 1 else words[0] if size == 60 else word)


def _one_or_all(words: list[str]) -> object:
    return words[0] if len(words) == 1 else words


def _reads_back(tier: Tier, words: Mapping[str, object]) -> bool:
    try:
        return read_tier(tier.name, words) == tier
    except ExceptionGroup:
        return False


def _fields(limit: Limit) -> Iterator[tuple[str, Any]]:
    for field in fields(limit):
        if field.name != "unit" or limit.unit != "images":
            yield field.name, getattr(limit, field.name)
