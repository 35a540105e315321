"""Lines of any program without what counts up in them: times, ports, counters, identifiers.

Rules of this file:

1. What is left of a line says all that tells its kind: addresses, paths, and numbers that may be statuses stay.
2. To look for what counts all over a log is dear, and it stands behind the same few characters or words: those are
   learnt, and looked for. What is overlooked makes a key too fine, which costs time and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_NUMBER: Final = (
    rb"[0-9](?<![0-9A-Za-z_./-][0-9])(?:(?<!:[0-9])(?:"
    rb"[0-9]{3,}+(?:[/-][0-9][0-9][/-][0-9][0-9][T ][0-9:.,]+|(?!:[0-9a-f:]))"
    rb"|[0-9]:[0-9][0-9]:[0-9][0-9][0-9.,]*+|[0-9]?(?![0-9A-Za-z_.:]))"
    rb"|(?<=[0-9]:[0-9])(?:(?<=\.[0-9]:[0-9])|(?<=\.[0-9][0-9]:[0-9])|(?<=\.[0-9][0-9][0-9]:[0-9]))[0-9]*+)"
)
"""Times, ports, and numbers that stand alone, but for those of three digits, which may be statuses. Nothing of an
address or a path. What most digits fail by comes first, and sets that are written out are the fastest."""
_IDENTIFIER: Final = rb"(?![0-9]{4}-[0-9][0-9]-)(?=[a-f]*[0-9])[0-9a-f-]{8,}\b"
"""Nothing of a date."""
_LETTERED: Final = re.compile(rb"(?<![\w/.-])(?=[0-9-]*[a-f])" + _IDENTIFIER)
"""One that is no number. By chance others of the same program may have no letters."""
_WASHED: Final = b"\0"
_BEFORE: Final = re.compile(rb"\n?[^0-9\n]*\Z")
_LONGEST_BEFORE: Final = 16
_SHOWN: Final = 8_192
"""Bytes of a block that show where something counts."""
_MOST: Final = 16


class Washing:
    """Washes the lines of one input."""

    def __init__(self) -> None:
        self._counting = (_Counting(_LETTERED, _IDENTIFIER), _Counting(re.compile(_NUMBER), _NUMBER))
        """Identifiers first: many begin as numbers do."""

    def keys(self, lines: Sequence[bytes]) -> list[bytes]:
        """What is left of each line."""
        block = b"\n".join((b"", *lines))
        for counting in self._counting:
            block = counting.washed(block)
        return block.split(b"\n")[1:]


class _Counting:
    """One sort of what counts, by what it stands behind in the lines of one input."""

    def __init__(self, anywhere: re.Pattern[bytes], behind: bytes) -> None:
        self._anywhere = anywhere
        self._pattern = behind
        self._behind: dict[bytes, re.Pattern[bytes]] = {}

    def washed(self, block: bytes) -> bytes:
        """The block without it, as far as its beginning shows where it stands."""
        for before in list(self._behind):
            block, hits = self._without(block, before)
            if not hits:
                del self._behind[before]
        while (found := self._anywhere.search(block, 0, _shown(block))) is not None:
            before = self._before(block, found.start())
            if len(self._behind) >= _MOST or before in self._behind:
                return self._anywhere.sub(_WASHED, block)
            self._behind[before] = self._after(before)
            block, _ = self._without(block, before)
        return block

    def _without(self, block: bytes, before: bytes) -> tuple[bytes, int]:
        return self._behind[before].subn(before.replace(b"\\", b"\\\\") + _WASHED, block)

    def _before(self, block: bytes, start: int) -> bytes:
        """What stands before: no more of it than tells that mostly something counts behind it."""
        said = _BEFORE.search(block[max(0, start - _LONGEST_BEFORE) : start])
        text, end = said[0] if said is not None else b"", _shown(block)
        for length in range(1, len(text)):
            some = text[-length:]
            if len(self._after(some).findall(block, 0, end)) * 2 >= block.count(some, 0, end):
                return some
        return text

    def _after(self, before: bytes) -> re.Pattern[bytes]:
        return re.compile(re.escape(before) + self._pattern)


def _shown(block: bytes) -> int:
    """Where the lines end that show where something counts."""
    end = block.find(b"\n", _SHOWN)
    return end if end >= 0 else len(block)
