"""The record book that lasts: a spool in front, ``records.db`` behind, and an importer between them.

What survives what: an acknowledged record survives the death of the process at once, and a power loss once it is
imported (within about a second, or some seconds while there are thousands in one). Counts of dropped records are
written down once a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mattegate.ledger.connection import answering
from mattegate.ledger.form import Form
from mattegate.ledger.protocols import Record, Sealed, Series, Unavailable
from mattegate.ledger.records_codec import Unreadable, decode_index, encode_record, fill, record_form
from mattegate.ledger.records_import import EVERY_S, Imported, Importer, ImportThread
from mattegate.ledger.records_reading import DATABASE, SPOOL, RecordReader
from mattegate.ledger.records_room import Dropped, DroppedCount, Room, Sealer
from mattegate.ledger.records_sqlite import NAME, StoreWriter
from mattegate.ledger.spool import PART_BYTES, Line, SpoolWriter, frame, lines
from mattegate.vocabulary.rulebook import Rulebook

TRIM_ABOVE: Final = 0.875
"""The share of the cap from which retention makes room for new records of unproven callers …"""
TRIM_TO: Final = 0.75
"""… and down to which."""


@dataclass(frozen=True, slots=True)
class RecordStatus:
    """A glance at the records, for ``/ready`` and metrics."""

    behind_bytes: int
    """What the importer has not taken yet."""
    unproven_bytes: int
    unproven_limit: int
    dropped: int
    """Records dropped for want of room since this process began."""
    damaged: int
    """Lines of the spool that were damaged, ever."""
    torn: int
    """Lines that were never acknowledged, because their writer died or the disk was full."""
    problem: str
    """Why the importer cannot work; empty while it can."""


class Records:
    """The :class:`~mattegate.ledger.protocols.RecordBook` under ``folder`` (``HOME/ledger``).

    ``unproven_bytes`` caps what records of callers who proved nothing take in spool and store together. One process
    to a folder appends; any number may read it with :class:`~mattegate.ledger.records_reading.RecordReader`.

    Raises :class:`Unavailable` where the store cannot be opened.
    """

    def __init__(
        self,
        folder: Path,
        *,
        seal_key: bytes,
        unproven_bytes: int,
        part_bytes: int = PART_BYTES,
        import_every_s: float = EVERY_S,
    ) -> None:
        self._store = StoreWriter(folder / DATABASE)
        self._reader = RecordReader(folder, seal_key=seal_key)
        self._sealer = Sealer(seal_key)
        self._writer = SpoolWriter(folder / SPOOL, part_bytes=part_bytes)
        self._dropped = Dropped()
        self._room = Room(unproven_bytes, spooled=self._unproven_in_spool(), stored=self._reader.store.unproven_bytes())
        self._importer = Importer(folder / SPOOL, self._store, self._reader.store, self._room, self._dropped)
        self._thread = ImportThread(self._importer, every_s=import_every_s)
        self._current: set[str] = set()

    def start(self) -> None:
        """Import from now on, in a thread."""
        self._thread.start()

    def close(self) -> None:
        """Let the files go; the thread, where it was started, imports what is left before."""
        self._writer.close()
        self._thread.stop()
        self._reader.close()
        self._store.close()

    def append(self, record: Record, *, proven: bool) -> str:
        """One line in the spool before the answer goes out; returns the id to answer with."""
        if (not proven and self._room.full) or not self._put(encode_record(record), proven=proven):
            return self._drop(record)
        return record.request_id

    def series(self, first: Record) -> Series:
        """For more records like ``first``, which is encoded once for all of them."""
        return _Series(first, record_form(first), self._put, self._drop)

    def sealed_id(self, reason: str) -> str:
        """The id of a refusal for ``reason`` in this moment of which no record is kept."""
        return self._sealer.id_of(reason, time.time())

    def find(self, request_id: str) -> Record | Sealed | None:
        """The record of an id, with what was written a moment ago."""
        return self._reader.find(request_id)

    def recent(self, limit: int, *, refused: bool = False) -> Iterator[Record]:
        """The newest records first."""
        return self._reader.recent(limit, refused=refused)

    def keep_rulebook(self, rulebook: Rulebook) -> str:
        """Remember a rulebook, at least for as long as this process lives; returns its revision."""
        revision = self._store.keep_rulebook(rulebook)
        self._current.add(revision)
        return revision

    def rulebook(self, revision: str) -> Rulebook | None:
        """The rulebook of a revision."""
        return self._reader.rulebook(revision)

    def import_now(self) -> Imported:
        """Import what the spool holds now."""
        return self._importer.run()

    def prune(self, before: float) -> int:
        """Delete what is older, make room for new records of unproven callers, drop rulebooks that nothing names.

        Returns how many records went. Meant to be called about once an hour.
        """
        self._importer.run()
        gone = self._store.drop_before(before)
        stored = self._reader.store.unproven_bytes()
        if stored > self._room.most * TRIM_ABOVE:
            gone += self._store.trim_unproven(int(self._room.most * TRIM_TO))
        self._room.measured(self._reader.store.unproven_bytes())
        self._store.drop_rulebooks(self._current | set(self._named_in_spool()))
        return gone

    def dropped(self) -> list[DroppedCount]:
        """What was counted instead of kept, by hour and reason."""
        return self._reader.store.dropped()

    def status(self) -> RecordStatus:
        """How the records stand. Raises :class:`Unavailable`."""
        damaged, torn = self._reader.store.damaged()
        return RecordStatus(
            behind_bytes=self._reader.behind_bytes(),
            unproven_bytes=self._room.used,
            unproven_limit=self._room.most,
            dropped=self._dropped.total,
            damaged=damaged,
            torn=torn,
            problem=self._thread.problem,
        )

    def _put(self, payload: bytes, *, proven: bool) -> bool:
        """Write a record down; whether there was room for it."""
        line = frame(payload, proven=proven)
        if not proven and not self._room.take(len(line)):
            return False
        try:
            self._writer.append(line)
        except OSError as error:
            if not proven:
                self._room.give_back(len(line))
            raise Unavailable(NAME, f"the spool takes nothing: {error.strerror}") from error
        return True

    def _drop(self, record: Record) -> str:
        self._dropped.count(record)
        return self._sealer.seal(record)

    def _unproven_in_spool(self) -> int:
        return sum(len(line.raw) for line in self._waiting() if not line.proven and line.payload is not None)

    def _named_in_spool(self) -> Iterator[str]:
        for line in self._waiting():
            try:
                yield decode_index(line.payload or b"").revision
            except Unreadable:
                continue  # counted as damage when it is imported

    def _waiting(self) -> Iterator[Line]:
        with answering(NAME):
            for offset, data in self._reader.tails():
                yield from lines(data, offset, closed=True)


@dataclass(frozen=True, slots=True)
class _Series:
    first: Record
    form: Form
    put: Callable[..., bool]
    drop: Callable[[Record], str]

    def append(self, request_id: str, *, at: float, ms: float) -> str:
        if self.put(fill(self.form, request_id, at=at, ms=ms), proven=False):
            return request_id
        return self.drop(self.first.again(request_id, at=at, ms=ms))
