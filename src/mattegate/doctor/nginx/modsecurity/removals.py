"""Rules that are taken out, for good or for one request: ``SecRuleRemoveBy…``, ``ctl:ruleRemoveBy…`` and their like."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mattegate.doctor.nginx.modsecurity.rules import Rule

_APART: Final = re.compile(r"[\s,]+")


@dataclass(slots=True)
class Removals:
    """What was taken out so far."""

    _ids: list[tuple[int, int]] = field(default_factory=list)
    _tags: set[str] = field(default_factory=set)
    _touched: list[tuple[int, int]] = field(default_factory=list)
    _touched_tags: set[str] = field(default_factory=set)

    def remove(self, what: str, value: str, *, sure: bool) -> None:
        """``what``: ``byid``, ``bytag`` or ``bymsg``."""
        if what == "byid":
            (self._ids if sure else self._touched).extend(_ranges(value))
        elif what == "bytag":
            (self._tags if sure else self._touched_tags).add(value)
        else:
            self._touched.append((0, _HIGHEST))  # messages have variables in them

    def touch(self, what: str, value: str) -> None:
        """A rule may have lost a part of what it looks at, or does something else."""
        if what == "byid":
            self._touched.extend(_ranges(value))
        else:
            self._touched_tags.add(value)

    def has(self, rule: Rule) -> bool:
        """Whether a rule is taken out."""
        return _among(rule.id, self._ids) or bool(self._tags.intersection(rule.tags))

    def may_have(self, rule: Rule) -> bool:
        """Whether a rule may be taken out, or changed."""
        return _among(rule.id, self._touched) or bool(self._touched_tags.intersection(rule.tags))


_HIGHEST: Final = 1 << 62


def _ranges(text: str) -> list[tuple[int, int]]:
    found = []
    for part in _APART.split(text.strip().strip("\"'")):
        first, _, last = part.partition("-")
        if first.isdecimal():
            found.append((int(first), int(last) if last.isdecimal() else int(first)))
    return found


def _among(number: int, ranges: list[tuple[int, int]]) -> bool:
    """Whether a rule of this number is meant; chained ones have none."""
    return number > 0 and any(first <= number <= last for first, last in ranges)
