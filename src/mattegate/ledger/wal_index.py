"""A glance at SQLite's wal-index: whether anybody has committed to a database since, without asking SQLite.

The wal-index begins with a header of 48 bytes and a copy of it. Every commit rewrites both, and counts; a reader of
SQLite that finds both alike, and as it found them before, takes what it has in its cache for the newest state
(https://sqlite.org/walformat.html, section 2.1). So does whoever looks here.

Rule of this file: nothing that was opened here is ever closed. A process that closes *any* descriptor of a file loses
all locks it holds on it, and those on the wal-index are what tells other processes that this one is there
(https://sqlite.org/howtocorrupt.html, section 2.2). So only a few are opened; beyond that SQLite must be asked.
"""

from __future__ import annotations

import mmap
import os
import threading
from pathlib import Path
from typing import Final

_HEADER: Final = 48
_MOST: Final = 16
"""Databases of one process; a server has one whose every commit matters at once."""

_opened: Final[dict[tuple[int, int], mmap.mmap]] = {}
"""By device and inode, which no other file can have as long as these are open."""
_lock: Final = threading.Lock()


class WalIndex:
    """The wal-index of one database; read by nobody but :meth:`same_as` and :meth:`header`."""

    __slots__ = ("_view",)

    def __init__(self, view: mmap.mmap) -> None:
        self._view = view

    @classmethod
    def of(cls, database: Path) -> WalIndex | None:
        """That of a database to which a connection is open, in WAL mode; ``None`` where it cannot be looked at."""
        try:
            with _lock:
                view = _view(database.with_name(f"{database.name}-shm"))
        except OSError:
            return None
        return cls(view) if view is not None else None

    def header(self) -> bytes:
        """Both copies of the header, to compare with later; empty while somebody is writing them."""
        both = self._view[: 2 * _HEADER]
        return both if both[:_HEADER] == both[_HEADER:] else b""

    def same_as(self, header: bytes) -> bool:
        """Whether nobody has committed since ``header`` was read."""
        return self._view[: 2 * _HEADER] == header


def _view(path: Path) -> mmap.mmap | None:
    found = path.stat()
    view = _opened.get((found.st_dev, found.st_ino))
    if view is not None or len(_opened) >= _MOST or found.st_size < 2 * _HEADER:
        return view
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    opened = os.fstat(descriptor)
    view = mmap.mmap(descriptor, 2 * _HEADER, prot=mmap.PROT_READ)
    return _opened.setdefault((opened.st_dev, opened.st_ino), view)
