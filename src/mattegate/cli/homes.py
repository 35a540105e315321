"""Which home a command works on, and whether a server runs there: the wrong home is the commonest mistake of all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from mattegate.cli.rendering import write_error
from mattegate.config.settings import Settings, default_home
from mattegate.ledger.home_lock import LOCK_FILE

_LOCKS: Final = Path("/proc/locks")


def tell_home(settings: Settings) -> None:
    """Below a table: the home it is of."""
    pid = server_of(settings.home)
    write_error(f"home {settings.home}" + (f", where a server runs (process {pid})" if pid else ""))


def warn_of_another(settings: Settings) -> None:
    """Where no server runs on this home but one runs on the usual one, say so: it will not see what is changed."""
    usual = default_home()
    if usual.absolute() == settings.home.absolute() or server_of(settings.home) or not server_of(usual):
        return
    write_error(f"warning: this changes the home {settings.home}, but the server that runs uses {usual}")


def server_of(home: Path) -> int:
    """The process that holds a home, 0 for none or where this cannot be told.

    The lock is looked up among the kernel's and not tried: even a moment's hold could turn a starting server away.
    """
    lock = home / "ledger" / LOCK_FILE
    try:
        inode, written = lock.stat().st_ino, lock.read_text("ascii", "replace").strip()
        held = any(_is_held(line, inode) for line in _LOCKS.read_text("ascii", "replace").splitlines())
    except OSError:
        return 0
    return int(written) if held and written.isdigit() and int(written) != os.getpid() else 0


def _is_held(line: str, inode: int) -> bool:
    """``1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF`` (proc_locks(5))."""
    parts = line.split()
    return len(parts) >= 6 and parts[1] == "FLOCK" and parts[5].rpartition(":")[2] == str(inode)
