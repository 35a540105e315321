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
    """What is left of a key once there are too many kinds; its numbers do not count."""
    nothing: Key = None
    """The key of a line that is of another format; some formats have a key for every line."""
    worth: Callable[[Key], object] | None = None
    """Whether lines of a key may matter at all; where this is not to be seen, all are looked for what is searched."""
    strict: bool = False
    """Whether only lines that matter have a key."""


def by_line(pattern: bytes, *, left: int) -> Keys:
    """Keys are the groups of a pattern that matches whole lines of refusals; the group ``left`` stays."""
    whole = re.compile(rb"^(?:" + pattern + rb"|.*)$", re.MULTILINE)
    return Keys(whole.findall, itemgetter(left), (b"",) * whole.groups, strict=True)


def by_facts(pattern: bytes, *, left: tuple[bytes, ...], start: bytes = b"") -> Keys:
    """Keys are what a pattern finds in lines that begin with ``start``; the facts that begin as in ``left`` stay."""
    facts = re.compile(pattern).findall
    return Keys(
        lambda block: [tuple(facts(line)) if line.startswith(start) else () for line in block.split(b"\n")],
        lambda key: tuple(fact for fact in key if fact.startswith(left)),
        (),
    )


def by_members(names: Iterable[str], *, paths: Iterable[str], left: Iterable[str], ports: Iterable[str] = ()) -> Keys:
    """The same of lines of JSON: members by their names, wherever they stand; of ``paths`` what is before a query, of
    ``ports`` what is before a port.
    """
    values = ((names, _VALUE), (paths, rb'"[^"?\\]*'), (ports, rb'"(?:\[[^"\]]*|[^":]*)'))
    wanted = [rb"(?:" + "|".join(some).encode() + rb')": ?' + value for some, value in values if some]
    return by_facts(
        rb'"(?:' + rb"|".join(wanted) + rb")",
        left=tuple(f'"{name}"'.encode() for name in left),
        start=b"{",
    )


def by_rest(counting: bytes, *, worth: bytes) -> Keys:
    """Keys are the lines without what counts up in them; in those that matter stands ``worth``."""
    wash = re.compile(counting).sub
    return Keys(lambda block: wash(b"", block).split(b"\n"), bytes, worth=re.compile(worth).search)


_VALUE: Final = rb'(?:"[^"\\]*(?:\\.[^"\\]*)*|[^",}\]]*)'
_QUOTED: Final = re.compile(rb'"[^"]*"')
_STATUS: Final = 3


def numberless(left: object) -> object:
    """What is left of a key or a sketch without its numbers and what it quotes; a status stays what it is."""
    if not isinstance(left, bytes) or len(left) <= _STATUS:
        return left
    bare = _QUOTED.sub(b"", left) if b'"' in left else left
    return bare.translate(None, b"0123456789")
