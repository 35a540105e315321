"""Tiers as people write them: ``rate = "20/min"``, ``quota = ["100/hour", "1000/day"]``, ``bytes = "2 GB/day"``.

Every word becomes limits of :mod:`mattegate.vocabulary.rulebook`. A tier without limits has to say
``unlimited = true``, so that no slip of the pen gives everything away. ``tier_words`` says what can be said,
``tier_values`` reads one value, ``tier_limits`` makes limits of them, ``tier_spelling`` writes a tier back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from mattegate.config.tier_limits import limits_of, read_limits
from mattegate.config.tier_values import one_of, read_amount, read_count, read_proofs, read_volume, several, typed
from mattegate.config.tier_words import KEYS, NAME, PRIORITIES, UNITS, TierSpellingError
from mattegate.vocabulary.rulebook import Limit, Tier

_READERS: Final[Mapping[str, Callable[[object], Any]]] = MappingProxyType(
    {
        "rate": lambda value: read_amount(value, "20/min"),
        "burst": read_count,
        "quota": several(lambda value: read_amount(value, "100/hour")),
        "bytes": several(read_volume),
        "credits": typed(bool, "true or false", "credits = true"),
        "unit": one_of(UNITS),
        "priority": one_of(PRIORITIES),
        "require": read_proofs,
        "shadow": typed(tuple[str, ...], "not a list of names", 'write ["hourly"]'),
        "unlimited": typed(bool, "true or false", "unlimited = true"),
        "limits": read_limits,
    }
)


def read_tier(name: str, table: Mapping[str, Any]) -> Tier:
    """The tier of that name from what stands under it.

    Raises an :class:`ExceptionGroup` of :class:`TierSpellingError`, one for everything that is wrong.
    """
    faults: list[TierSpellingError] = list(_strangers(table))
    if not NAME.fullmatch(name):
        faults.append(TierSpellingError("its name may hold a-z, 0-9 and - only", fix="such as [tiers.small-teams]"))
    parts: dict[str, Any] = {}
    for key, read in _READERS.items():
        if key in table:
            try:
                parts[key] = read(table[key])
            except TierSpellingError as bad:
                faults.append(TierSpellingError(bad.problem, (key, *bad.at), bad.fix))
    if faults:
        raise ExceptionGroup("a tier with faults", faults)
    limits = limits_of(parts)
    faults = list(_whole(limits, parts))
    if faults:
        raise ExceptionGroup("a tier with faults", faults)
    return Tier(name, limits, parts.get("priority", "standard"), parts.get("require", ()))


def _strangers(table: Mapping[str, Any]) -> Iterator[TierSpellingError]:
    for key in table:
        if key not in KEYS:
            yield TierSpellingError("no such word for a tier", (key,), "use " + ", ".join(KEYS))


def _whole(limits: tuple[Limit, ...], parts: Mapping[str, Any]) -> Iterator[TierSpellingError]:
    names = [limit.name for limit in limits]
    counted = [limit.name for limit in limits if limit.kind != "credits"]
    for name in parts.get("shadow", ()):
        if name not in counted:
            fix = "its limits are " + ", ".join(counted) if counted else "it has none that could be"
            yield TierSpellingError("no such limit to put on trial", ("shadow",), fix)
    if double := next((name for name in names if names.count(name) > 1), None):
        yield TierSpellingError(
            f"two limits are called {double}", fix="give each its own window, or name them under limits"
        )
    if "burst" in parts and "rate" not in parts:
        yield TierSpellingError("a burst without a rate", ("burst",), 'add rate = "20/min"')
    if "unit" in parts and not any(limit.kind in {"quota", "credits"} for limit in limits):
        yield TierSpellingError(
            "a unit, but no quota and no credits to count in it", ("unit",), 'add quota = "100/hour"'
        )
    if parts.get("unlimited") and limits:
        yield TierSpellingError("unlimited and limited at once", ("unlimited",), "remove one of them")
    if not limits and not parts.get("unlimited"):
        yield TierSpellingError("it has no limit", fix="write unlimited = true if that is meant")
