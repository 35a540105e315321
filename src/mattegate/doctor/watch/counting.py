"""Counts of one thing over time, and tables of many things: flat memory, whatever the log holds.

Rules of this file:

1. Time is a number of slots; a window is five of them, so that a burst is seen wherever it falls. Older counts are kept
   by whole windows.
2. Every table has an end. What does not fit takes the place of what was seen longest
   ago, and that is counted.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

T = TypeVar("T")
V = TypeVar("V")

SLOTS: Final = 5
"""Slots in a window."""
_FINE: Final = 4 * SLOTS
"""Slots that are kept singly: those that were counted in last, so that a clock may go back."""


class Counts:
    """How often something was seen, slot by slot, as far back as ``keep`` windows."""

    __slots__ = ("_counts", "_fine", "_here", "_keep", "_settled", "_slot", "_sum", "_windows")

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._fine: dict[int, int] = {}
        self._windows = array("q")
        self._counts = array("Q")
        self._settled = 0
        self._slot = -1
        self._here = 0
        """In the slot that is counted in now; it is put to the others when another begins."""
        self._sum = 0
        """In the window that ends with it."""

    @property
    def total(self) -> int:
        """How many there ever were."""
        return self._settled + self._here

    def add(self, slot: int) -> int:
        """Count one more; returns how many there are in the window that ends with ``slot``."""
        if slot != self._slot:
            self._settle()
            self._slot, self._sum = slot, self._until(slot)
        self._here += 1
        self._sum += 1
        return self._sum

    def ending_with(self, slot: int) -> int:
        """How many there are in the window that ends with ``slot``."""
        self._settle()
        return self._until(slot)

    def first_slot(self, slot: int) -> int:
        """The first slot that is not empty in the window that ends with ``slot``."""
        self._settle()
        return next((one for one in range(slot - SLOTS + 1, slot) if one in self._fine), slot)

    def windows(self, first: int, last: int) -> Sequence[int]:
        """The counts of the windows from ``first`` up to and with ``last`` that are not zero."""
        self._settle()
        return self._counts[bisect_left(self._windows, first) : bisect_left(self._windows, last + 1)]

    def first_window(self, since: int) -> int | None:
        """The first window from ``since`` on in which there was any."""
        self._settle()
        at = bisect_left(self._windows, since)
        return self._windows[at] if at < len(self._windows) else None

    def _until(self, slot: int) -> int:
        return sum(self._fine.get(one, 0) for one in range(slot - SLOTS + 1, slot + 1))

    def _settle(self) -> None:
        if not self._here:
            return
        fine, slot = self._fine, self._slot
        fine[slot] = fine.pop(slot, 0) + self._here  # behind the others: what was counted in last goes last
        if len(fine) > _FINE:
            del fine[next(iter(fine))]
        self._add_to_window(slot // SLOTS, self._here)
        self._settled += self._here
        self._here = 0

    def _add_to_window(self, window: int, count: int) -> None:
        at = bisect_left(self._windows, window)
        if at < len(self._windows) and self._windows[at] == window:
            self._counts[at] += count
            return
        self._windows.insert(at, window)
        self._counts.insert(at, count)
        self._forget(window)

    def _forget(self, newest: int) -> None:
        """What is older than the baseline; and the oldest, where times are so scattered that this is not enough."""
        if len(self._windows) <= self._keep:
            return
        old = max(bisect_left(self._windows, newest - self._keep), len(self._windows) - self._keep)
        del self._windows[:old]
        del self._counts[:old]


@dataclass(slots=True)
class Series(Generic[T, V]):
    """One thing that is counted, and the newest that was seen of it."""

    counts: Counts
    newest: deque[T]
    first_at: float
    judged: tuple[int, V] | None = None
    """The slot for which it was judged last, and what came of it."""


@dataclass(slots=True)
class Table(Generic[T, V]):
    """Many things by name, of which those seen last are kept."""

    most: int
    keep: int
    """Windows."""
    newest: int
    """How many of the newest are kept of each."""
    let_go: int = 0
    _series: OrderedDict[str, Series[T, V]] = field(default_factory=OrderedDict)

    def __len__(self) -> int:
        return len(self._series)

    def get(self, name: str) -> Series[T, V] | None:
        """What is known of ``name``."""
        return self._series.get(name)

    def of(self, name: str, at: float) -> Series[T, V]:
        """What is known of ``name``, which was just seen."""
        series = self._series.get(name)
        if series is not None:
            self._series.move_to_end(name)
            return series
        if len(self._series) >= self.most:
            self._series.popitem(last=False)
            self.let_go += 1
        series = self._series[name] = Series(Counts(self.keep), deque(maxlen=self.newest), at)
        return series
