"""Finding records wherever they are: in the part that is being written, in closed parts, or in the store.

Beside a running server this takes no lock that anybody there waits for. What keeps a record from slipping through while
an importer moves it: the list of parts is read first, then their offsets, then the parts, then the store; whatever has
left one place by then is in the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mattegate.ledger.connection import answering
from mattegate.ledger.protocols import Record, Sealed
from mattegate.ledger.records_codec import Unreadable, decode_record, needle
from mattegate.ledger.records_room import Sealer
from mattegate.ledger.records_sqlite import NAME, StoreReader
from mattegate.ledger.spool import lines, parts, read_tail, size_of, unframe
from mattegate.vocabulary.rulebook import Rulebook

DATABASE: Final = "records.db"
SPOOL: Final = "spool"


class RecordReader:
    """Reads the records under ``folder`` (``HOME/ledger``) without changing anything; ``seal_key`` opens sealed ids,
    which nothing is known of without it.

    Every method raises :class:`~mattegate.ledger.protocols.Unavailable`.
    """

    def __init__(self, folder: Path, *, seal_key: bytes | None) -> None:
        self._spool = folder / SPOOL
        self._store = StoreReader(folder / DATABASE)
        self._sealer = Sealer(seal_key) if seal_key is not None else None

    @property
    def store(self) -> StoreReader:
        """What is imported."""
        return self._store

    def close(self) -> None:
        """Let the files go."""
        self._store.close()

    def find(self, request_id: str) -> Record | Sealed | None:
        """The record of an id, with what was written a moment ago; else what the id itself tells."""
        found = self._in_spool(request_id) or self._store.find(request_id)
        return found or (self._sealer.read(request_id) if self._sealer else None)

    def recent(self, limit: int, *, refused: bool = False) -> Iterator[Record]:
        """The newest records first."""
        seen: set[str] = set()
        for record in self._newest(refused=refused):
            if len(seen) >= limit:
                return
            if record.request_id not in seen:
                seen.add(record.request_id)
                yield record

    def rulebook(self, revision: str) -> Rulebook | None:
        """The rulebook of a revision."""
        return self._store.rulebook(revision)

    def newest_rulebook(self) -> Rulebook | None:
        """The rulebook that was kept last: the one in force where a server runs."""
        return self._store.newest_rulebook()

    def tails(self) -> Iterator[tuple[int, bytes]]:
        """What no importer has taken yet, the newest part first: an offset, and the bytes from there on."""
        with answering(NAME):
            there = parts(self._spool)
        offsets = self._store.offsets() if there else {}
        for part in reversed(there):
            offset = offsets.get(part.name, 0)
            with answering(NAME):
                yield offset, read_tail(part, offset)

    def behind_bytes(self) -> int:
        """How much no importer has taken yet."""
        with answering(NAME):
            sizes = {part.name: size_of(part) for part in parts(self._spool)}
        offsets = self._store.offsets()
        return sum(max(0, size - offsets.get(name, 0)) for name, size in sizes.items())

    def _in_spool(self, request_id: str) -> Record | None:
        sought = needle(request_id)
        for _, data in self.tails():
            at = len(data)
            while (at := data.rfind(sought, 0, at)) >= 0:
                record = _whole(data, at)
                if record is not None and record.request_id == request_id:
                    return record
        return None

    def _newest(self, *, refused: bool) -> Iterator[Record]:
        for offset, data in self.tails():
            for line in reversed(list(lines(data, offset, closed=True))):
                record = _decoded(line.payload)
                if record is not None and (record.reason or not refused):
                    yield record
        yield from self._store.newest(refused=refused)


def _whole(data: bytes, at: int) -> Record | None:
    """The record whose line goes over ``at``."""
    end = data.find(b"\n", at) + 1 or len(data)
    return _decoded(unframe(data[data.rfind(b"\n", 0, at) + 1 : end]).payload)


def _decoded(payload: bytes | None) -> Record | None:
    """What is damaged is counted when it is imported; what is looked for here is what is not."""
    try:
        return None if payload is None else decode_record(payload)
    except Unreadable:
        return None
