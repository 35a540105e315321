"""Lines of any program without what counts up in them: times, ports, counters, identifiers.

Rules of this file:

1. What is left of a line says all that tells its kind: addresses, paths, and numbers that may be statuses stay.
2. Identifiers look like words, and a search for them is dear. Mostly they stand behind the same words: those are
   learnt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_COUNTING: Final = re.compile(
    rb"[0-9](?<![0-9A-Za-z_./-][0-9])(?:(?<!:[0-9])(?:"
    rb"[0-9]{3,}+(?:[/-][0-9][0-9][/-][0-9][0-9][T ][0-9:.,]+|(?!:[0-9a-f:]))"
    rb"|[0-9]:[0-9][0-9]:[0-9][0-9][0-9.,]*+|[0-9]?(?![0-9A-Za-z_.:]))"
    rb"|(?<=[0-9]:[0-9])(?:(?<=\.[0-9]:[0-9])|(?<=\.[0-9][0-9]:[0-9])|(?<=\.[0-9][0-9][0-9]:[0-9]))[0-9]*+)"
)
"""Times, ports, and numbers that stand alone, but for those of three digits, which may be statuses. Nothing of an
address or a path. What most digits fail by comes first, and sets that are written out are the fastest."""
_TIME: Final = re.compile(rb"(\A|[^\w./:-])(\d{4}[/-]\d\d[/-]\d\d[T ])[\d:.,]+")
_IDENTIFIER: Final = rb"(?=[a-f]*\d)[0-9a-f-]{8,}\b"
_ANYWHERE: Final = re.compile(rb"(?<![\w/.-])" + _IDENTIFIER)
_BEFORE: Final = re.compile(rb"[^\d\n]{1,16}\Z")
_SHOWN: Final = 8_192
"""Bytes of a block that show where identifiers stand."""
_MOST: Final = 8


class Washing:
    """Washes the lines of one input."""

    def __init__(self) -> None:
        self._behind: dict[bytes, re.Pattern[bytes]] = {}
        """Identifiers, by the words that they stand behind."""

    def keys(self, block: bytes) -> list[bytes]:
        """What is left of each line of a block."""
        block = _without_times(block)
        for before, identifier in self._behind.items():
            block = identifier.sub(before.replace(b"\\", b"\\\\"), block)
        words = list(dict.fromkeys(_words(block)))
        block = _COUNTING.sub(b"", block)
        if words:
            block = _ANYWHERE.sub(b"", block)
        for before in words[: _MOST - len(self._behind)]:
            self._behind[before] = re.compile(re.escape(before) + _IDENTIFIER)
        return block.split(b"\n")


def _without_times(block: bytes) -> bytes:
    """Without the times of the day on which the block begins: its lines mostly have one, and at the same place."""
    time = _TIME.search(block, 0, _SHOWN)
    if time is None:
        return block
    before = time[1] or b"\n"
    return re.sub(re.escape(before + time[2]) + rb"[\d:.,]+", before.replace(b"\\", b"\\\\"), block)


def _words(block: bytes) -> Iterator[bytes]:
    """What identifiers stand behind that are there and have letters in them: the others count as numbers."""
    for found in _ANYWHERE.finditer(block, 0, _SHOWN):
        before = _BEFORE.search(block, max(0, found.start() - 32), found.start())
        if before is not None and found[0].translate(None, b"0123456789-"):
            yield before[0]
