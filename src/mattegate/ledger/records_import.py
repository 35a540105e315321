"""Moves what the spool holds into the store, running behind: exactly once, whatever dies in between.

For each part: take hold of it where its writer is done with it; import line after line, the offset in the same
transaction; then delete a part that is done, and only then forget its offset.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mattegate.ledger.connection import answering
from mattegate.ledger.protocols import Unavailable
from mattegate.ledger.records_room import Dropped, Room
from mattegate.ledger.records_sqlite import NAME, StoreReader, StoreWriter, Taken
from mattegate.ledger.spool import claim_closed, lines, parts, read_some

_LOG: Final = logging.getLogger("mattegate.records")

EVERY_S: Final = 1.0
SLOWEST_S: Final = 30.0
"""How long it waits at most between two tries while the store is down."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What one run came to."""

    records: int = 0
    damaged: int = 0
    torn: int = 0

    def __add__(self, other: Taken) -> Imported:
        return Imported(self.records + other.records, self.damaged + other.damaged, self.torn + other.torn)


class Importer:
    """Imports ``spool`` into ``store``; ``room`` and ``dropped`` are kept up to date on the way."""

    def __init__(self, spool: Path, store: StoreWriter, reader: StoreReader, room: Room, dropped: Dropped) -> None:
        self._spool = spool
        self._store = store
        self._reader = reader
        self._room = room
        self._dropped = dropped
        self._one_at_a_time = threading.Lock()

    def run(self) -> Imported:
        """Import everything that is there now. Raises :class:`Unavailable`; what was done until then stays done."""
        with self._one_at_a_time:
            self._write_counts()
            imported = Imported()
            with answering(NAME):
                for part in parts(self._spool):
                    imported = self._part(part, imported)
                self._forget_gone()
            if imported.records:
                self._room.measured(self._reader.unproven_bytes())
            return imported

    def _part(self, part: Path, imported: Imported) -> Imported:
        claimed = claim_closed(part)
        try:
            imported = self._lines(part, imported, closed=claimed is not None)
            if claimed is not None:
                claimed.remove()
        finally:
            if claimed is not None:
                claimed.let_go()
        return imported

    def _lines(self, part: Path, imported: Imported, *, closed: bool) -> Imported:
        while True:
            offset = self._reader.offsets().get(part.name, 0)
            data = read_some(part, offset)
            if not data:
                return imported
            taken = self._store.take_in(part, lines(data, offset, closed=closed), offset=offset)
            if taken is None:
                continue  # another importer was here: go on from where it is now
            if taken.end == offset:
                return imported
            imported += taken
            _tell_damage(part, taken)
            self._room.moved(taken.unproven_bytes)

    def _forget_gone(self) -> None:
        known = self._reader.offsets().keys()
        if gone := known - {part.name for part in parts(self._spool)}:
            self._store.forget_parts(gone)

    def _write_counts(self) -> None:
        counts = self._dropped.take()
        if not counts:
            return
        try:
            self._store.count_dropped(counts)
        except Unavailable:
            self._dropped.put_back(counts)
            raise


class ImportThread:
    """Runs an importer once a second in a thread of its own, and says so when it cannot."""

    def __init__(self, importer: Importer, *, every_s: float = EVERY_S) -> None:
        self._importer = importer
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._go, name="mattegate-records", daemon=True)
        self.problem = ""
        """Why the last run failed; empty while all is well."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after a last run."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _go(self) -> None:
        wait_s = self._every_s
        while not self._stop.wait(wait_s):
            self._run()
            wait_s = min(wait_s * 2, SLOWEST_S) if self.problem else self._every_s
        self._run()

    def _run(self) -> None:
        try:
            self._importer.run()
        except Unavailable as error:
            self._tell(error.problem)
        except Exception as error:  # noqa: BLE001 - a thread that died would let the spool grow for ever
            _LOG.exception("records: the import failed; they stay in the spool")
            self.problem = f"unexpected {type(error).__name__}: {error}"
        else:
            self._tell("")

    def _tell(self, problem: str) -> None:
        """Once for each change, not once a second."""
        if problem and problem != self.problem:
            _LOG.error("records: the store takes nothing, they stay in the spool: %s", problem)
        elif self.problem and not problem:
            _LOG.warning("records: the store takes records again")
        self.problem = problem


def _tell_damage(part: Path, taken: Taken) -> None:
    if taken.damaged:
        _LOG.error("records: %d damaged lines in %s; see the table 'damaged' of records.db", taken.damaged, part.name)
    if taken.torn:
        _LOG.warning("records: the last line of %s is torn off; it was never acknowledged", part.name)
