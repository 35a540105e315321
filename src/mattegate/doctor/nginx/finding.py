"""Where the files of a configuration are found: among those of a dump, below the roots, or nowhere.

Only what may be read is read; a symbolic link counts by what it leads to.
"""

from __future__ import annotations

import errno
import fnmatch
import os
from collections.abc import Callable
from glob import has_magic
from pathlib import Path
from typing import Final

MOST_BYTES: Final = 32 << 20
"""Of all files together."""
MOST_FILES: Final = 4_096
_SHIPPED: Final = frozenset(
    {"mime.types", "fastcgi_params", "fastcgi.conf", "uwsgi_params", "scgi_params", "koi-utf", "koi-win", "win-utf"}
)
"""Files that come with nginx; a copy of a configuration mostly lacks them."""

Lookup = Callable[[str], "list[tuple[str, str]]"]
"""The files, name and text, that an ``include`` of an absolute name or pattern brings in; raises ``Unread``."""


class Unread(Exception):  # noqa: N818 - the state of a file
    """A file may not be read, or cannot be."""

    def __init__(self, says: str, *, fatal: bool = False) -> None:
        super().__init__(says)
        self.says, self.fatal = says, fatal


def nothing_else(name: str) -> list[tuple[str, str]]:
    """Of what came without a file system."""
    raise Unread(f"include {name}: not part of what was given")


def among(parts: list[tuple[str, str]]) -> Lookup:
    """Includes within a dump, which holds every file that was used."""

    def lookup(name: str) -> list[tuple[str, str]]:
        found = [(file, text) for file, text in parts if fnmatch.fnmatchcase(file, name) and _same_depth(file, name)]
        if not found and not has_magic(name):
            raise Unread(f"include {name}: not in the dump")
        return sorted(found)

    return lookup


def _same_depth(file: str, pattern: str) -> bool:
    """``*`` does not go across a slash."""
    return file.count("/") == pattern.count("/")


def below(roots: list[Path]) -> Lookup:
    """Files of this machine, where they lie below the roots."""

    def lookup(name: str) -> list[tuple[str, str]]:
        paths = _globbed(name) if has_magic(name) else [Path(name)]
        return [_read_below(path, roots) for path in paths]

    return lookup


def _globbed(pattern: str) -> list[Path]:
    relative = pattern.lstrip("/")
    return sorted(Path("/").glob(relative))[:MOST_FILES] if relative else []


def _read_below(path: Path, roots: list[Path]) -> tuple[str, str]:
    real = path.resolve()
    if not any(real.is_relative_to(root) for root in roots):
        raise Unread(f"include {path}: outside of {', '.join(map(str, roots))}, so it was not read (--root allows it)")
    try:
        return str(path), text_of(path)
    except FileNotFoundError:
        raise Unread(f"include {path}: there is no such file", fatal=path.name not in _SHIPPED) from None
    except OSError as error:
        raise Unread(f"include {path}: {error.strerror}") from error


def text_of(path: Path) -> str:
    """A file's text. Raises ``OSError``, also where it is too large."""
    with path.open("rb") as file:
        read = file.read(MOST_BYTES + 1)
    if len(read) > MOST_BYTES:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    return read.decode("utf-8", "surrogateescape").replace("\0", "")
