"""What rises: the one rule, and the value that lines are shown to and that is asked about them.

Rules of this file:

1. One reason, key, address, status or request rises where one window holds at least ``least`` of its refusals, and
   more than ``times`` its usual: the count that 19 of 20 windows of the baseline do not exceed, or the highest within
   an hour of this time on the days before, whichever is more. What comes every night is usual.
2. Nothing is judged before the log reaches back ``LEAST_HISTORY`` windows: where all is new, nothing is news.
3. A rise is over when no window for a whole window's time was above its limit. One that lasts longer than the baseline
   has become usual.
4. No clock is read: every time comes with a line, or with the question.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from mattegate.doctor.watch.counting import SLOTS, Counts, Series, Table

LEAST_HISTORY: Final = 12
MOST_WINDOWS: Final = 4_032
"""Of a baseline: two weeks of windows of five minutes."""
_DAY: Final = 86_400
_AROUND: Final = 3_600
"""The same time of another day, to either side."""
_MOST_GOING: Final = 512
_MOST_OVER: Final = 256
_CALLERS: Final = 256


class Kind(StrEnum):
    """What is counted, the most specific first."""

    KEY = "key"
    ADDRESS = "address"
    REASON = "reason"
    STATUS = "status"
    REQUEST = "request"
    """A status of one method and path: both only where a line has no reason."""


_TABLES: Final = {
    Kind.KEY: (2_048, 24),
    Kind.ADDRESS: (4_096, 24),
    Kind.REASON: (512, 64),
    Kind.STATUS: (64, 64),
    Kind.REQUEST: (2_048, 24),
}
"""How many of each are followed at once, and how many of the newest lines are kept of each."""


@dataclass(frozen=True, slots=True)
class Rule:
    """When something rises."""

    window: float = 300.0
    baseline: float = 86_400.0
    least: int = 20
    times: int = 3

    @property
    def slot(self) -> float:
        """Seconds of one slot."""
        return self.window / SLOTS

    @property
    def windows(self) -> int:
        """Windows of the baseline."""
        return int(self.baseline // self.window)

    @property
    def keep(self) -> int:
        """Windows to remember, for the baseline and for what stood around its farthest day's time."""
        return self.windows + int(_AROUND // self.window) + 2


Label = tuple[Kind, str, float]
"""What a rise is known by: what rose, and when it began."""


class Seen(NamedTuple):
    """What one line of an access log says. A text that it does not say is empty."""

    at: float
    status: int
    reason: str = ""
    key: str = ""
    """The id of a key, never the key."""
    address: str = ""
    request: str = ""
    """``METHOD /path``, with what varies in it as ``*``."""
    request_id: str = ""
    problem: str = ""
    source: str = ""
    line: int = 0

    @property
    def place(self) -> str:
        """``FILE:LINE``."""
        return f"{self.source}:{self.line}" if self.line else self.source


class Usual(NamedTuple):
    """What one thing usually comes to in a window."""

    windows: int
    """Windows of the baseline that the log reaches back to."""
    most: int
    """19 of 20 of them hold no more."""
    same_time: int
    """The highest around this time on the days before."""

    def limit(self, rule: Rule) -> int:
        """What a window has to reach."""
        return max(rule.least, rule.times * max(self.most, self.same_time) + 1)


@dataclass(frozen=True, slots=True)
class Rise:
    """One thing that rose."""

    kind: Kind
    name: str
    began_at: float
    """The first refusal of the window with which it began."""
    new: bool
    """Whether it was never seen before."""
    usual: Usual
    limit: int
    count: int
    """In the highest window."""
    count_until: float
    """The end of that window."""
    total: int
    """Since it began."""
    requests: int
    """Lines of any kind in the highest window, and what is usual of these."""
    requests_usual: int
    newest: tuple[Seen, ...]
    """The newest of its lines, the oldest of them first."""
    over_at: float | None = None
    """When the last window above the limit ended; ``None`` while it goes on."""
    settled: bool = False
    """Whether it ended by having become usual."""

    @property
    def label(self) -> Label:
        """The same for all that is ever told of one rise."""
        return self.kind, self.name, self.began_at


@dataclass(slots=True)
class _Going:
    """A rise that goes on."""

    series: Series[Seen, Usual]
    usual: Usual
    limit: int
    began_at: float
    new: bool
    first_slot: int
    last_slot: int
    """The last one whose window was above the limit."""
    peak: int = 0
    peak_slot: int = 0
    total: int = 0
    requests: int = 0
    requests_usual: int = 0


class Watch:
    """Is shown lines and asked what rises. Holds the same memory after a million lines as after the first thousands."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.lines = 0
        self.refused = 0
        self.first_at = self.last_at = 0.0
        self.untold = 0
        """Rises that were not followed, because too many went on at once."""
        self.only_caller = ""
        """The address that every line of the log has, if one has risen and there is but one: a proxy's."""
        self._slot_s = rule.slot
        self._all = Counts(rule.keep)
        self._tables = {kind: Table[Seen, Usual](most, rule.keep, newest) for kind, (most, newest) in _TABLES.items()}
        self._going: dict[tuple[Kind, str], _Going] = {}
        self._over: deque[Rise] = deque(maxlen=_MOST_OVER)
        self._callers: deque[str] = deque(maxlen=_CALLERS)

    def see(self, seen: Seen) -> None:
        """Count one line."""
        slot = int(seen.at // self._slot_s)
        self.first_at = min(self.first_at, seen.at) if self.lines else seen.at
        self.last_at = max(self.last_at, seen.at)
        self.lines += 1
        self._all.add(slot)
        if seen.address:
            self._callers.append(seen.address)
        if seen.status < 400:
            return
        self.refused += 1
        for kind, name in _names(seen):
            self._count(kind, name, seen, slot)

    def rises(self, now: float) -> tuple[Rise, ...]:
        """Every rise so far, the oldest first; of those that are over, only the last ones are remembered."""
        slot = int(now // self.rule.slot)
        for of, going in list(self._going.items()):
            if slot > going.last_slot + SLOTS:
                self._end(of, going)
        told = [*self._over, *(self._rise(of, going) for of, going in self._going.items())]
        return tuple(sorted(told, key=lambda rise: rise.began_at))

    def history(self, now: float) -> int:
        """How many windows of a baseline there are before the one that ends now."""
        return self._history(int(now // self.rule.slot))

    @property
    def let_go(self) -> dict[Kind, int]:
        """How many of each kind were forgotten to make room."""
        return {kind: table.let_go for kind, table in self._tables.items() if table.let_go}

    # --- one thing ------------------------------------------------------------------------------------------------

    def _count(self, kind: Kind, name: str, seen: Seen, slot: int) -> None:
        series = self._tables[kind].of(name, seen.at)
        count = series.counts.add(slot)
        going = self._going.get((kind, name))
        if going is not None and slot > going.last_slot + SLOTS:
            self._end((kind, name), going)
            going = None
        if going is not None and slot - going.first_slot > self.rule.windows * SLOTS:
            self._end((kind, name), going, settled=True)
            going = None
        series.newest.append(seen)
        if going is None and count >= self.rule.least:
            going = self._begun(kind, name, series, count, slot)
        if going is not None:
            self._more(going, series, count, slot)

    def _begun(self, kind: Kind, name: str, series: Series[Seen, Usual], count: int, slot: int) -> _Going | None:
        usual = self._judged(series, slot)
        if usual.windows < LEAST_HISTORY or count < usual.limit(self.rule) or self._is_proxy(kind, name):
            return None
        if len(self._going) >= _MOST_GOING:
            self.untold += 1
            return None
        going = self._going[kind, name] = _Going(
            series,
            usual,
            usual.limit(self.rule),
            began_at=self._first_at(series, count, slot),
            new=series.counts.total == count and not self._tables[kind].let_go,
            first_slot=slot,
            last_slot=slot,
            total=count - 1,
        )
        return going

    def _first_at(self, series: Series[Seen, Usual], count: int, slot: int) -> float:
        """When the window's first came, to the slot where it is not among the newest any more."""
        begins = series.counts.first_slot(slot) * self.rule.slot
        within = [seen.at for seen in series.newest if seen.at >= begins]
        return min(within) if len(within) >= count else max(series.first_at, begins)

    def _judged(self, series: Series[Seen, Usual], slot: int) -> Usual:
        """Once a slot is enough: the slot is no part of what is usual then."""
        if series.judged is None or series.judged[0] != slot:
            series.judged = slot, self._usual(series.counts, slot)
        return series.judged[1]

    def _more(self, going: _Going, series: Series[Seen, Usual], count: int, slot: int) -> None:
        going.series = series
        going.total += 1
        if count < going.limit:
            return
        going.last_slot = max(going.last_slot, slot)
        if count > going.peak:
            if slot != going.peak_slot:
                going.requests_usual = self._usual(self._all, slot).most
            going.peak, going.peak_slot, going.requests = count, slot, self._all.ending_with(slot)

    def _end(self, of: tuple[Kind, str], going: _Going, *, settled: bool = False) -> None:
        over_at = (going.last_slot + 1) * self.rule.slot
        del self._going[of]
        self._over.append(self._rise(of, going, over_at=over_at, settled=settled))

    def _rise(
        self, of: tuple[Kind, str], going: _Going, *, over_at: float | None = None, settled: bool = False
    ) -> Rise:
        return Rise(
            *of,
            going.began_at,
            going.new,
            going.usual,
            going.limit,
            going.peak,
            (going.peak_slot + 1) * self.rule.slot,
            going.total,
            going.requests,
            going.requests_usual,
            tuple(going.series.newest),
            over_at,
            settled,
        )

    def _is_proxy(self, kind: Kind, name: str) -> bool:
        """An address that everybody comes from is nobody's; it says what the reasons say already."""
        if kind is not Kind.ADDRESS or any(caller != name for caller in self._callers):
            return False
        self.only_caller = name
        return True

    # --- what is usual --------------------------------------------------------------------------------------------

    def _usual(self, counts: Counts, slot: int) -> Usual:
        windows = self._history(slot)
        last = _last_window(slot)
        return Usual(windows, _exceeded_by_few(counts.windows(last - windows + 1, last), windows),
                     self._same_time(counts, slot))  # fmt: skip

    def _history(self, slot: int) -> int:
        last = _last_window(slot)
        first = self._all.first_window(last - self.rule.windows + 1)
        return 0 if first is None else max(0, last - first + 1)

    def _same_time(self, counts: Counts, slot: int) -> int:
        around = int(_AROUND // self.rule.window)
        now, last, highest = slot // SLOTS, _last_window(slot), 0
        for day in range(1, int(self.rule.baseline // _DAY) + 1):
            then = now - int(day * _DAY // self.rule.window)
            highest = max(highest, *counts.windows(then - around, min(last, then + around)), 0)
        return highest


def _names(seen: Seen) -> list[tuple[Kind, str]]:
    """What a refused line counts for."""
    if seen.reason:
        names = [(Kind.REASON, seen.reason)]
    else:
        names = [(Kind.STATUS, str(seen.status)), (Kind.REQUEST, f"{seen.status} {seen.request}")]
    if seen.key:
        names.append((Kind.KEY, seen.key))
    if seen.address:
        names.append((Kind.ADDRESS, seen.address))
    return names


def _last_window(slot: int) -> int:
    """The last whole window that has no slot in common with the one that ends with ``slot``."""
    return (slot - 2 * SLOTS + 1) // SLOTS


def _exceeded_by_few(counts: Sequence[int], windows: int) -> int:
    """The count that 19 of 20 windows do not exceed; ``counts`` are those that are not zero."""
    above = windows // 20
    return sorted(counts, reverse=True)[above] if len(counts) > above else 0
