"""Limits counted in this process: for one gate process, and for rates while Redis is away.

Nothing survives the process. Bounded: counters that have run out are swept as new ones come, and a store that is full
of live ones answers :class:`~mattegate.ledger.protocols.Unavailable` instead of forgetting somebody's count.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from mattegate.ledger.limits_algorithms import MICROS, Slot, Verdict, counted_only, decide, micros, slot, standing
from mattegate.ledger.protocols import Unavailable
from mattegate.vocabulary.facts import ClaimFact
from mattegate.vocabulary.rulebook import Limit

TOKEN_S: Final = 3600
"""How long a store remembers what a token took."""

_Key = tuple[str, str, int]
"""Subject, counter, window."""


@dataclass(slots=True)
class _Take:
    until: int
    voided: bool = False
    held: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Window and cost by counter."""


@dataclass(slots=True)
class _Counter:
    value: int
    until: int
    """When it may be forgotten: a rate that is full again, a window that is over twice."""


class MemoryLimitStore:
    """A :class:`~mattegate.ledger.protocols.LimitStore` of at most ``counters`` live counters and ``tokens`` tokens."""

    def __init__(self, *, counters: int = 200_000, tokens: int = 100_000) -> None:
        self._most = counters
        self._most_tokens = tokens
        self._counters: dict[_Key, _Counter] = {}
        self._tokens: OrderedDict[str, _Take] = OrderedDict()
        self._sweep_at_size = 1024
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._counters)

    def take(self, subject: str, limits: Sequence[Limit], costs: Sequence[int], at: float, token: str) -> ClaimFact:
        """Take of every limit or of none. Raises ``Unavailable`` when full, and for a voided token."""
        counted_only(limits)
        now = micros(at)
        places = [slot(limit, now) for limit in limits]
        with self._lock:
            if take := self._tokens.get(token):
                return self._again(take, subject, places, now)
            self._make_room(now, len(places))
            verdict = decide(places, self._values(subject, places), costs, now)
            self._keep(subject, places, verdict)
            if verdict.granted:
                self._remember(token, places, verdict, now)
        return ClaimFact(limits=verdict.answers, reserved=verdict.granted)

    def give_back(self, subject: str, limits: Sequence[Limit], costs: Sequence[int], at: float, token: str) -> None:
        """Amend what ``token`` holds to nothing."""
        self.amend(subject, limits, [0] * len(costs), at, token)

    def amend(self, subject: str, limits: Sequence[Limit], totals: Sequence[int], at: float, token: str) -> None:
        """Make what ``token`` holds of each quota ``totals[i]``."""
        with self._lock:
            take = self._tokens.get(token)
            if take is None or take.voided:
                return
            for limit, total in zip(limits, totals, strict=True):
                self._amend(take, subject, slot(limit, micros(at)), total)

    def void(self, subject: str, limits: Sequence[Limit], at: float, token: str) -> None:
        """Undo the take of ``token`` wholly and let it take nothing any more."""
        now = micros(at)
        with self._lock:
            take = self._tokens.setdefault(token, _Take(now + TOKEN_S * MICROS))
            if take.voided:
                return
            take.voided = True
            for limit in limits:
                self._amend(take, subject, slot(limit, now), 0, rates=True)

    def glance(self, subject: str, limits: Sequence[Limit], at: float) -> ClaimFact:
        """Where the limits stand."""
        counted_only(limits)
        places = [slot(limit, micros(at)) for limit in limits]
        with self._lock:
            return ClaimFact(limits=standing(places, self._values(subject, places), micros(at)))

    def _again(self, take: _Take, subject: str, places: Sequence[Slot], now: int) -> ClaimFact:
        if take.voided:
            raise Unavailable("limits", "this take was given up")
        return ClaimFact(limits=standing(places, self._values(subject, places), now), reserved=True)

    def _values(self, subject: str, places: Sequence[Slot]) -> list[int]:
        found = [self._counters.get((subject, place.terms.name, place.window)) for place in places]
        return [counter.value if counter else 0 for counter in found]

    def _keep(self, subject: str, places: Sequence[Slot], verdict: Verdict) -> None:
        for place, value in zip(places, verdict.values, strict=True):
            if value:
                until = place.window + 2 * place.terms.step if place.terms.windowed else value
                self._counters[subject, place.terms.name, place.window] = _Counter(value, until)

    def _remember(self, token: str, places: Sequence[Slot], verdict: Verdict, now: int) -> None:
        held = {
            place.terms.name: (place.window, cost)
            for place, cost in zip(places, verdict.costs, strict=True)
            if cost or place.terms.windowed
        }
        self._tokens[token] = _Take(now + TOKEN_S * MICROS, held=held)
        while len(self._tokens) > self._most_tokens or next(iter(self._tokens.values())).until < now:
            self._tokens.popitem(last=False)

    def _amend(self, take: _Take, subject: str, place: Slot, total: int, *, rates: bool = False) -> None:
        held = take.held.get(place.terms.name)
        if held is None or not (place.terms.windowed or rates):
            return
        window, cost = held
        fresh = _Counter(0, window + 2 * place.terms.step)
        counter = self._counters.setdefault((subject, place.terms.name, window), fresh)
        counter.value = max(0, counter.value + (total - cost) * (1 if place.terms.windowed else place.terms.step))
        take.held[place.terms.name] = (window, total)

    def _make_room(self, now: int, more: int) -> None:
        """Sweep when the store has doubled since the last time, so that sweeping costs each take a constant."""
        if len(self._counters) + more <= min(self._sweep_at_size, self._most):
            return
        self._counters = {key: counter for key, counter in self._counters.items() if counter.until > now}
        self._sweep_at_size = max(1024, 2 * len(self._counters))
        if len(self._counters) + more > self._most:
            raise Unavailable("limits", f"{self._most} counters are in use already")
