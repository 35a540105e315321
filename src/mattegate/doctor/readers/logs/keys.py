"""A cheap key for each line of a block: lines of one format with equal keys are of one kind.

Rules of this file:

1. A key costs a search over the line and nothing else; no line is parsed for it.
2. A key holds whatever tells kinds apart. Too fine a key costs time, too coarse a one would be a wrong count.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

Key = Any
"""Hashable: the bytes, or the tuple of bytes, that a line is known by."""


@dataclass(frozen=True, slots=True)
class Keys:
    """How a format's lines are known."""

    of: Callable[[bytes], list[Key]]
    """The keys of a block that does not end with a line end, one for each of its lines."""
    left: Callable[[Key], object]
    """What is left of a key once there are too many kinds."""
    nothing: Key = None
    """The key of a line that is of another format; of some formats every line has a key, and the first is looked at."""
    strict: bool = False
    """Whether only lines that matter have a key."""
    whole: bool = False
    """Whether a key says all of a line, so that lines of equal keys are alike whosever they are."""


def by_line(pattern: bytes, *, left: int) -> Keys:
    """Keys are the groups of a pattern that matches whole lines of refusals; ``left`` is the group that stays."""
    whole = re.compile(rb"^(?:" + pattern + rb"|.*)$", re.MULTILINE)
    return Keys(whole.findall, itemgetter(left), (b"",) * whole.groups, strict=True)


def by_facts(pattern: bytes, *, left: tuple[bytes, ...]) -> Keys:
    """Keys are all places of a line that a pattern finds; what begins with one of ``left`` stays."""
    facts = re.compile(pattern).findall
    return Keys(
        lambda block: [tuple(facts(line)) for line in block.split(b"\n")],
        lambda key: tuple(fact for fact in key if fact.startswith(left)),
        (),
    )


def by_members(names: Iterable[str], *, addresses: Iterable[str], left: Iterable[str]) -> Keys:
    """The same of JSON: the members of these names, whatever they stand in; of ``addresses`` what is before a query."""
    told, asked = ("|".join(some).encode() for some in (names, addresses))
    return by_facts(
        rb'"(?:' + told + rb')": ?(?:"[^"\\]*(?:\\.[^"\\]*)*|[^",}\]]*)|"(?:' + asked + rb')": ?"[^"?\\]*',
        left=tuple(f'"{name}"'.encode() for name in left),
    )


def by_rest(counting: bytes) -> Keys:
    """Keys are the lines without what counts up in them."""
    wash = re.compile(counting, re.MULTILINE).sub
    return Keys(lambda block: wash(b"", block).split(b"\n"), lambda key: _NUMBERS.sub(b"0", key), whole=True)


_NUMBERS: Final = re.compile(rb'"[^"]*"|\d+')
