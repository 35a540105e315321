"""Tiers as people write them: ``rate = "20/min"``, ``quota = ["100/hour", "1000/day"]``, ``bytes = "2 GB/day"``.

Every word becomes limits of :mod:`mattegate.vocabulary.rulebook`. A limit is named by what it is (``rate``,
``credits``) or by its window (``hourly``, ``daily``, ``daily-bytes``); the long form ``limits = [{…}]`` names them
freely. A tier without limits has to say ``unlimited = true``, so that no slip of the pen gives everything away.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from mattegate.config.document import Steps
from mattegate.vocabulary.rulebook import Limit, Tier

NAME: Final = re.compile(r"[a-z0-9-]{1,40}")

PRIORITIES: Final = ("vip", "standard", "bulk")
UNITS: Final = ("images", "megapixels")
PROOFS: Final = ("key", "signature", "certificate")
"""What can be required at once."""
KINDS: Final = ("rate", "quota", "bytes", "credits")

KEYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "rate": 'Images in a time, refilled evenly: `"20/min"`.',
        "burst": "How many of the rate may come at once: `30`. Left out: the rate's own number.",
        "quota": 'Units in a fixed window of UTC, or a list of them: `"100/hour"`, `["100/hour", "1000/day"]`.',
        "bytes": 'Bytes in and out in a fixed window of UTC: `"2 GB/day"`.',
        "credits": "`true`: every unit takes one from a prepaid balance.",
        "unit": "What quotas and credits count: `images`, or `megapixels` (rounded up for each image).",
        "priority": "The class in the queue of the engine: `vip`, `standard` or `bulk`.",
        "require": 'What must be shown at once, of `key`, `signature`, `certificate`: `["key", "signature"]`.',
        "shadow": 'Limits on trial, judged and recorded but not enforced: `["hourly"]`.',
        "unlimited": "`true`, where a tier is meant to have no limit at all.",
        "limits": "Every limit in full, in place of the words above: "
        '`[{ name = "burst", kind = "rate", amount = 20, window_s = 60, burst = 30 }]`.',
    }
)
"""What may stand under ``[tiers.NAME]``, and what it means."""

_PERIODS: Final = (
    (1, "second", ("s", "sec", "second", "seconds")),
    (60, "minute", ("min", "mins", "minute", "minutes")),
    (3_600, "hour", ("h", "hr", "hour", "hours")),
    (86_400, "day", ("d", "day", "days")),
    (604_800, "week", ("w", "week", "weeks")),
)
_SECONDS: Final = {word: seconds for seconds, _, words in _PERIODS for word in words}
_NAMES: Final = {60: "minutely", 3_600: "hourly", 86_400: "daily", 604_800: "weekly"}
_BYTES: Final = {"": 1, "b": 1} | {
    f"{prefix}{suffix}": factor**power
    for suffix, factor in (("b", 1_000), ("ib", 1_024))
    for power, prefix in enumerate("kmgt", start=1)
}

_LARGEST: Final = 10**15
_LONGEST_S: Final = 366 * 86_400

_PER: Final = r"\s*(?:/|\bper\b)\s*(?:(?P<count>\d{1,6})\s*)?(?P<period>[a-zA-Z]+)"
_AMOUNT: Final = re.compile(r"(?P<amount>\d[\d_]{0,20})(?:\s*(?:images?|requests?|megapixels?|MP))?" + _PER)
_VOLUME: Final = re.compile(r"(?P<amount>\d{1,15}(?:\.\d{1,6})?)\s*(?P<unit>[kKmMgGtT]?i?[bB]?)" + _PER)


class TierSpellingError(ValueError):
    """Something under ``[tiers.NAME]`` cannot be used; ``at`` leads from the tier's table to it."""

    def __init__(self, problem: str, at: Steps = (), fix: str = "") -> None:
        self.problem = problem
        self.at = at
        self.fix = fix
        super().__init__(problem)


@dataclass(frozen=True, slots=True)
class _Window:
    amount: int
    seconds: int


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
    limits = _shadowed(_limits(parts), parts.get("shadow", ()))
    faults = list(_whole(limits, parts))
    if faults:
        raise ExceptionGroup("a tier with faults", faults)
    return Tier(name, limits, parts.get("priority", "standard"), parts.get("require", ()))


def spell(tier: Tier) -> dict[str, object]:
    """What stands under ``[tiers.NAME]`` to get this tier: the short words where they say all of it."""
    short = words_of(tier)
    if _reads_back(tier, short):
        return short
    full = [{key: value for key, value in _fields(limit) if value not in {"", 0}} for limit in tier.limits]
    return {"limits": full} | _standing_words(tier)


# --- reading words ------------------------------------------------------------------------------------------------


def _strangers(table: Mapping[str, Any]) -> Iterator[TierSpellingError]:
    for key in table:
        if key not in KEYS:
            yield TierSpellingError("no such word for a tier", (key,), "use " + ", ".join(KEYS))


def _window(pattern: re.Pattern[str], value: object, example: str) -> tuple[re.Match[str], int]:
    found = pattern.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise TierSpellingError("not an amount in a time", fix=f'write "{example}"')
    period = found["period"].lower()
    if period.startswith(("mo", "year")) or period in {"m", "y"}:
        raise TierSpellingError(
            "months and years differ in length, and m could be a minute", fix='write "min", or days: "3000/30 days"'
        )
    seconds = _SECONDS.get(period, 0) * int(found["count"] or 1)
    if not 0 < seconds <= _LONGEST_S:
        raise TierSpellingError("not a time", fix=f'use s, min, hour, day or week, at most 366 days: "{example}"')
    return found, seconds


def _amount(value: object, example: str) -> _Window:
    found, seconds = _window(_AMOUNT, value, example)
    return _Window(_sized(int(found["amount"].replace("_", "")), example), seconds)


def _volume(value: object) -> _Window:
    found, seconds = _window(_VOLUME, value, "2 GB/day")
    if found["unit"].lower() not in _BYTES:
        raise TierSpellingError("not a unit of bytes", fix='write B, kB, MB, GB, TB, MiB or GiB: "2 GB/day"')
    whole, _, part = found["amount"].partition(".")
    factor = _BYTES[found["unit"].lower()]
    return _Window(_sized(int(whole) * factor + int(part or 0) * factor // 10 ** len(part), "2 GB/day"), seconds)


def _sized(amount: int, example: str) -> int:
    if not 0 < amount <= _LARGEST:
        raise TierSpellingError(f"between 1 and {_LARGEST:g}", fix=f'write "{example}"')
    return amount


def _several(read: Callable[[object], _Window]) -> Callable[[object], tuple[_Window, ...]]:
    def read_all(value: object) -> tuple[_Window, ...]:
        if not isinstance(value, list | tuple):
            return (read(value),)
        windows = []
        for index, item in enumerate(value):
            try:
                windows.append(read(item))
            except TierSpellingError as bad:
                raise TierSpellingError(bad.problem, (index, *bad.at), bad.fix) from None
        return tuple(windows)

    return read_all


def _typed(kind: Any, problem: str, fix: str) -> Callable[[object], Any]:
    adapter = TypeAdapter(kind)

    def read(value: object) -> Any:
        if isinstance(value, bool) and kind is not bool:
            raise TierSpellingError(problem, fix=fix)
        try:
            return adapter.validate_python(value)
        except ValidationError:
            raise TierSpellingError(problem, fix=fix) from None

    return read


def _one_of(choices: Sequence[str]) -> Callable[[object], str]:
    def read(value: object) -> str:
        if value not in choices:
            raise TierSpellingError("not one of " + ", ".join(choices), fix=f'write "{choices[0]}"')
        return str(value)

    return read


def _proofs(value: object) -> tuple[str, ...]:
    proofs = _typed(tuple[str, ...], "not a list of proofs", 'write ["key", "signature"]')(value)
    for index, proof in enumerate(proofs):
        if proof not in PROOFS:
            raise TierSpellingError("not one of " + ", ".join(PROOFS), (index,), 'write ["key", "signature"]')
    return tuple(proof for proof in PROOFS if proof in proofs)


def _count(value: object) -> int:
    number: int = _typed(int, "not a whole number", "such as 30")(value)
    return _sized(number, "30")


def _full(value: object) -> tuple[Limit, ...]:
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
        (credit or 0 < limit.amount <= _LARGEST, f"its amount is between 1 and {_LARGEST:g}"),
        (credit or 0 < limit.window_s <= _LONGEST_S, "its window_s is between 1 second and 366 days"),
        (not credit or limit.amount == limit.window_s == 0, "credits have no amount and no window here"),
        (0 <= limit.burst <= _LARGEST, "its burst is not negative"),
        (limit.burst == 0 or limit.kind == "rate", "only a rate has a burst"),
        (not (credit and limit.shadow), "credits cannot be on trial"),
    )
    return next((problem for holds, problem in rules if not holds), "")


_READERS: Final[Mapping[str, Callable[[object], Any]]] = MappingProxyType(
    {
        "rate": lambda value: _amount(value, "20/min"),
        "burst": _count,
        "quota": _several(lambda value: _amount(value, "100/hour")),
        "bytes": _several(_volume),
        "credits": _typed(bool, "true or false", "credits = true"),
        "unit": _one_of(UNITS),
        "priority": _one_of(PRIORITIES),
        "require": _proofs,
        "shadow": _typed(tuple[str, ...], "not a list of names", 'write ["hourly"]'),
        "unlimited": _typed(bool, "true or false", "unlimited = true"),
        "limits": _full,
    }
)


# --- from words to limits -----------------------------------------------------------------------------------------


def _limits(parts: Mapping[str, Any]) -> tuple[Limit, ...]:
    return (*parts.get("limits", ()), *_rates(parts), *_quotas(parts), *_volumes(parts), *_credits(parts))


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


def window_name(seconds: int) -> str:
    """``hourly``, ``daily`` … or ``30-days``: what a limit over that window is called."""
    if seconds in _NAMES:
        return _NAMES[seconds]
    size, word = next((size, word) for size, word, _ in reversed(_PERIODS) if seconds % size == 0)
    return f"{seconds // size}-{word}" + "s" * (seconds != size)


def _shadowed(limits: tuple[Limit, ...], names: Sequence[str]) -> tuple[Limit, ...]:
    return tuple(replace(limit, shadow=limit.shadow or limit.name in names) for limit in limits)


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


# --- from limits to words -----------------------------------------------------------------------------------------


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
    size, word, words = next(period for period in reversed(_PERIODS) if limit.window_s % period[0] == 0)
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
