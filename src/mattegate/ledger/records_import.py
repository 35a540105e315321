"""Moves what the spool holds into the store, running behind: exactly once, whatever dies in between.

For each part: take hold of it where its writer is done with it; import line after line, the offset in the same
transaction; then delete a part that is done, and only then forget its offset.

Nobody waits for this, and requests share the interpreter with it; so in the background it works for a twentieth of the
time and rests for the remainder, until more waits than readers should have to search.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import thread_time
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
SHARE: Final = 0.05
"""How much of its time a background import works."""
AT_EASE: Final = 2
"""How many parts may wait for that; while there are more, it does not rest."""

Rest = Callable[[float], object]
"""What comes after so many seconds of work."""


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

    def run(self, rest: Rest | None = None) -> Imported:
        """Import everything that is there now. Raises :class:`Unavailable`; what was done until then stays done.

        ``rest`` is called between two steps while little waits; meanwhile others may import.
        """
        self._write_counts()
        imported = Imported()
        with answering(NAME):
            there = parts(self._spool)
            for behind, part in zip(range(len(there), 0, -1), there, strict=True):
                imported = self._part(part, imported, rest if behind <= AT_EASE else None)
            self._forget_gone()
        if imported.records:
            self._room.measured(self._reader.unproven_bytes())
        return imported

    def _part(self, part: Path, imported: Imported, rest: Rest | None) -> Imported:
        claimed = claim_closed(part)
        try:
            while taken := self._timed_step(part, rest, closed=claimed is not None):
                imported += taken
            if claimed is not None:
                claimed.remove()
        finally:
            if claimed is not None:
                claimed.let_go()
        return imported

    def _timed_step(self, part: Path, rest: Rest | None, *, closed: bool) -> Taken | None:
        begun = thread_time()
        with self._one_at_a_time:
            taken = self._step(part, closed=closed)
        if taken is not None and rest is not None:
            rest(thread_time() - begun)
        return taken

    def _step(self, part: Path, *, closed: bool) -> Taken | None:
        """Import some lines; ``None`` where no whole one is left."""
        while data := read_some(part, offset := self._reader.offsets().get(part.name, 0)):
            taken = self._store.take_in(part, lines(data, offset, closed=closed), offset=offset)
            if taken is None:
                continue  # another importer was here: go on from where it is now
            if taken.end == offset:
                return None
            _tell_damage(part, taken)
            self._room.moved(taken.unproven_bytes)
            return taken
        return None

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
    """Runs an importer once a second in a thread of its own, unhurried, and says so when it cannot."""

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
            self._importer.run(self._rest)
        except Unavailable as error:
            self._tell(error.problem)
        except Exception as error:  # noqa: BLE001 - a thread that died would let the spool grow for ever
            _LOG.exception("records: the import failed; they stay in the spool")
            self.problem = f"unexpected {type(error).__name__}: {error}"
        else:
            self._tell("")

    def _rest(self, worked_s: float) -> None:
        """Not any more when it is to end."""
        self._stop.wait(worked_s * (1 / SHARE - 1))

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
