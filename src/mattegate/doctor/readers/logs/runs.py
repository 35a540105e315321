"""Logs that hold hardly anything but refusals: lines are counted by their keys, a block at a time.

1. A block's lines are told apart by their keys, format by format; what one format does not know the next is given.
2. Of each key one line is looked at. It says what kind the lines of this key are, or that they are another format's.
3. Once there are too many kinds, no more than so many keys of a block are looked at; the others count as what is left
   of them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mattegate.doctor.observation import Observation, Place

if TYPE_CHECKING:
    from mattegate.doctor.readers.logs.formats import Format, Sketch
    from mattegate.doctor.readers.logs.keys import Key, Keys
    from mattegate.doctor.readers.logs.kinds import Kind, Kinds

MOST_KEYS: Final = 16_384
LOOKED_AT: Final = 256


@dataclass(frozen=True, slots=True)
class Lines:
    """Some lines of a block, side by side: as the input has them, without their wrapping, and their numbers."""

    raw: Sequence[bytes]
    bare: Sequence[bytes]
    numbers: Sequence[int]

    def only(self, places: Sequence[int]) -> Lines:
        """Those at these places."""
        return Lines(*([some[place] for place in places] for some in (self.raw, self.bare, self.numbers)))
