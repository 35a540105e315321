"""What a run may still spend, what it has seen so far, and the one way in which it sends a request."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from mattegate.doctor.clue import Clue
from mattegate.doctor.observation import Observation
from mattegate.doctor.probe.exchange import Ask, Door, Limits, exchange_raw
from mattegate.doctor.probe.veil import Veil


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a whole run may take."""

    requests: int = 60
    sent_bytes: int = 30_000_000
    seconds: float = 180.0


@dataclass(slots=True)
class Notes:
    """What a run has found out so far."""

    observe: Callable[[Observation], None]
    observations: list[Observation] = field(default_factory=list)
    clues: list[Clue] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)

    def saw(self, seen: Observation) -> None:
        """Keep one observation, and tell whoever watches."""
        self.observations.append(seen)
        self.observe(seen)


class Sender:
    """Sends requests one after the other until the bounds are reached."""

    def __init__(self, notes: Notes, veil: Veil, limits: Limits, bounds: Bounds) -> None:
        self._notes, self.veil, self.limits, self._bounds = notes, veil, limits, bounds
        self._requests = self._bytes = 0
        self._until = time.monotonic() + bounds.seconds

    def send(self, door: Door, ask: Ask, via: str) -> Observation | None:
        """One exchange; ``None`` where the bounds do not allow it."""
        sent = self.send_raw(door, ask, via)
        return sent[0] if sent else None

    def send_raw(self, door: Door, ask: Ask, via: str) -> tuple[Observation, bytes] | None:
        """The same with the body as it came."""
        if not self.may(ask):
            return None
        seen, body = exchange_raw(door, ask, veil=self.veil, limits=self.limits, via=via)
        self.count(seen)
        return seen, body

    def may(self, ask: Ask) -> bool:
        """Whether the bounds allow one more, and if not, say so once."""
        reason = self._exhausted(ask)
        if reason and (text := f"{reason} is used up; the rest was not asked") not in self._notes.not_checked:
            self._notes.not_checked.append(text)
        return not reason

    def count(self, seen: Observation) -> None:
        """Book one exchange."""
        self._requests += 1
        self._bytes += int(seen.fields.get("sent_bytes", "0"))
        self._notes.saw(seen)

    def _exhausted(self, ask: Ask) -> str:
        if self._requests >= self._bounds.requests:
            return f"the run's allowance of {self._bounds.requests} requests"
        if self._bytes + ask.size > self._bounds.sent_bytes:
            return f"the run's allowance of {self._bounds.sent_bytes} bytes to send"
        return f"the run's time of {self._bounds.seconds:g} s" if time.monotonic() > self._until else ""
