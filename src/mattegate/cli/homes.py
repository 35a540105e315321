"""Which home a command works on, and whether a server runs there: the wrong home is the commonest mistake of all."""

from __future__ import annotations

import os
from pathlib import Path

from mattegate.cli.rendering import write_error
from mattegate.config.settings import Settings, default_home
from mattegate.ledger.home_lock import LOCK_FILE


def tell_home(settings: Settings) -> None:
    """Below a table: the home it is of."""
    write_error(f"home {settings.home}{_standing_of(settings.home)}")


def _standing_of(home: Path) -> str:
    if not home.exists():
        return ", which is not there: it holds nothing"
    if not home.is_dir():
        return ", which is a file and no folder: it holds nothing"
    pid = server_of(home)
    return f", where a server runs (process {pid})" if pid else ""


def warn_of_another(settings: Settings) -> None:
    """Where no server runs on this home but one runs on the usual one, say so: it will not see what is changed."""
    usual = default_home()
    if usual.absolute() == settings.home.absolute() or server_of(settings.home) or not server_of(usual):
        return
    write_error(f"warning: this changes the home {settings.home}, but the server that runs uses {usual}")


def server_of(home: Path) -> int:
    """The process that holds a home, 0 for none or where this cannot be told (another user's, another container's).

    The lock is not tried: even a moment's hold could turn a starting server away. Its holder has written its id into
    the file and has it open.
    """
    lock = home / LOCK_FILE
    try:
        written = lock.read_text("ascii", "replace").strip()
        return int(written) if written.isdigit() and _has_open(written, lock.stat()) else 0
    except OSError:
        return 0


def _has_open(pid: str, file: os.stat_result) -> bool:
    return any(_same(descriptor, file) for descriptor in Path("/proc", pid, "fd").iterdir())


def _same(descriptor: Path, file: os.stat_result) -> bool:
    try:
        return os.path.samestat(descriptor.stat(), file)
    except OSError:
        return False  # closed meanwhile
