"""A record book in memory: the same promises, until the process ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from mattegate.ledger.protocols import Record, Sealed, Series
from mattegate.ledger.records import TRIM_ABOVE, TRIM_TO
from mattegate.ledger.records_codec import encode_record
from mattegate.ledger.records_room import Dropped, DroppedCount, Room, Sealer
from mattegate.ledger.spool import frame
from mattegate.vocabulary.rulebook import Rulebook


@dataclass(frozen=True, slots=True)
class _Kept:
    record: Record
    proven: bool
    size: int


class MemoryRecords:
    """The :class:`~mattegate.ledger.protocols.RecordBook` of a process that leaves nothing behind; from any thread."""

    def __init__(self, *, seal_key: bytes, unproven_bytes: int) -> None:
        self._sealer = Sealer(seal_key)
        self._room = Room(unproven_bytes)
        self._dropped = Dropped()
        self._kept: list[_Kept] = []
        self._rulebooks: dict[str, Rulebook] = {}
        self._lock = threading.Lock()

    def append(self, record: Record, *, proven: bool) -> str:
        """Keep a record; returns the id to answer with."""
        size = len(frame(encode_record(record), proven=proven))
        if not proven and not self._room.take(size):
            self._dropped.count(record)
            return self._sealer.seal(record)
        with self._lock:
            self._kept.append(_Kept(record, proven, size))
        return record.request_id

    def sealed_id(self, reason: str) -> str:
        """The id of a refusal for ``reason`` in this moment of which no record is kept."""
        return self._sealer.id_of(reason, time.time())

    def series(self, first: Record) -> Series:
        """For more records like ``first``."""
        return _Series(self, first)

    def find(self, request_id: str) -> Record | Sealed | None:
        """The newest record of an id; else what the id itself tells."""
        found = (kept.record for kept in reversed(self._snapshot()) if kept.record.request_id == request_id)
        return next(found, None) or self._sealer.read(request_id)

    def recent(self, limit: int, *, refused: bool = False) -> Iterator[Record]:
        """The newest records first."""
        seen: set[str] = set()
        for kept in reversed(self._snapshot()):
            if len(seen) >= limit:
                return
            if kept.record.request_id not in seen and (kept.record.reason or not refused):
                seen.add(kept.record.request_id)
                yield kept.record

    def keep_rulebook(self, rulebook: Rulebook) -> str:
        """Remember a rulebook; returns its revision."""
        revision = rulebook.revision()
        with self._lock:
            self._rulebooks.pop(revision, None)
            self._rulebooks[revision] = rulebook  # the newest stands last
        return revision

    def rulebook(self, revision: str) -> Rulebook | None:
        """The rulebook of a revision."""
        return self._rulebooks.get(revision)

    def prune(self, before: float) -> int:
        """Delete what is older and make room for new records of unproven callers; returns how many records went."""
        with self._lock:
            held = len(self._kept)
            self._kept = [kept for kept in self._kept if kept.record.at >= before]
            if self._room.used > self._room.most * TRIM_ABOVE:
                self._trim(int(self._room.most * TRIM_TO))
            stored = sum(kept.size for kept in self._kept if not kept.proven)
            named = {kept.record.revision for kept in self._kept} | set(list(self._rulebooks)[-1:])
            self._rulebooks = {key: rulebook for key, rulebook in self._rulebooks.items() if key in named}
        self._room.moved(self._room.used)
        self._room.measured(stored)
        return held - len(self._kept)

    def dropped(self) -> list[DroppedCount]:
        """What was counted instead of kept, by hour and reason."""
        return self._dropped.glance()

    def _trim(self, most: int) -> None:
        excess = sum(kept.size for kept in self._kept if not kept.proven) - most
        left = []
        for kept in self._kept:
            if kept.proven or excess <= 0:
                left.append(kept)
            else:
                excess -= kept.size
                self._dropped.count(kept.record)
        self._kept = left

    def _snapshot(self) -> list[_Kept]:
        with self._lock:
            return list(self._kept)


@dataclass(frozen=True, slots=True)
class _Series:
    book: MemoryRecords
    first: Record

    def append(self, request_id: str, *, at: float, ms: float) -> str:
        return self.book.append(self.first.again(request_id, at=at, ms=ms), proven=False)
