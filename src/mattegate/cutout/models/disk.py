"""Files that are either whole or absent, whatever kills the process, and a lock between processes."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from mattegate.vocabulary.refusal import Refusal

_BLOCK: Final = 1 << 20
_PROBLEMS: Final = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EFBIG: "the file is larger than this file system or process may write",
}


def write_atomically(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data``; after a crash either the old or the new content is there."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    fresh.write_bytes(data)
    settle(fresh, path)


def settle(part: Path, final: Path) -> None:
    """Bring ``part`` to the disk and give it its final name, both lasting."""
    _sync(part)
    part.replace(final)
    _sync(final.parent)


def digest(path: Path, algorithm: str = "sha256") -> str:
    """The hash of a file in lower-case hex, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()


def blocks(path: Path) -> Iterator[bytes]:
    """The content of a file in blocks of at most 1 MiB."""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on ``path`` among all processes of this machine; the kernel frees it when one dies."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def storing(model: str) -> Iterator[None]:
    """Turn what a disk says into :class:`Refusal` ``model.storage``."""
    try:
        yield
    except OSError as error:
        said = _PROBLEMS.get(error.errno or 0) or error.strerror or type(error).__name__
        where = f" ({error.filename})" if error.filename else ""
        raise Refusal("model.storage", model=model, problem=said + where) from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
