"""A text that must be there for a pattern to match: looked for first, because that is many times cheaper.

Only what is certain counts: plain characters outside of groups and classes, and nothing of a pattern that has a choice
at its top or flags for the whole of it. No literal at all is always a right answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

TOKEN: Final = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?(?:P<\w+>|[:=!]|<[=!]|[aiLmsux]+:|[aiLmsux]+\))|[()|]|(?:[*+?]|\{\d*,?\d*\})[?+]?|.",
    re.DOTALL,
)
"""A pattern's parts, one after the other: an escape, a class, a group's beginning or end, a repetition, a character."""

_LEAST: Final = 3


def literal(pattern: str) -> str:
    """The longest text that whatever matches ``pattern`` contains; empty where there is none worth looking for."""
    tokens = TOKEN.findall(pattern)
    if _chooses(tokens):
        return ""
    longest = max(_runs(tokens), key=len, default="")
    return longest if len(longest) >= _LEAST else ""


def _chooses(tokens: list[str]) -> bool:
    """Whether there is a choice outside of all groups, or a flag for the whole."""
    return any(part == "|" for part in _outside(tokens)) or any(re.fullmatch(r"\(\?\w+\)", part) for part in tokens)


def _outside(tokens: list[str]) -> Iterator[str]:
    """The tokens outside of all groups; a group itself is told as ``(``."""
    depth = 0
    for part in tokens:
        if part.startswith("(") and not part.endswith(")"):
            if depth == 0:
                yield "("
            depth += 1
        elif part == ")":
            depth -= 1
        elif depth == 0:
            yield part


def _runs(tokens: list[str]) -> Iterator[str]:
    run = ""
    for part in _outside(tokens):
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
