"""The words of an ``if``, also where its condition was given as one text."""

from __future__ import annotations

import re


def condition_words(args: tuple[str, ...]) -> tuple[str, ...]:
    """The one to three words of a condition, also where it was given as one text."""
    text = args[0] if len(args) == 1 else ""
    found = re.fullmatch(
        r"\s*(\S+)\s+(=|!=|~|~\*|!~|!~\*)(?:\s+(.*\S))?\s*|\s*(!?-[fdex])\s+(.*\S)\s*", text, re.DOTALL
    )
    if found and found[4]:
        return found[4], _unquoted(found[5])
    if found:
        return found[1], found[2], _unquoted(found[3] or "")
    if len(args) == 2 and args[1] in {"=", "!="}:
        return (*args, "")
    return args


def _unquoted(word: str) -> str:
    quoted = len(word) > 1 and word[0] in "\"'" and word[-1] == word[0]
    return word[1:-1].replace('\\"', '"') if quoted else word
