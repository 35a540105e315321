"""Lines of JSON that have the same members in the same order have one shape: a pattern of whole lines finds its facts.

A program writes its members always alike, and a pattern that knows where they stand is several times as fast as a
search for them. Rules of this file:

1. A shape finds in a line exactly what the search finds there, or it does not know the line.
2. Shapes come and go with the lines of one input; where lines are all different, there are none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

Facts = tuple[bytes, ...]

_STRING: Final = rb'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"'
_BARE: Final = rb'[^",{}\[\]\n]*+'
WITHOUT_PORT: Final = rb'"[^":\\\n]*+(?::(?!\d*")[^":\\\n]*+)*+'
"""Of a text its beginning up to the port that it ends with: addresses of IPv6 need not stand in brackets."""
_TOLD: Final = {
    "value": (_STRING[:-1], rb'[^",}\]\n]*+'),
    "path": (rb'"[^"?\\\n]*+', rb""),
    "port": (WITHOUT_PORT, rb""),
}
"""What is told of a member's value: where it is a text, without its last quote, and where it is none."""
_NAME_QUOTES: Final = 2
_VALUES: Final = re.compile(
    rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"(?= ?[,}\]])|(?<=[:,\[])(?P<bare> ?[^",{}\[\] ][^",{}\[\]]*+)'
)
_REST: Final = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+"')
_MOST: Final = 8
_MOST_LEARNT: Final = 64
_LEAST_USED: Final = 16
"""A shape of less than one in so many lines goes."""
_LONGEST: Final = 4_096


@dataclass(slots=True)
class _Shape:
    """One order of members."""

    pattern: re.Pattern[bytes]
    tried: int = 0
    hit: int = 0

    def facts(self, lines: Sequence[bytes]) -> list[Facts]:
        """The facts of each line; empty ones where it is of another shape."""
        found = self.pattern.findall(b"\n".join(lines))
        return [(fact,) for fact in found] if self.pattern.groups == 1 else found


class Shapes:
    """The shapes of one input's lines.

    ``search`` finds the facts of a line, each a member's name with ``value``, ``path`` or ``port``, which are groups.
    """

    def __init__(self, search: re.Pattern[bytes]) -> None:
        self._search = search
        self._facts = re.compile(re.sub(rb"\?P<\w+>", b"?:", search.pattern)).findall
        self._shapes: list[_Shape] = []
        self._learnt = 0

    def keys(self, lines: Sequence[bytes]) -> list[Facts]:
        """The facts of each line; none of lines that are no JSON."""
        found: list[Facts] = [()] * len(lines)
        left = [place for place, line in enumerate(lines) if line.startswith(b"{")]
        for shape in self._shapes:
            left = self._by_shape(shape, lines, left, found)
        for place in left:
            found[place] = tuple(self._facts(lines[place]))
        self._tidy([lines[place] for place in left], len(lines))
        return found

    def _by_shape(self, shape: _Shape, lines: Sequence[bytes], left: list[int], found: list[Facts]) -> list[int]:
        told = shape.facts([lines[place] for place in left]) if left else []
        rest = []
        for place, facts in zip(left, told, strict=True):
            if facts[0]:
                found[place] = facts
            else:
                rest.append(place)
        shape.tried += len(left)
        shape.hit += len(left) - len(rest)
        return rest

    def _tidy(self, left: Sequence[bytes], lines: int) -> None:
        """Drop the shapes that are of little use, and learn another where many lines are of none."""
        self._shapes = [shape for shape in self._shapes if shape.hit * _LEAST_USED >= shape.tried]
        self._shapes.sort(key=lambda shape: -shape.hit)
        if len(left) * 4 > lines and len(self._shapes) < _MOST and self._learnt < _MOST_LEARNT:
            self._learnt += 1
            self._shapes += _shape(left[0], self._search)


def _shape(line: bytes, search: re.Pattern[bytes]) -> Iterator[_Shape]:
    """The shape of a line, if it has one."""
    facts = list(search.finditer(line[:_LONGEST]))
    if not facts or len(line) > _LONGEST:
        return
    parts, at = [], 0
    for fact in facts:
        parts += [*_between(line[at : fact.start()]), b"(", *_fact(line, fact), b")"]
        at = fact.end()
        if fact[0].count(b'"') > _NAME_QUOTES and (rest := _REST.match(line, at)):
            parts.append(_STRING[1:])
            at = rest.end()
    parts += _between(line[at:])
    pattern = re.compile(rb"^(?:" + b"".join(parts) + rb"|.*)$", re.MULTILINE)
    shape = _Shape(pattern)
    if shape.facts([line]) == [tuple(fact[0] for fact in facts)]:
        yield shape


def _fact(line: bytes, fact: re.Match[bytes]) -> Iterator[bytes]:
    value = fact.start(fact.lastgroup or 0)
    text, other = _TOLD[fact.lastgroup or "value"]
    yield re.escape(line[fact.start() : value])
    yield text if line[value : value + 1] == b'"' else other


def _between(text: bytes) -> Iterator[bytes]:
    """What stands between facts: names as they are, whatever values."""
    at = 0
    for value in _VALUES.finditer(text):
        yield re.escape(text[at : value.start()])
        yield _BARE if value["bare"] else _STRING
        at = value.end()
    yield re.escape(text[at:])
