"""Text in the columns of a terminal: how wide it is, and how it is broken into lines.

A line is broken between words, and between ideographs; never inside a path, a code, a command or a `` `quoted` `` rule,
which then rather stands out of the margin.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

_WORDS: Final = re.compile(r"(?:`[^`\n]{1,400}`|[^\s`]|`)+")
_NO_LINE_STARTS_WITH: Final = frozenset("，。；：、！？）」』》…—”’")
_NO_LINE_ENDS_WITH: Final = frozenset("（「『《“‘")


def cells(text: str) -> int:
    """How many columns ``text`` takes: ideographs take two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(_cells_of(char) for char in text)


def _cells_of(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def padded(text: str, width: int) -> str:
    """``text`` with blanks up to ``width`` columns."""
    return text + " " * max(0, width - cells(text))


def wrapped(text: str, width: int, *, first: str = "", rest: str | None = None) -> list[str]:
    """``text`` in lines of at most ``width`` columns where that can be, which begin with ``first`` and ``rest``."""
    rest = " " * cells(first) if rest is None else rest
    lines, line, bare = [], first, True
    for piece, blank in _pieces(text):
        gap = " " if blank and not bare else ""
        if not bare and cells(line) + len(gap) + cells(piece) > width:
            lines.append(line)
            line, gap = rest, ""
        line, bare = f"{line}{gap}{piece}", False
    return [*lines, line.rstrip()] if not bare else [first.rstrip()]


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """What must stay together, and whether a blank stands before it."""
    for found in _WORDS.finditer(text):
        blank = True
        for piece in _unbroken(found[0]):
            yield piece, blank
            blank = False


def _unbroken(word: str) -> Iterator[str]:
    """A word as one piece; one with ideographs in several."""
    if word.isascii():
        yield word
        return
    piece = ""
    for part in _PARTS.findall(word):
        glued = part[0] in _NO_LINE_STARTS_WITH or piece[-1:] in _NO_LINE_ENDS_WITH
        if piece and not glued:
            yield piece
            piece = ""
        piece += part
    yield piece


_WIDE: Final = r"\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60"
_PARTS: Final = re.compile(rf"[{_WIDE}]|(?:`[^`\n]{{1,400}}`|[^`{_WIDE}]|`)+")
