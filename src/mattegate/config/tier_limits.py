"""The limits of a tier: made of its short words, or written in full as ``limits = [{…}]``, which names them freely.

A limit is named by what it is (``rate``, ``credits``) or by its window (``hourly``, ``daily``, ``daily-bytes``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mattegate.config.tier_words import KINDS, LARGEST, LONGEST_S, NAME, UNITS, TierSpellingError, window_name
from mattegate.vocabulary.rulebook import Limit


def limits_of(parts: Mapping[str, Any]) -> tuple[Limit, ...]:
    """Every limit that the words of a tier come to, by what was read of each; those on trial say so."""
    limits = (*parts.get("limits", ()), *_rates(parts), *_quotas(parts), *_volumes(parts), *_credits(parts))
    names = parts.get("shadow", ())
    return tuple(replace(limit, shadow=limit.shadow or limit.name in names) for limit in limits)


def read_limits(value: object) -> tuple[Limit, ...]:
    """Limits in full. Raises :class:`TierSpellingError`."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise TierSpellingError(
            "not a list of tables", fix='[{ name = "rate", kind = "rate", amount = 20, window_s = 60 }]'
        )
    return tuple(_full_limit(item, index) for index, item in enumerate(value))


def _full_limit(item: Mapping[str, Any], index: int) -> Limit:
    known = [field.name for field in fields(Limit)]
    if strange := next((key for key in item if key not in known), None):
        raise TierSpellingError("no such part of a limit", (index, strange), "use " + ", ".join(known))
    try:
        limit = TypeAdapter(Limit).validate_python({"amount": 0, "window_s": 0, **item})
    except ValidationError as error:
        place = tuple(part for part in error.errors()[0]["loc"] if part in item)
        raise TierSpellingError(
            "a part is missing or of a wrong type", (index, *place), "name, kind, amount, window_s"
        ) from None
    if problem := _unfit(limit):
        raise TierSpellingError(problem, (index,))
    return replace(limit, unit="bytes") if limit.kind == "bytes" else limit


def _unfit(limit: Limit) -> str:
    credit = limit.kind == "credits"
    rules = (
        (NAME.fullmatch(limit.name), "its name may hold a-z, 0-9 and - only"),
        (limit.kind in KINDS, "its kind is one of " + ", ".join(KINDS)),
        (limit.unit in (*UNITS, "bytes"), "its unit is one of " + ", ".join(UNITS)),
        ((limit.unit == "bytes") <= (limit.kind == "bytes"), "only a limit of the kind bytes counts bytes"),
        (credit or 0 < limit.amount <= LARGEST, f"its amount is between 1 and {LARGEST:g}"),
        (credit or 0 < limit.window_s <= LONGEST_S, "its window_s is between 1 second and 366 days"),
        (not credit or limit.amount == limit.window_s == 0, "credits have no amount and no window here"),
        (0 <= limit.burst <= LARGEST, "its burst is not negative"),
        (limit.burst == 0 or limit.kind == "rate", "only a rate has a burst"),
        (not (credit and limit.shadow), "credits cannot be on trial"),
    )
    return next((problem for holds, problem in rules if not holds), "")


def _rates(parts: Mapping[str, Any]) -> Iterator[Limit]:
    if rate := parts.get("rate"):
        yield Limit("rate", "rate", rate.amount, rate.seconds, burst=parts.get("burst", 0))


def _quotas(parts: Mapping[str, Any]) -> Iterator[Limit]:
    for quota in parts.get("quota", ()):
        name = window_name(quota.seconds)
        yield Limit(name, "quota", quota.amount, quota.seconds, unit=parts.get("unit", "images"))


def _volumes(parts: Mapping[str, Any]) -> Iterator[Limit]:
    for volume in parts.get("bytes", ()):
        yield Limit(f"{window_name(volume.seconds)}-bytes", "bytes", volume.amount, volume.seconds, unit="bytes")


def _credits(parts: Mapping[str, Any]) -> Iterator[Limit]:
    if parts.get("credits"):
        yield Limit("credits", "credits", 0, 0, unit=parts.get("unit", "images"))
