"""A configuration file as it was read: plain values, and where each of them stands."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

Steps = tuple[str | int, ...]
"""Keys and indices from the top of the file down to a value."""


class Place(NamedTuple):
    """Where something begins; lines and columns count from 1, columns in characters."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Document:
    """One file."""

    syntax: str
    """``toml`` or ``yaml``."""
    values: Mapping[str, Any]
    """Strings, numbers, truth values, dates, ``None``, and lists and tables of them; YAML's plain words are strings."""
    keys: Mapping[Steps, Place]
    """Where each key was first named."""
    places: Mapping[Steps, Place]
    """Where each value begins."""


class Unreadable(Exception):  # noqa: N818 - the state of a file
    """A text is not in the syntax it should be in; carries nothing of its contents."""

    def __init__(self, problem: str, place: Place | None = None, fix: str = "") -> None:
        self.problem = problem
        self.place = place
        self.fix = fix
        super().__init__(problem)


class Lines:
    """Turns positions in a text into places."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(at + 1 for at, char in enumerate(text) if char == "\n")]

    def place(self, position: int) -> Place:
        """The place of the character at ``position``."""
        line = bisect_right(self._starts, position)
        return Place(line, position - self._starts[line - 1] + 1)
