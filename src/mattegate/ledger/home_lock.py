"""One gate process to a home.

The lock is ``flock`` on a file that stays: the kernel lets go of it when its holder dies, however it dies, so that
there is no stale lock to clean up. The file holds the holder's process id, for the one who is turned away.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from mattegate.vocabulary.refusal import Refusal

LOCK_FILE: Final = "gate.lock"


@contextmanager
def lock_home(directory: Path) -> Iterator[None]:
    """Hold ``directory`` for this process.

    Raises :class:`Refusal` ``admin.conflict`` with the process id of the holder (0 while it is only just starting),
    and ``OSError`` where the directory cannot be written.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(directory / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(descriptor, directory)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, directory: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Refusal("admin.conflict", home=str(directory), pid=_holder(descriptor)) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


def _holder(descriptor: int) -> int:
    written = os.pread(descriptor, 32, 0).strip()
    return int(written) if written.isdigit() else 0
