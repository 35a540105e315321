"""What records of unproven callers may take, and what remains of those for which there is no room.

Anybody can cause such records, so they are the one thing here that an attacker could fill a disk with. Past the cap a
refusal still explains itself: its id is sealed, and carries time and reason under a MAC.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass

from mattegate.ledger.protocols import Record, Sealed
from mattegate.signing.sealed import reason_number, reason_of, seal, unseal

HOUR_S = 3_600


@dataclass(frozen=True, slots=True)
class DroppedCount:
    """How many records of one reason were dropped for want of room in one hour."""

    hour: int
    """Unix seconds at its beginning."""
    reason: str
    """Empty for allowed attempts (public routes)."""
    count: int


class Room:
    """Counts the bytes of unproven callers' records in the spool and in the store; from any thread."""

    def __init__(self, most: int, *, spooled: int = 0, stored: int = 0) -> None:
        self._most = most
        self._spooled = spooled
        self._stored = stored
        self._full = False
        self._lock = threading.Lock()

    @property
    def most(self) -> int:
        """The cap in bytes."""
        return self._most

    @property
    def used(self) -> int:
        """Bytes in use."""
        return self._spooled + self._stored

    @property
    def full(self) -> bool:
        """Whether the last record did not fit, and nothing has been freed since."""
        return self._full

    def take(self, size: int) -> bool:
        """Reserve room for one record, if there is any."""
        with self._lock:
            if self._spooled + self._stored + size > self._most:
                self._full = True
                return False
            self._spooled += size
            return True

    def give_back(self, size: int) -> None:
        """The record was not written after all."""
        with self._lock:
            self._spooled = max(0, self._spooled - size)

    def moved(self, size: int) -> None:
        """So many bytes went from the spool to the store."""
        with self._lock:
            self._spooled = max(0, self._spooled - size)
            self._stored += size

    def measured(self, stored: int) -> None:
        """What the store holds; after a deletion there may be room again."""
        with self._lock:
            self._stored = stored
            self._full = False


class Dropped:
    """Counts by hour and reason, until they are written down; from any thread."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[int, str]] = Counter()
        self._lock = threading.Lock()
        self.total = 0
        """Since this object was made."""

    def count(self, record: Record) -> None:
        """One more."""
        with self._lock:
            self._counts[int(record.at) // HOUR_S * HOUR_S, record.reason] += 1
            self.total += 1

    def glance(self) -> list[DroppedCount]:
        """What is counted now, the oldest hour first."""
        with self._lock:
            return [DroppedCount(hour, reason, count) for (hour, reason), count in sorted(self._counts.items())]

    def take(self) -> list[DroppedCount]:
        """What was counted since the last time; it counts from nothing again."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        return [DroppedCount(hour, reason, count) for (hour, reason), count in sorted(counts.items())]

    def put_back(self, counts: list[DroppedCount]) -> None:
        """They could not be written down."""
        with self._lock:
            for item in counts:
                self._counts[item.hour, item.reason] += item.count


class Sealer:
    """Makes and reads ids that stand for a record: one that was dropped, or one that there never was."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, record: Record) -> str:
        """The id that tells this record's time and reason."""
        return self.id_of(record.reason, record.at)

    def id_of(self, reason: str, at: float) -> str:
        """The id that tells a reason and a time in Unix seconds."""
        return seal(int(at * 1000), reason_number(reason), self._key)

    def read(self, request_id: str) -> Sealed | None:
        """What an id tells; ``None`` for one that was not sealed here."""
        told = unseal(request_id, self._key)
        if told is None:
            return None
        at_ms, number = told
        return Sealed(request_id, at_ms / 1000, reason_of(number) or "")
