"""Which lines of a block may matter: searches over whole blocks, so that most lines are never looked at.

A line may be found that says nothing; a line that matters is always found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from mattegate.doctor.readers.logs.combined import PASSED
from mattegate.doctor.readers.logs.formats import Format
from mattegate.doctor.readers.logs.wrapping import AS_BYTES

Span = tuple[int, int]
Search = Callable[[bytes, int], re.Match[bytes] | None]

_MANY: Final = 8
"""Searches from which on it pays to blank the requests that passed first."""
_MEMBER: Final = b'":'
"""What every search for a member of JSON needs; most logs hold none, and that is seen at once."""


class Candidates:
    """The searches of one input's formats."""

    def __init__(self, formats: Sequence[Format]) -> None:
        finders = dict.fromkeys(finder for shape in formats for finder in shape.finders)
        self._members = [finder.search for finder in finders if _MEMBER in finder.pattern]
        self._others = [finder.search for finder in finders if _MEMBER not in finder.pattern]
        self._needles = list(dict.fromkeys(needle for shape in formats for needle in shape.needles))

    def among(self, block: bytes) -> Iterator[tuple[int, bytes]]:
        """The lines that may matter, each once, in their order: its place among all lines, and the line."""
        if len(self._members) + len(self._others) + len(self._needles) < _MANY:
            yield from ((place, block[start:end]) for place, start, end in _placed(block, self._spans(block)))
            return
        blanked = PASSED.sub(b"", block)
        lines: list[bytes] = []
        for place, _, _ in _placed(blanked, self._spans(blanked)):
            lines = lines or block.split(b"\n")
            yield place, lines[place]

    def _spans(self, block: bytes) -> Iterable[Span]:
        searches = self._others + (self._members if _MEMBER in block else [])
        if b'"MESSAGE"' in block:
            searches.append(AS_BYTES.search)
        if len(searches) == 1 and not self._needles:
            return _found(block, searches[0])
        spans = {span for search in searches for span in _found(block, search)}
        low = block.lower() if self._needles else b""
        spans.update(span for needle in self._needles for span in _found_literally(low, needle))
        return sorted(spans)


def _placed(block: bytes, spans: Iterable[Span]) -> Iterator[tuple[int, int, int]]:
    """Each span with the place of its line."""
    at = place = 0
    for start, end in spans:
        place += block.count(b"\n", at, start)
        at = start
        yield place, start, end


def _found(block: bytes, search: Search) -> Iterator[Span]:
    at = 0
    while (found := search(block, at)) is not None:
        hit = found.start()
        start = block.rfind(b"\n", at, hit) + 1 or at
        end = block.find(b"\n", hit)
        yield start, end
        at = end + 1


def _found_literally(block: bytes, needle: bytes) -> Iterator[Span]:
    at = 0
    while (hit := block.find(needle, at)) >= 0:
        start = block.rfind(b"\n", at, hit) + 1 or at
        end = block.find(b"\n", hit)
        yield start, end
        at = end + 1
