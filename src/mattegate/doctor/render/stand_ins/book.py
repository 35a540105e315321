"""The book that says what stands in for what, for one report."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final


@dataclass(slots=True)
class Book:
    """Open for one report."""

    taken: frozenset[str] = frozenset()
    """What stood in the report from the start and looks like a stand-in."""
    known: dict[tuple[str, str], str] = field(default_factory=dict)
    """The stand-in of each original, by kind."""
    legend: dict[str, str] = field(default_factory=dict)
    """What each stand-in stands for."""
    _last: dict[str, int] = field(default_factory=dict)

    def stand_in(self, kind: str, original: str, about: str, make: Callable[[int], str]) -> str:
        """The stand-in of ``original``; ``make`` makes one of a number."""
        key = (kind, original)
        if key not in self.known:
            name = self._fresh(kind, make)
            self.known[key] = name
            self.legend[name] = about
        return self.known[key]

    def _fresh(self, kind: str, make: Callable[[int], str]) -> str:
        while True:
            self._last[kind] = self._last.get(kind, 0) + 1
            name = make(self._last[kind])
            if name not in self.taken:
                return name


_OURS: Final = re.compile(
    r"(?:host|api|address|user|request)-\d{1,6}(?:\.example)?|mail-\d{1,6}(?:@mail\.example)?|0{8}\d{4}"
    r"|(?:192\.0\.2|198\.51\.100|203\.0\.113)\.\d{1,3}|2001:db8::[0-9a-f]{1,4}"
)


def is_stand_in(text: str) -> bool:
    """Whether ``text`` is one already, of whatever kind: it is then left alone."""
    return _OURS.fullmatch(text) is not None


def already(texts: Iterable[str]) -> frozenset[str]:
    """What looks like a stand-in before any was given: those are not given again."""
    return frozenset(found[0] for text in texts for found in _OURS.finditer(text))
