"""The snapshot of ``control.db``: nearly free while nothing changes, and never behind a committed change.

``PRAGMA data_version`` on a connection that never writes changes whenever any other connection has committed, whichever
process it belongs to. Then the epoch is read, and of the keys only those that changed after the epoch that is known.
The wal-index tells as much at a glance, where it can be looked at: while it is as it was before the version was asked
for, the version is the same.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

from mattegate.ledger.connection import TROUBLE, open_database, transaction, unavailable
from mattegate.ledger.control import EMPTY, brought_up_to
from mattegate.ledger.control_rows import IDENTITIES, KEYS, identity_of, key_of, read
from mattegate.ledger.protocols import Snapshot
from mattegate.ledger.wal_index import WalIndex

_VERSION: Final = "PRAGMA data_version"
_CHANGED: Final = (
    f"{KEYS} WHERE k.id IN (SELECT id FROM keys WHERE changed > :known"  # noqa: S608 - only constants
    " UNION SELECT keys.id FROM identities JOIN keys ON keys.identity = identities.id"
    " WHERE identities.changed > :known)"
)
_CHANGED_IDENTITIES: Final = f"{IDENTITIES} WHERE i.changed > :known"


class Watch:
    """A connection that only looks. One lock guards it, and nobody who holds that lock waits for a writer."""

    def __init__(self, path: Path, *, busy_ms: int) -> None:
        self._lock = threading.Lock()
        self._connection = open_database(path, synchronous="FULL", busy_ms=busy_ms)
        self._connection.execute("PRAGMA query_only = ON")
        self._connection.execute(_VERSION)  # from now on there is a wal-index
        self._index = WalIndex.of(path)
        self._snapshot, self._seen, self._header = EMPTY, -1, b""

    def snapshot(self) -> Snapshot:
        """The newest state. Raises ``Unavailable``."""
        index = self._index
        if index is not None and index.same_as(self._header):
            return self._snapshot
        try:
            with self._lock:
                return self._asked()
        except TROUBLE as error:
            raise unavailable("control", error) from error

    def _asked(self) -> Snapshot:
        header = self._index.header() if self._index is not None else b""
        version = self._connection.execute(_VERSION).fetchone()[0]
        if version != self._seen:
            self._refresh()
            self._seen = version  # asked before reading: what was committed in between is looked at once more
        self._header = header  # last, since nobody who looks at it holds the lock; read first, for the same reason
        return self._snapshot

    def _refresh(self) -> None:
        with transaction(self._connection, "DEFERRED"):
            epoch = self._connection.execute("SELECT value FROM epoch").fetchone()[0]
            if epoch == self._snapshot.epoch:
                return
            before = self._snapshot if self._snapshot.epoch < epoch else EMPTY
            since = {"known": before.epoch}
            keys = [read(key_of, row).stored for row in self._connection.execute(_CHANGED, since)]
            views = [read(identity_of, row).view for row in self._connection.execute(_CHANGED_IDENTITIES, since)]
            self._snapshot = brought_up_to(epoch, before, keys, views)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._index = None
            self._connection.close()
