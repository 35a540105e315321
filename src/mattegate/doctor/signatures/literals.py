"""Texts of which one must be there for a pattern to match: looked for first, because that is many times cheaper.

Only what is certain counts: plain characters outside of groups and classes, one text for each alternative at the
pattern's top, and nothing of a pattern with flags for the whole of it. No literal at all is always a right answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

TOKEN: Final = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?(?:P<\w+>|[:=!]|<[=!]|[aiLmsux]+:|[aiLmsux]+\))|[()|]|(?:[*+?]|\{\d*,?\d*\})[?+]?|.",
    re.DOTALL,
)
"""A pattern's parts, one after the other: an escape, a class, a group's beginning or end, a repetition, a character."""

_LEAST: Final = 3
_ANY_CASE: Final = "(?i)"
_FLAGS: Final = re.compile(r"\(\?[aiLmsux]+\)")


@dataclass(frozen=True, slots=True)
class Literals:
    """What a pattern is ruled out by."""

    texts: tuple[str, ...] = ()
    """Whatever matches contains one; empty where nothing is certain."""
    any_case: bool = False
    """Whether they are to be looked for in a text that was :func:`folded`."""


def literals(pattern: str) -> Literals:
    """The longest text of each alternative; none at all where one has none worth looking for."""
    tokens = TOKEN.findall(pattern)
    any_case = tokens[:1] == [_ANY_CASE]
    if any(_FLAGS.fullmatch(part) for part in tokens[any_case:]):
        return Literals()
    found = [max(_runs(parts), key=len, default="") for parts in _alternatives(tokens[any_case:])]
    if min(map(len, found)) < _LEAST:
        return Literals()
    return Literals(tuple(map(folded, found)) if any_case else tuple(found), any_case)


def folded(text: str) -> str:
    """A text in which letters that differ by their case alone are equal, to a pattern as well."""
    return text.casefold().replace("\u0131", "i")


def _alternatives(tokens: Sequence[str]) -> list[list[str]]:
    """The tokens of each alternative outside of all groups; a group itself is told as ``(``."""
    found: list[list[str]] = [[]]
    depth = 0
    for part in tokens:
        opens = part.startswith("(")
        if depth == 0 and part == "|":
            found.append([])
        elif depth == 0:
            found[-1].append("(" if opens else part)
        depth += opens - (part == ")")
    return found


def _runs(parts: Sequence[str]) -> Iterator[str]:
    run = ""
    for part in parts:
        char = _plain(part)
        if char:
            run += char
            continue
        yield run[:-1] if part[0] in "?*{" else run
        run = ""
    yield run


def _plain(part: str) -> str:
    """The one character that a part stands for; empty where it stands for more, for less or for a place."""
    if part[0] == "\\":
        return "" if part[1].isalnum() else part[1]
    return part if len(part) == 1 and part not in "^$.([|?*+{" else ""
