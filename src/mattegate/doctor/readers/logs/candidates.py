"""Which lines of a block may matter: searches over whole blocks, so that most lines are never looked at.

A line may be found that says nothing; a line that matters is always found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import compress
from typing import Final

from mattegate.doctor.readers.logs.combined import PASSED, PASSES_SOMEWHERE
from mattegate.doctor.readers.logs.formats import Format
from mattegate.doctor.readers.logs.wrapping import AS_BYTES

Search = Callable[[bytes, int], re.Match[bytes] | None]

_DIGITS: Final = b"0123456789"
_MOST_KNOWN: Final = 16_384
_NOVEL: Final = 15
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
        needles = tuple(dict.fromkeys(needle for shape in formats for needle in shape.needles))
        self._words = Words(needles) if needles else None
        self._blanks = len(finders) + len(needles) >= _MANY

    def among(self, block: bytes) -> Iterator[tuple[int, bytes]]:
        """The lines that may matter, each once, in their order: its place among all lines, and the line."""
        searched = b"\n".join(PASSED.findall(block)) if self._blanks and PASSES_SOMEWHERE.search(block) else block
        places = set(self._places(searched))
        if self._words is not None:
            places.update(self._words.places(searched))
        if places:
            lines = block.split(b"\n")
            yield from ((place, lines[place]) for place in sorted(places))

    def _places(self, block: bytes) -> Iterator[int]:
        searches = list(self._others)
        if b'"' in block:
            searches += [AS_BYTES.search, *(self._members if _MEMBER in block else ())]
        for search in searches:
            yield from _found(block, search)


def _found(block: bytes, search: Search) -> Iterator[int]:
    at = place = 0
    while (found := search(block, at)) is not None:
        place += block.count(b"\n", at, found.start())
        yield place
        at = block.find(b"\n", found.start()) + 1
        place += 1
        if not at:
            return


class Words:
    """Finds lines in which one of some words stands, in any case of letters.

    What a program says it says again, with other numbers: of a line without its numbers it is remembered what stands
    in it. Where lines are all different, all of them are searched.
    """

    def __init__(self, needles: Sequence[bytes]) -> None:
        self._needles = needles
        self._known: dict[bytes, bool] = {}
        self._novel = 0
        """For how many blocks to come nothing is worth remembering."""

    def places(self, block: bytes) -> list[int]:
        """The places of the lines of a block."""
        low = block.lower()
        if self._novel:
            self._novel -= 1
            return [place for needle in self._needles for place in _found_literally(low, needle)]
        texts = low.translate(None, _DIGITS).split(b"\n")
        told = list(map(self._known.get, texts))
        if None in told:
            fresh = list({text for text, known in zip(texts, told, strict=True) if known is None})
            self._novel = _NOVEL if len(fresh) * 2 > len(texts) else 0
            self._learn(fresh)
            told = list(map(self._known.get, texts))
        return list(compress(range(len(told)), told))

    def _learn(self, fresh: Sequence[bytes]) -> None:
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
        text = b"\n".join(fresh)
        self._known.update(dict.fromkeys(fresh, False))
        for needle in self._needles:
            self._known.update((fresh[place], True) for place in _found_literally(text, needle))


def _found_literally(text: bytes, needle: bytes) -> Iterator[int]:
    at = place = 0
    while (hit := text.find(needle, at)) >= 0:
        place += text.count(b"\n", at, hit)
        yield place
        at = text.find(b"\n", hit) + 1
        place += 1
        if not at:
            return
