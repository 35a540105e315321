"""Ways to obtain one file of weights: one file per way, each of them a :class:`Source`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

Progress = Callable[[int, int], None]
"""Called with the bytes had so far and the bytes to come in all, 0 where unknown."""


class Unavailable(Exception):  # noqa: N818 - an outcome: the next source is tried
    """This source did not deliver. The text is one clause for people and holds no address of a package index."""


class Source(Protocol):
    """One way to obtain one file."""

    @property
    def label(self) -> str:
        """What it is, for people: ``release github.com``, ``wheel name==version``."""

    def fetch(self, part: Path, progress: Progress) -> None:
        """Write the file to ``part``, which may hold the beginning of an earlier try and is kept for the next one.

        Whether it is the right file is for the caller to check. Raises :class:`Unavailable`, and ``OSError`` where
        ``part`` cannot be written.
        """
