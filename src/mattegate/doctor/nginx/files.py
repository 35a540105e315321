"""What the model asks of the file system of the machine that nginx runs on, where anybody knows it.

Rules of this file:

1. nginx asks two things. ``stat`` (``index``, ``try_files``, ``if -f``) needs only the folders on the way; ``open`` (to
   serve) needs ``r`` as well, of a folder too. So what is there and may not be opened is a kind of its own.
2. It is the worker who asks: what root may look at here says nothing about that. A missing file in a folder that the
   worker may not enter is denied to it, not missing.
3. A path of which this machine has no more than the folders that every machine has belongs to another machine, and
   nothing is known about it. The contents of files are read below the roots only.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from mattegate.doctor.files.account import Accounts, Ours, UnknownAccount, named, nginx_worker
from mattegate.doctor.files.acl import Right
from mattegate.doctor.files.look import ThisMachine as Tree
from mattegate.doctor.files.look import protects_symlinks
from mattegate.doctor.files.walk import End, Walk, walk

if TYPE_CHECKING:
    from mattegate.doctor.files.acl import Account
    from mattegate.doctor.nginx.directive import Directive

_LONGEST: Final = 4096
"""Bytes of a path with its NUL (linux/limits.h, PATH_MAX)."""
_DEFAULTS: Final = ("www-data", "nginx", "nobody")
"""What nginx is built with: by Debian, by nginx.org and Red Hat, and where nobody said anything."""
EVERYWHERE: Final = frozenset(
    {"/", "/data", "/dev", "/etc", "/home", "/media", "/mnt", "/opt", "/private", "/proc", "/root", "/run", "/srv",
     "/sys", "/tmp", "/usr", "/usr/lib", "/usr/local", "/usr/local/lib", "/usr/local/share",  # noqa: S108 - a name
     "/usr/share", "/var", "/var/cache", "/var/lib", "/var/local", "/var/log", "/var/run", "/var/spool",
     "/var/tmp", "/var/www"}  # noqa: S108 - a name
)  # fmt: skip
"""Folders that every machine may have."""


class Kind(StrEnum):
    """What stands at a path, as a worker of nginx would find it."""

    FILE = "file"
    FOLDER = "folder"
    OTHER = "other"
    """A pipe or a device: it can be opened and is not served."""
    SOCKET = "socket"
    """It cannot be opened at all."""
    CLOSED_FILE = "closed file"
    """It is there; opening it is denied."""
    CLOSED_FOLDER = "closed folder"
    """The same of a folder: it may be entered perhaps, not listed."""
    MISSING = "missing"
    NO_FOLDER = "no folder"
    """Something on the way is no folder."""
    TOO_LONG = "too long"
    LOOP = "loop"
    """Too many symbolic links."""
    DENIED = "denied"
    """It cannot even be looked for: a folder on the way may not be entered. Where a view cannot tell, it stands for
    what cannot be opened as well."""
    UNKNOWN = "unknown"


FILES: Final = frozenset({Kind.FILE, Kind.CLOSED_FILE})
FOLDERS: Final = frozenset({Kind.FOLDER, Kind.CLOSED_FOLDER})
CLOSED: Final = frozenset({Kind.CLOSED_FILE, Kind.CLOSED_FOLDER})
ABSENT: Final = frozenset({Kind.MISSING, Kind.NO_FOLDER, Kind.TOO_LONG})
THERE: Final = FILES | FOLDERS | {Kind.OTHER, Kind.SOCKET}
"""What ``stat`` finds."""


class Files(Protocol):
    """A view of a file system; paths hold one byte a character."""

    def look(self, path: str, /) -> Kind:
        """What stands at ``path``; never raises."""

    def text(self, path: str, /) -> str | None:
        """What a small file says, if it may be read here; otherwise ``None``."""


@runtime_checkable
class Modes(Protocol):
    """A view that knows modes, too."""

    def executable(self, path: str, /) -> bool | None:
        """Whether the owner of what stands there may execute it, which is what ``if -x`` asks."""

    def listed(self, path: str, /) -> bool:
        """Whether what lies in a folder is there, missing or denied, and nothing else."""


class NoFiles:
    """Of a pasted configuration nobody knows the machine."""

    def look(self, _: str, /) -> Kind:
        """Unknown."""
        return Kind.UNKNOWN

    def text(self, _: str, /) -> str | None:
        """Unknown."""
        return None


class ThisMachine:
    """The files of this machine, as the worker finds them; without a worker, as whoever runs this does."""

    def __init__(self, roots: tuple[Path, ...] = (), worker: Account | None = None) -> None:
        self._roots = tuple(root.resolve() for root in roots)
        self.worker = worker

    def look(self, path: str, /) -> Kind:
        """What stands there."""
        path = native(path)
        return self._look(path) if is_of_this_machine(path) else Kind.UNKNOWN

    def _look(self, path: str) -> Kind:
        return _found(path) if self.worker is None else _found_by(path, self.worker)

    def executable(self, path: str, /) -> bool | None:
        """See :class:`Modes`."""
        try:
            return bool(os.stat(native(path)).st_mode & stat.S_IXUSR)  # noqa: PTH116 - nginx's own spelling
        except (OSError, ValueError):
            return None

    def listed(self, path: str, /) -> bool:
        """See :class:`Modes`; only a link can be anything else."""
        path = native(path)
        try:
            with os.scandir(path) as entries:
                links = [entry.path for entry in entries if entry.is_symlink() and not entry.name.startswith(".")]
        except OSError:
            return False
        return not any(self._look(link) in {Kind.NO_FOLDER, Kind.TOO_LONG, Kind.UNKNOWN} for link in links)

    def text(self, path: str, /) -> str | None:
        """A file below the roots only."""
        real = Path(native(path)).resolve()
        if not any(real.is_relative_to(root) for root in self._roots) or not real.is_file():
            return None
        with real.open("rb") as file:
            return file.read(1 << 20).decode("utf-8", "replace")


def native(path: str) -> str:
    """A path of the model, which holds one byte a character, as this system's functions take it."""
    try:
        return os.fsdecode(path.encode("latin-1"))
    except UnicodeEncodeError:
        return path


def is_of_this_machine(path: str) -> bool:
    """Whether enough of a path exists here to say that it is this machine's."""
    if not path.startswith("/") or "\0" in path:
        return False
    if os.path.lexists(path):
        return True
    folder = parent = os.path.dirname(path.rstrip("/"))  # noqa: PTH120 - a Path of a long name raises
    while not os.path.isdir(folder):  # noqa: PTH112
        folder = os.path.dirname(folder)  # noqa: PTH120
    return folder not in EVERYWHERE or folder == parent != "/"


def _found(path: str) -> Kind:
    try:
        return _kind(os.stat(path).st_mode)  # noqa: PTH116 - the path is nginx's own spelling
    except (FileNotFoundError, NotADirectoryError):
        return Kind.MISSING
    except PermissionError:
        return Kind.DENIED
    except OSError:
        return Kind.UNKNOWN


def _kind(mode: int) -> Kind:
    kinds = ((stat.S_ISREG, Kind.FILE), (stat.S_ISDIR, Kind.FOLDER), (stat.S_ISSOCK, Kind.SOCKET))
    return next((kind for fits, kind in kinds if fits(mode)), Kind.OTHER)


_ENDS: Final = {End.MISSING: Kind.MISSING, End.NOT_A_FOLDER: Kind.NO_FOLDER, End.LOOP: Kind.LOOP}


def _found_by(path: str, worker: Account) -> Kind:
    if len(os.fsencode(path)) >= _LONGEST:
        return Kind.TOO_LONG
    walked = walk(path, worker, Right.READ, Tree(), protected_symlinks=protects_symlinks())
    if walked.stops:
        return _stopped(walked)
    if walked.end is End.ALLOWED:
        return _kind(walked.steps[-1].status.mode)
    return _ENDS.get(walked.end) or (Kind.TOO_LONG if _is_too_long(walked.at) else Kind.UNKNOWN)


def _stopped(walked: Walk) -> Kind:
    """Denied on the way, or only at the end."""
    if any(stop.step.want is not Right.READ for stop in walked.stops):
        return Kind.DENIED
    closed = {Kind.FILE: Kind.CLOSED_FILE, Kind.FOLDER: Kind.CLOSED_FOLDER}
    return closed.get(_kind(walked.steps[-1].status.mode), Kind.UNKNOWN)


def _is_too_long(path: str) -> bool:
    try:
        os.lstat(path)
    except OSError as error:
        return error.errno == errno.ENAMETOOLONG
    return False


@dataclass(frozen=True, slots=True)
class Worker:
    """Whom nginx's workers run as."""

    account: Account | None
    """``None`` where this machine does not know."""
    assumed: str = ""
    """What was taken for granted, as a clause; empty where the configuration says it."""


def worker_of(
    directives: Iterable[Directive], *, starter: Account | None = None, accounts: Accounts | None = None
) -> Worker:
    """The account of the workers, by the ``user`` line among the directives at the top.

    ``starter`` is who starts nginx; root, where nobody says otherwise. Anybody else's workers stay what they are.
    """
    accounts = accounts or Ours()
    user = next((line.args for line in directives if line.name == "user" and line.args), None)
    starts = starter is not None and starter.uid != 0
    try:
        if user or starts:
            return Worker(nginx_worker(user or (), accounts, master=starter))
    except UnknownAccount as error:
        return Worker(None, f"who may read which file: {error}")
    return _built_in(accounts)


def _built_in(accounts: Accounts) -> Worker:
    for name in _DEFAULTS:
        try:
            account = named(name, accounts)
        except UnknownAccount:
            continue
        return Worker(account, f"whom nginx's workers run as: no user line was read, so it was taken to be {name}")
    return Worker(None, "who may read which file: no user line was read, and none of nginx's usual users exists here")
