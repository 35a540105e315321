"""What the model asks of the file system of the machine that nginx runs on, where anybody knows it."""

from __future__ import annotations

import os
import stat
from enum import StrEnum
from pathlib import Path
from typing import Protocol


class Kind(StrEnum):
    """What stands at a path, as a worker of nginx would find it."""

    FILE = "file"
    FOLDER = "folder"
    OTHER = "other"
    MISSING = "missing"
    DENIED = "denied"
    """It cannot be opened for want of a permission."""
    UNKNOWN = "unknown"


class Files(Protocol):
    """A view of a file system."""

    def look(self, path: str, /) -> Kind:
        """What stands at ``path``; never raises."""

    def text(self, path: str, /) -> str | None:
        """What a small file says, if it may be read here; otherwise ``None``."""


class NoFiles:
    """Of a pasted configuration nobody knows the machine."""

    def look(self, _: str, /) -> Kind:
        """Unknown."""
        return Kind.UNKNOWN

    def text(self, _: str, /) -> str | None:
        """Unknown."""
        return None


class ThisMachine:
    """The files of this machine; ``opens`` says whether the worker may open a path that exists.

    A path whose first folders do not exist here belongs to another machine, and nothing is known about it.
    """

    def __init__(self, roots: tuple[Path, ...] = ()) -> None:
        self._roots = tuple(root.resolve() for root in roots)

    def look(self, path: str) -> Kind:
        """What ``stat`` finds there."""
        try:
            mode = os.stat(path).st_mode  # noqa: PTH116 - the path is nginx's own spelling
        except (FileNotFoundError, NotADirectoryError):
            return Kind.MISSING if self._is_ours(path) else Kind.UNKNOWN
        except PermissionError:
            return Kind.DENIED
        except (OSError, ValueError):
            return Kind.UNKNOWN
        if stat.S_ISREG(mode):
            return Kind.FILE
        return Kind.FOLDER if stat.S_ISDIR(mode) else Kind.OTHER

    def text(self, path: str) -> str | None:
        """A file below the roots only."""
        real = Path(path).resolve()
        if not any(real.is_relative_to(root) for root in self._roots) or not real.is_file():
            return None
        with real.open("rb") as file:
            return file.read(1 << 20).decode("utf-8", "replace")

    @staticmethod
    def _is_ours(path: str) -> bool:
        parent = Path(path).parent
        return parent != Path("/") and parent.is_dir()
