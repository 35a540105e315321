"""Where the facts of a tree come from: this machine, or what somebody wrote down elsewhere."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from mattegate.doctor.files.acl import Status

_NO_LIST: Final = frozenset({errno.ENODATA, errno.ENOTSUP, errno.ENOSYS})


class Look(Protocol):
    """A view of a tree. Each raises :class:`OSError` as the functions of :mod:`os` do, and follows no link."""

    def lstat(self, path: str, /) -> Status:
        """Mode, owner and group; the list may be left empty."""

    def readlink(self, path: str, /) -> str:
        """Where a symbolic link leads."""

    def getxattr(self, path: str, name: str, /) -> bytes | None:
        """An extended attribute; ``None`` where there is none, or the file system has none at all."""


class ThisMachine:
    """The tree of the machine that the doctor runs on."""

    def lstat(self, path: str, /) -> Status:
        """See :class:`Look`."""
        found = Path(path).lstat()
        return Status(found.st_mode, found.st_uid, found.st_gid)

    def readlink(self, path: str, /) -> str:
        """See :class:`Look`."""
        return os.readlink(path)  # noqa: PTH115 - a Path forgets the slash at the end, which asks for a folder

    def getxattr(self, path: str, name: str, /) -> bytes | None:
        """See :class:`Look`."""
        try:
            return os.getxattr(path, name, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_LIST:
                raise
            return None


def protects_symlinks() -> bool:
    """This machine's ``fs.protected_symlinks``; on, where that cannot be read, as distributions have it."""
    try:
        return Path("/proc/sys/fs/protected_symlinks").read_text("ascii").strip() != "0"
    except OSError:
        return True


@dataclass(frozen=True, slots=True)
class Recorded:
    """A tree that somebody wrote down: what ``stat`` and ``getfacl`` told elsewhere."""

    nodes: Mapping[str, Status]
    """By path. The root stands for itself: ``/``."""
    links: Mapping[str, str] = field(default_factory=dict)

    def lstat(self, path: str, /) -> Status:
        """See :class:`Look`."""
        if path not in self.nodes:
            raise FileNotFoundError(path)
        return self.nodes[path]

    def readlink(self, path: str, /) -> str:
        """See :class:`Look`."""
        if path not in self.links:
            raise FileNotFoundError(path)
        return self.links[path]

    def getxattr(self, _: str, __: str, /) -> bytes | None:
        """None: lists stand in the status."""
        return None
