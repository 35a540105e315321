"""A running server learns of new secrets with the first thing that may rest on them.

Whoever makes a secret writes its file first and then the audit log, and keys rest on secrets that are there. Either way
the epoch rises, so a new snapshot is the moment to look: nothing is polled, and no key is met before its pepper.
What is known is never forgotten here, so that a file which is gone for a moment costs nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from mattegate.config.faults import ConfigurationError
from mattegate.config.secret_purposes import Purpose
from mattegate.config.secrets import Secrets
from mattegate.ledger.protocols import Keyring, Snapshot

RENEWED: Final = (Purpose.PEPPER, Purpose.KEK)
"""What is looked up anew each time; tokens are signed with what the server started with."""

_LOG: Final = logging.getLogger("mattegate.gate")


class RenewingKeyring(Keyring):
    """The snapshots of ``source``; before a new one is given out, ``secrets`` learns what ``read`` finds by then."""

    def __init__(self, source: Keyring, secrets: Secrets, read: Callable[[], Secrets]) -> None:
        self._source, self._secrets, self._read = source, secrets, read
        self._seen: Snapshot | None = None
        self._lock = threading.Lock()

    def snapshot(self) -> Snapshot:
        """As free as the source's own, unless it is another one than the last."""
        newest = self._source.snapshot()
        if newest is not self._seen:
            with self._lock:
                self._renew()
            self._seen = newest  # last, since nobody who looks at it holds the lock
        return newest

    def _renew(self) -> None:
        try:
            found = self._read()
        except ConfigurationError as error:
            problem = "; ".join(str(fault) for fault in error.faults)
            _LOG.error("secrets: they cannot be read again, so those that are known stay in use: %s", problem)
            return
        for purpose in RENEWED:
            for version in self._secrets.of(purpose).learn(found.of(purpose)):
                _LOG.info("secrets: %s-%d is in use", purpose, version)
