"""A cheap key for each line of a block: lines of one format with equal keys are of one kind.

Rules of this file:

1. A key costs a search over the line and nothing else; no line is parsed for it.
2. A key holds whatever tells kinds apart. Too fine a key costs time, too coarse a one would be a wrong count.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import itemgetter
from typing import Any, Final

from mattegate.doctor.readers.logs.fence import FENCE, fenced
from mattegate.doctor.readers.logs.shapes import WITHOUT_PORT, Shapes

Key = Any
"""Hashable: the bytes, or the tuple of bytes, that a line is known by."""


@dataclass(frozen=True, slots=True)
class Keys:
    """How a format's lines are known."""

    of: Callable[[Sequence[bytes]], list[Key]]
    """The keys of some lines, in their order."""
    left: Callable[[Sequence[Key]], Sequence[object]]
    """What is left of keys once there are too many kinds; their numbers do not count."""
    nothing: Key = None
    """The key of a line that is of another format; some formats have a key for every line."""
    learning: Callable[[], Callable[[Sequence[bytes]], list[Key]]] | None = None
    """Makes what finds the same in the lines of one input, and is the faster for what it has seen of it."""
    worth: Callable[[Sequence[Key]], Sequence[object]] | None = None
    """Whether lines of these keys may matter at all; where this is not to be seen, they are looked for what is
    searched."""
    strict: bool = False
    """Whether only lines that matter have a key."""
    whole: bool = False
    """Whether a key is all that a line says: of a line that does not matter it is then known ever after."""
    passes: Callable[[Key], object] | None = None
    """Whether a key without worth shows that its lines are the format's own all the same."""


def by_line(pattern: bytes, *, left: int, upto: bytes = b"") -> Keys:
    """Keys are the groups of a pattern that matches whole lines of refusals; of the group ``left`` stays what is before
    ``upto``. The fewer groups, the faster: what stands side by side is one.

    A set in it that excludes a character of the :mod:`.fence` need not exclude line ends.
    """
    whole = re.compile(rb"^(?:" + pattern + FENCE + rb"|.*)$", re.MULTILINE)
    return Keys(lambda lines: whole.findall(fenced(lines)), one_left(left, upto), (b"",) * whole.groups, strict=True)


def one_left(place: int, upto: bytes = b"") -> Callable[[Sequence[Key]], Sequence[object]]:
    """Of keys that are tuples the item at a place is left, or what of it is before ``upto``."""
    pick = itemgetter(place)

    def left(keys: Sequence[Key]) -> Sequence[object]:
        picked = list(map(pick, keys))
        bare = {item: numberless(item.partition(upto)[0] if upto else item) for item in set(picked)}
        return [bare[item] for item in picked]

    return left


def words_left(keys: Sequence[bytes]) -> Sequence[bytes]:
    """Of keys that are whole lines the words are left."""
    block = b"\n".join(keys)
    if b'"' in block:
        block = b"\n".join([b"".join(key.split(b'"')[::2]) for key in keys])
    return block.translate(None, _DIGITS).split(b"\n") if keys else ()


def _facts_left(start: tuple[bytes, ...]) -> Callable[[Sequence[Key]], Sequence[object]]:
    return lambda keys: [tuple(fact for fact in key if fact.startswith(start)) for key in keys]


def by_facts(pattern: bytes, *, left: tuple[bytes, ...], start: bytes = b"") -> Keys:
    """Keys are what a pattern finds in lines that begin with ``start``; the facts that begin as in ``left`` stay."""
    facts = re.compile(pattern).findall
    return Keys(
        lambda lines: [tuple(facts(line)) if line.startswith(start) else () for line in lines],
        _facts_left(left),
        (),
    )


def by_members(names: Iterable[str], *, paths: Iterable[str], left: Iterable[str], ports: Iterable[str] = ()) -> Keys:
    """The same of lines of JSON: members by their names, wherever they stand; of ``paths`` what is before a query, of
    ``ports`` what is before a port.
    """
    told = (("value", names, _VALUE), ("path", paths, rb'"[^"?\\]*'), ("port", ports, WITHOUT_PORT))
    wanted = [
        rb"(?:%s)\": ?(?P<%s>%s)" % ("|".join(some).encode(), name.encode(), value)
        for name, some, value in told
        if some
    ]
    search = re.compile(rb'"(?:' + rb"|".join(wanted) + rb")")
    return Keys(
        lambda lines: Shapes(search).keys(lines),
        _facts_left(tuple(f'"{name}"'.encode() for name in left)),
        (),
        learning=lambda: Shapes(search).keys,
    )


def by_rest(*counting: bytes, worth: bytes, mark: bytes = b"") -> Keys:
    """Keys are the lines without what counts up in them; in those that matter stands ``worth``. A line that begins with
    ``mark`` in place of that is of the format all the same.
    """
    washes, matters = [re.compile(pattern).sub for pattern in counting], re.compile(worth).search
    return Keys(
        lambda lines: reduce(lambda block, wash: wash(mark, block), washes, b"\n".join(lines)).split(b"\n"),
        words_left,
        worth=lambda keys: list(map(matters, keys)),
        passes=(lambda key: key.startswith(mark)) if mark else None,
    )


_VALUE: Final = rb'(?:"[^"\\]*(?:\\.[^"\\]*)*|[^",}\]]*)'
_DIGITS: Final = b"0123456789"
_QUOTED: Final = re.compile(rb'"[^"\n]*"')
_STATUS: Final = 3


def numberless(left: object) -> object:
    """What is left of a sketch without its numbers and what it quotes; a status stays what it is."""
    if not isinstance(left, bytes) or len(left) <= _STATUS:
        return left
    return (_QUOTED.sub(b"", left) if b'"' in left else left).translate(None, _DIGITS)
