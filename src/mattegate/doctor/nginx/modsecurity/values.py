"""Values that may be known, known from below, or not known at all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_LEADING: Final = re.compile(r"\s*[+-]?\d+")


@dataclass(frozen=True, slots=True)
class AtLeast:
    """A number that may be larger: a score that rules may have raised."""

    number: int


Value = str | AtLeast | None
"""``None``: unknown."""


def number(text: str) -> int:
    """A text as the engine's numbers are read: its leading digits, or 0 (``atoll``)."""
    found = _LEADING.match(text)
    return int(found[0]) if found is not None else 0


def plus(value: Value, more: Value, *, sure: bool) -> Value:
    """A sum; where it may not have been made, what is known of both cases together."""
    if value is None or more is None:
        return None
    added = more.number if isinstance(more, AtLeast) else number(more)
    base = value.number if isinstance(value, AtLeast) else number(value)
    if added < 0 and not (sure and isinstance(value, str)):
        return None
    if not sure:
        return AtLeast(base)
    exact = isinstance(value, str) and isinstance(more, str)
    return str(base + added) if exact else AtLeast(base + added)


@dataclass(frozen=True, slots=True)
class Values:
    """What a variable of a rule comes to: one value for each place it stands for."""

    known: tuple[tuple[str, Value], ...] = ()
    """Key and value."""
    more: bool = False
    """Whether there may be others."""

    def counted(self) -> Value:
        """How many there are; what is unknown may not be there at all."""
        sure = sum(value is not None for _, value in self.known)
        return AtLeast(sure) if self.more or sure < len(self.known) else str(sure)


def single(value: Value) -> Values:
    """The values of a variable that always has one."""
    return Values((("", value),))


ANYTHING: Final = Values((), more=True)
"""Of a variable that is not modelled."""
