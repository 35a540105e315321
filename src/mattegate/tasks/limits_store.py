"""Tell operators when the store of limits is lost, and when it has come back to stay."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Protocol

from mattegate.ledger.limits_fallback import StoreState
from mattegate.outbound.notice import Notice, NoticeKind, notice_id, one_line, rfc3339
from mattegate.tasks.reminders import Tell

SETTLED_S: Final = 60.0
"""A store counts as back when it has not been lost for so long: one that comes and goes is told of once, as lost."""
STORE: Final = "limits"

_MEANING: Final = {
    "refuse": 'Until it is back, requests that count are refused with 503 (limits.on_loss = "refuse").',
    "local": "Until it is back, each server counts rates by itself, and requests under a quota are refused with 503 "
    '(limits.on_loss = "local").',
}


class Watched(Protocol):
    """A store behind a breaker."""

    def state(self) -> StoreState:
        """How it does now."""


@dataclass(slots=True)
class StoreWatch:
    """Compares how the store does with what was told of it. What finds no room stands in the log alone."""

    store: Watched
    tell: Tell
    _lost_at: float | None = field(default=None, init=False)
    _told_lost: bool = field(default=False, init=False)
    _back_at: float | None = field(default=None, init=False)
    _openings: int = field(default=0, init=False)

    def __call__(self, now: float) -> str:
        """Tell what changed; returns the state. After ``Unavailable`` it is told at the next look."""
        state = self.store.state()
        again = state.openings != self._openings
        self._openings = state.openings
        if state.state == "open":
            self._lost(state, now)
        elif self._lost_at is not None:
            self._settle(now, again=again)
        return state.state

    def _lost(self, state: StoreState, now: float) -> None:
        self._back_at = None
        if self._lost_at is None:
            self._lost_at, self._told_lost = now, False
        if not self._told_lost:
            self.tell(_lost(state, self._lost_at))
            self._told_lost = True

    def _settle(self, now: float, *, again: bool) -> None:
        assert self._lost_at is not None
        if self._back_at is None or again or self._back_at > now:  # the last: the clock was turned back
            self._back_at = now
        if now - self._back_at < SETTLED_S:
            return
        if self._told_lost:
            self.tell(_back(self._lost_at, self._back_at))
        self._lost_at = self._back_at = None


def _lost(state: StoreState, at: float) -> Notice:
    problem = one_line(state.problem, limit=200)
    return Notice(
        kind=NoticeKind.STORE_LOST,
        subject="The store of limits does not answer",
        text=f"The last thing it said: {problem}. {_MEANING[state.mode]}\n\nSee that it runs and can be reached: "
        "limits.redis_url. The server finds it again by itself.",
        at=at,
        id=notice_id(NoticeKind.STORE_LOST, STORE, int(at)),
        about=STORE,
        facts={"store": STORE, "mode": state.mode, "problem": problem, "since": rfc3339(at)},
    )


def _back(lost_at: float, at: float) -> Notice:
    return Notice(
        kind=NoticeKind.STORE_BACK,
        subject="The store of limits answers again",
        text=f"It was lost at {rfc3339(lost_at)} and answers since {rfc3339(at)}.",
        at=at,
        id=notice_id(NoticeKind.STORE_BACK, STORE, int(lost_at)),
        about=STORE,
        facts={"store": STORE, "lost": rfc3339(lost_at), "back": rfc3339(at)},
    )
