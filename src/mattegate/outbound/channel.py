"""What a way out promises: to say how each sending ended, as a value, within a bounded time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mattegate.outbound.notice import Notice


@dataclass(frozen=True, slots=True)
class Delivered:
    """The other side took it."""


@dataclass(frozen=True, slots=True)
class TryAgain:
    """It may work later."""

    problem: str
    """For the operator; no secret."""
    after_s: float = 0.0
    """How long the other side asked us to wait; 0: it did not say."""
    unreachable: bool = False
    """Nobody answered, so that other notices would not get through either just now."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """It will never work for this notice and this target."""

    problem: str


@dataclass(frozen=True, slots=True)
class Gone:
    """The other side wants no more notices at all."""

    problem: str


Outcome = Delivered | TryAgain | Rejected | Gone


class Channel(Protocol):
    """One way out."""

    @property
    def name(self) -> str:
        """``webhook``, ``mail`` …: what its letters are kept under, unique."""

    def targets(self, notice: Notice) -> tuple[str, ...]:
        """Whom ``notice`` goes to by this way; each is tried, retried and given up on its own."""

    async def send(self, notice: Notice, target: str, at: float) -> Outcome:
        """Send to one target, in a bounded time; ``at`` is now, in Unix seconds."""
