"""What stands behind one word of a tier, read: ``"20/min"``, ``"2 GB/day"``, ``["100/hour", "1000/day"]``.

Every reader takes what a document may hold there and raises :class:`TierSpellingError` for anything else. A month is no
time here: months differ in length, and a limit that nobody can compute cannot be explained.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from mattegate.config.tier_words import LARGEST, LONGEST_S, PERIODS, PROOFS, TierSpellingError

_SECONDS: Final = {word: seconds for seconds, _, words in PERIODS for word in words}
_BYTES: Final = {"": 1, "b": 1} | {
    f"{prefix}{suffix}": factor**power
    for suffix, factor in (("b", 1_000), ("ib", 1_024))
    for power, prefix in enumerate("kmgt", start=1)
}
_PER: Final = r"\s*(?:/|\bper\b)\s*(?:(?P<count>\d{1,6})\s*)?(?P<period>[a-zA-Z]+)"
_AMOUNT: Final = re.compile(r"(?P<amount>\d[\d_]{0,20})(?:\s*(?:images?|requests?|megapixels?|MP))?" + _PER)
_VOLUME: Final = re.compile(r"(?P<amount>\d{1,15}(?:\.\d{1,6})?)\s*(?P<unit>[kKmMgGtT]?i?[bB]?)" + _PER)


@dataclass(frozen=True, slots=True)
class Window:
    """So much in so long."""

    amount: int
    seconds: int


def read_amount(value: object, example: str) -> Window:
    """``20/min``, ``5 images / 15 min``."""
    found, seconds = _window(_AMOUNT, value, example)
    return Window(_sized(int(found["amount"].replace("_", "")), example), seconds)


def read_volume(value: object) -> Window:
    """``2 GB/day``."""
    found, seconds = _window(_VOLUME, value, "2 GB/day")
    if found["unit"].lower() not in _BYTES:
        raise TierSpellingError("not a unit of bytes", fix='write B, kB, MB, GB, TB, MiB or GiB: "2 GB/day"')
    whole, _, part = found["amount"].partition(".")
    factor = _BYTES[found["unit"].lower()]
    return Window(_sized(int(whole) * factor + int(part or 0) * factor // 10 ** len(part), "2 GB/day"), seconds)


def several(read: Callable[[object], Window]) -> Callable[[object], tuple[Window, ...]]:
    """A reader of one such thing or of a list of them."""

    def read_all(value: object) -> tuple[Window, ...]:
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


def typed(kind: Any, problem: str, fix: str) -> Callable[[object], Any]:
    """A reader of what is of this kind already; a number is no truth value."""
    adapter = TypeAdapter(kind)

    def read(value: object) -> Any:
        if isinstance(value, bool) and kind is not bool:
            raise TierSpellingError(problem, fix=fix)
        try:
            return adapter.validate_python(value)
        except ValidationError:
            raise TierSpellingError(problem, fix=fix) from None

    return read


def one_of(choices: Sequence[str]) -> Callable[[object], str]:
    """A reader of a word of these."""

    def read(value: object) -> str:
        if value not in choices:
            raise TierSpellingError("not one of " + ", ".join(choices), fix=f'write "{choices[0]}"')
        return str(value)

    return read


def read_proofs(value: object) -> tuple[str, ...]:
    """Proofs without doubles, in the order in which they are always told."""
    proofs = typed(tuple[str, ...], "not a list of proofs", 'write ["key", "signature"]')(value)
    for index, proof in enumerate(proofs):
        if proof not in PROOFS:
            raise TierSpellingError("not one of " + ", ".join(PROOFS), (index,), 'write ["key", "signature"]')
    return tuple(proof for proof in PROOFS if proof in proofs)


def read_count(value: object) -> int:
    """A positive number."""
    number: int = typed(int, "not a whole number", "such as 30")(value)
    return _sized(number, "30")


def _sized(amount: int, example: str) -> int:
    if not 0 < amount <= LARGEST:
        raise TierSpellingError(f"between 1 and {LARGEST:g}", fix=f'write "{example}"')
    return amount


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
    if not 0 < seconds <= LONGEST_S:
        raise TierSpellingError("not a time", fix=f'use s, min, hour, day or week, at most 366 days: "{example}"')
    return found, seconds
