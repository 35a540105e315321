"""Texts as Cedar writes them: string literals, and patterns of ``like`` (Cedar's grammar, "STR" and "PATTERN")."""

from __future__ import annotations

from typing import Final

_ESCAPED: Final = {"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\0": r"\0"}


def quoted(text: str) -> str:
    """``text`` as a literal."""
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    return "".join(_ESCAPED.get(char) or (char if char.isprintable() else f"\\u{{{ord(char):x}}}") for char in text)
