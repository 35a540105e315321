"""What a reader is: it recognises one kind of text and turns it into observations, a line or a document at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Protocol

from mattegate.doctor.observation import Observation

HEAD_BYTES = 65_536
"""How much of an input a reader may look at to recognise it."""
PACKED_HEAD_BYTES = 1 << 20
"""What is read of an input to see what it is: a block of bzip2 shows nothing before all of it is there."""


UNREAD = "unread"
"""The format of an observation that says which part of an input was not read, and why."""


class Unreadable(Exception):  # noqa: N818 - the state of what was given
    """An input is not what it was taken for; the message is a sentence for the person who gave it."""


class Reader(Protocol):
    """One kind of input."""

    @property
    def name(self) -> str:
        """``curl``, ``har``, ``nginx-error`` …: what ``--as NAME`` says, and mostly the observations' format."""

    def recognises(self, head: str, name: str) -> bool:
        """Whether an input that begins with ``head`` (control characters already stripped) is of this kind.

        ``name`` is the input's file name, a hint only. Precise: two readers never both say yes to a sound input.
        """

    def read(self, stream: BinaryIO, source: str) -> Iterator[Observation]:
        """What the input says, in its order, in memory that does not grow with it.

        Secrets and control characters are gone from every text. Raises :class:`Unreadable`.
        """
