"""Letters: notices on their way to one target each, kept until they are delivered or given up."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from mattegate.outbound.notice import Notice

RETRY_AFTER_S: Final = (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0)
"""How long to wait after the first failure, the second …; after the last one a letter is given up."""
JITTER: Final = 0.2
"""The share by which a wait may be longer, so that those who failed together do not come back together."""
LONGEST_WAIT_S: Final = max(RETRY_AFTER_S) * (1 + JITTER)
"""No letter waits longer: one that would is due, because the clock was turned back."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One notice to one target by one channel."""

    notice: Notice
    channel: str
    target: str
    due: float
    """Unix seconds."""
    failures: int = 0

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it one letter: the same notice noticed again is the same letter."""
        return (self.notice.id, self.channel, self.target)

    def is_due(self, now: float) -> bool:
        """Whether it may be tried."""
        return self.due <= now or self.due > now + LONGEST_WAIT_S

    def postponed(self, now: float, *, spread: float, at_least_s: float = 0.0) -> Letter | None:
        """The letter after one more failure, with ``spread`` in [0, 1) of the jitter; ``None``: give it up."""
        if self.failures >= len(RETRY_AFTER_S):
            return None
        wait = max(RETRY_AFTER_S[self.failures] * (1 + JITTER * spread), min(at_least_s, RETRY_AFTER_S[-1]))
        return replace(self, due=now + wait, failures=self.failures + 1)


class Outbox(Protocol):
    """Where letters lie, with room for so many of each channel. Methods are short, and any thread may call them."""

    def put(self, letter: Letter) -> bool:
        """Keep a new letter; one with the same key that lies here already stays as it is. False: there is no room."""

    def due(self, channel: str, now: float, limit: int) -> Sequence[Letter]:
        """At most ``limit`` letters of a channel that may be tried, those that waited longest first."""

    def postpone(self, letter: Letter) -> None:
        """Replace the letter of the same key, if it is still here."""

    def remove(self, letter: Letter) -> None:
        """Delivered or given up."""

    def discard(self, channel: str) -> int:
        """Throw away every letter of a channel; returns how many."""

    def waiting(self) -> int:
        """How many letters lie here."""


class MemoryOutbox:
    """An :class:`Outbox` that a restart empties; each channel has its own ``room``, so none crowds another out."""

    def __init__(self, *, room: int = 1_000) -> None:
        self._room = room
        self._letters: dict[str, dict[tuple[str, str, str], Letter]] = defaultdict(dict)
        self._lock = threading.Lock()

    def put(self, letter: Letter) -> bool:
        """Keep it unless its channel's room is full."""
        with self._lock:
            lying = self._letters[letter.channel]
            if letter.key not in lying and len(lying) >= self._room:
                return False
            lying.setdefault(letter.key, letter)
            return True

    def due(self, channel: str, now: float, limit: int) -> Sequence[Letter]:
        """Those due, the longest waiting first."""
        with self._lock:
            found = [letter for letter in self._letters[channel].values() if letter.is_due(now)]
        return sorted(found, key=lambda letter: letter.due)[:limit]

    def postpone(self, letter: Letter) -> None:
        """Replace it if it is still here."""
        with self._lock:
            if letter.key in self._letters[letter.channel]:
                self._letters[letter.channel][letter.key] = letter

    def remove(self, letter: Letter) -> None:
        """Forget it."""
        with self._lock:
            self._letters[letter.channel].pop(letter.key, None)

    def discard(self, channel: str) -> int:
        """Forget all of a channel."""
        with self._lock:
            return len(self._letters.pop(channel, {}))

    def waiting(self) -> int:
        """How many there are."""
        with self._lock:
            return sum(map(len, self._letters.values()))
