"""What happens while the store of limits does not answer: a circuit breaker and a declared mode.

* ``refuse``: nobody is admitted; the answer is :class:`~mattegate.ledger.protocols.Unavailable` ``limits``, at once.
* ``local``: rates are counted in this process until the store is back, and quotas still refuse. Each process then
  grants the whole rate by itself, and the store knows nothing of it afterwards.

After :data:`FAILURES` failures in a row the breaker opens, and one call in ``pause_s`` tries whether the store is
back. So a store that swallows packets costs one caller its timeout now and then, not every caller.

A take whose answer was lost may still have been counted, or be counted later, when a stopped store goes on reading what
it was sent. It is voided as soon as the store answers, before anything else is asked of it; a voided token takes
nothing. What is still to be told to the store is kept in this process only, :data:`MOST_PENDING` acts at most;
``state()`` shows how many wait and how many were given up.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Final, Literal, TypeVar

from mattegate.ledger.limits_memory import MemoryLimitStore
from mattegate.ledger.protocols import LimitStore, Unavailable
from mattegate.vocabulary.facts import ClaimFact, LimitKind
from mattegate.vocabulary.rulebook import Limit

FAILURES: Final = 3
MOST_PENDING: Final = 10_000
_A_FEW: Final = 16
"""How many pending acts one call catches up with."""

OnLoss = Literal["refuse", "local"]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class StoreState:
    """How the store of limits does; for metrics, ``/health`` and the operator."""

    state: Literal["closed", "open"]
    """``closed``: it is asked. ``open``: it is away, and ``mode`` holds."""
    mode: OnLoss
    failures: int
    """Calls that failed, ever."""
    openings: int
    local: int
    """Takes that were counted in this process, ever."""
    pending: int
    """Acts that the store is still to be told of."""
    given_up: int
    """Acts that it will never hear of, because too many were pending."""
    problem: str = ""
    """What the last failure was; empty while the breaker is closed."""


class FallbackLimitStore:
    """``store`` behind a breaker; :class:`~mattegate.ledger.protocols.LimitStore` itself.

    ``clock`` is monotonic seconds: the wall clock may be turned, and must not keep a breaker open.
    """

    def __init__(
        self,
        store: LimitStore,
        *,
        on_loss: OnLoss,
        pause_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._mode: OnLoss = on_loss
        self._pause_s = pause_s
        self._clock = clock
        self._local = MemoryLimitStore()
        self._lock = Lock()
        self._pending: deque[Callable[[], object]] = deque()
        self._in_a_row = self._failures = self._openings = self._taken_here = self._given_up = 0
        self._next_try = 0.0
        self._problem = ""

    def state(self) -> StoreState:
        """How the store does now."""
        with self._lock:
            is_open = self._in_a_row >= FAILURES
            return StoreState(
                state="open" if is_open else "closed",
                mode=self._mode,
                failures=self._failures,
                openings=self._openings,
                local=self._taken_here,
                pending=len(self._pending),
                given_up=self._given_up,
                problem=self._problem if is_open else "",
            )

    def take(self, subject: str, limits: Sequence[Limit], costs: Sequence[int], at: float, token: str) -> ClaimFact:
        """Take of every limit or of none, from the store or as ``on_loss`` says. Raises ``Unavailable``."""
        if not self._may_ask():
            return self._without(subject, limits, costs, at, token, Unavailable("limits", self._problem))
        try:
            fact = self._ask(lambda: self._store.take(subject, limits, costs, at, token))
        except Unavailable as lost:
            self._later(lambda: self._store.void(subject, limits, at, token))
            return self._without(subject, limits, costs, at, token, lost)
        return fact

    def give_back(self, subject: str, limits: Sequence[Limit], costs: Sequence[int], at: float, token: str) -> None:
        """Give back now, or when the store is back."""
        self._tell(lambda: self._store.give_back(subject, limits, costs, at, token))

    def amend(self, subject: str, limits: Sequence[Limit], totals: Sequence[int], at: float, token: str) -> None:
        """Amend now, or when the store is back."""
        self._tell(lambda: self._store.amend(subject, limits, totals, at, token))

    def void(self, subject: str, limits: Sequence[Limit], at: float, token: str) -> None:
        """Void now, or when the store is back."""
        self._local.void(subject, limits, at, token)
        self._tell(lambda: self._store.void(subject, limits, at, token))

    def glance(self, subject: str, limits: Sequence[Limit], at: float) -> ClaimFact:
        """Where the limits stand. Raises ``Unavailable`` while the store is away: nobody knows then."""
        if not self._may_ask():
            raise Unavailable("limits", self._problem)
        return self._ask(lambda: self._store.glance(subject, limits, at))

    def _without(
        self, subject: str, limits: Sequence[Limit], costs: Sequence[int], at: float, token: str, lost: Unavailable
    ) -> ClaimFact:
        """The answer of a process that has lost its store."""
        pairs = [(limit, cost) for limit, cost in zip(limits, costs, strict=True) if limit.kind == LimitKind.RATE]
        enforced = any(limit.kind != LimitKind.RATE and not limit.shadow for limit in limits)
        if self._mode == "refuse" or enforced:
            raise lost
        with self._lock:
            self._taken_here += 1
        return self._local.take(subject, [limit for limit, _ in pairs], [cost for _, cost in pairs], at, token)

    def _may_ask(self) -> bool:
        with self._lock:
            if self._in_a_row < FAILURES:
                return True
            now = self._clock()
            if now < self._next_try:
                return False
            self._next_try = now + self._pause_s  # this caller tries; the others do not wait for it
            return True

    def _ask(self, act: Callable[[], _T]) -> _T:
        try:
            self._catch_up()
            result = act()
        except Unavailable as error:
            self._failed(error)
            raise
        with self._lock:
            self._in_a_row = 0
        return result

    def _failed(self, error: Unavailable) -> None:
        with self._lock:
            self._failures += 1
            self._in_a_row += 1
            self._problem = error.problem
            self._openings += self._in_a_row == FAILURES
            self._next_try = self._clock() + self._pause_s

    def _tell(self, act: Callable[[], object]) -> None:
        if not self._may_ask():
            return self._later(act)
        try:
            self._ask(act)
        except Unavailable:
            self._later(act)

    def _later(self, act: Callable[[], object]) -> None:
        with self._lock:
            self._pending.append(act)
            if len(self._pending) > MOST_PENDING:
                self._pending.popleft()
                self._given_up += 1

    def _catch_up(self) -> None:
        """Tell the store what it missed, oldest first; an act that fails stays first in line."""
        for _ in range(_A_FEW):
            with self._lock:
                act = self._pending.popleft() if self._pending else None
            if act is None:
                return
            try:
                act()
            except Unavailable:
                with self._lock:
                    self._pending.appendleft(act)
                raise
