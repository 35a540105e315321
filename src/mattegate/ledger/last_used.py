"""When keys were last used: noted on the hot path for the price of a dictionary entry, written behind it."""

from __future__ import annotations

import threading

from mattegate.ledger.control import Control
from mattegate.ledger.protocols import Unavailable

MINUTE = 60


class LastUsed:
    """Collects uses, one entry a key, until :meth:`flush`. Safe for any number of threads."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._lock = threading.Lock()
        self._noted: dict[str, float] = {}

    def note(self, key_id: str, at: float) -> None:
        """A key was used at ``at`` (Unix seconds); kept to the minute."""
        minute = at // MINUTE * MINUTE
        with self._lock:
            if self._noted.get(key_id, -1.0) < minute:
                self._noted[key_id] = minute

    def flush(self) -> int:
        """Write what was noted; returns how many keys. After ``Unavailable`` nothing is lost: flush again."""
        with self._lock:
            noted, self._noted = self._noted, {}
        if not noted:
            return 0
        try:
            self._control.touch(noted)
        except Unavailable:
            for key_id, at in noted.items():
                self.note(key_id, at)
            raise
        return len(noted)
