"""The spool: where a record lies between its decision and the store. One line, one write, before the answer goes out.

Rules of this file:

1. A line is acknowledged when ``write`` has taken all of it; from then on it survives the death of this process (power
   loss it survives once it is imported). A line that was taken in part is taken back.
2. A line carries a checksum over the rest of it, so that damage is noticed whatever it hits.
3. A part is written by one writer, who holds a lock on it; a part without a lock is closed, and nobody ever writes to
   it again, so nothing is appended to a torn tail. Names are never used twice.
4. Nothing here knows what is in a record, only whether its caller had proved anything.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PART_BYTES: Final = 8_000_000
_STEP_BYTES: Final = 256_000
_SUFFIX: Final = ".spool"
_PROVEN: Final = {b"P": True, b"U": False}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a part; ``payload`` is ``None`` where the line is damaged."""

    offset: int
    raw: bytes
    """All of it, with its line break where it has one."""
    payload: bytes | None
    proven: bool = False

    @property
    def end(self) -> int:
        """Where the next line begins."""
        return self.offset + len(self.raw)

    @property
    def torn(self) -> bool:
        """Whether it broke off in the middle: then it was never acknowledged."""
        return self.payload is None and not self.raw.endswith(b"\n")


def frame(payload: bytes, *, proven: bool) -> bytes:
    """The line of a payload, which holds no line break: ``1a2b3c4d P {…}``, checksum, ``P`` or ``U``, payload."""
    body = b"%b %b\n" % (b"P" if proven else b"U", payload)
    return b"%08x %b" % (zlib.crc32(body), body)


def unframe(raw: bytes, offset: int = 0) -> Line:
    """Check one line. The line break belongs to what the checksum covers, but a last line may lack it."""
    body = raw[9:] if raw.endswith(b"\n") else raw[9:] + b"\n"
    proven = _PROVEN.get(body[:1])
    if proven is None or body[1:2] != b" " or raw[:9] != b"%08x " % zlib.crc32(body):
        return Line(offset, raw, None)
    return Line(offset, raw, body[2:-1], proven)


class SpoolWriter:
    """Appends lines to parts in ``folder``, a new part every ``part_bytes``; from any thread.

    Raises ``OSError`` from :meth:`append` where the disk takes nothing more; the next append tries afresh.
    """

    def __init__(self, folder: Path, *, part_bytes: int = PART_BYTES) -> None:
        self._folder = folder
        self._part_bytes = part_bytes
        self._lock = threading.Lock()
        self._fd = -1
        self._size = 0

    def append(self, line: bytes) -> None:
        """Write one line, whole or not at all."""
        with self._lock:
            if self._fd < 0:
                self._fd, self._size = _open_part(self._folder), 0
            try:
                taken = os.write(self._fd, line)
            except OSError:
                self._close()  # whatever is wrong with this file need not be wrong with the next
                raise
            if taken < len(line):
                self._take_back(taken)
                raise OSError(28, f"only {taken} of {len(line)} bytes were taken")
            self._size += taken
            if self._size >= self._part_bytes:
                self._close()

    def close(self) -> None:
        """Close the part in hand; a later append opens another."""
        with self._lock:
            self._close()

    def _take_back(self, taken: int) -> None:
        """Cut off the torn line; where even that fails, the next line goes to another part."""
        try:
            os.ftruncate(self._fd, self._size)
        except OSError:
            self._size += taken
            self._close()

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _open_part(folder: Path) -> int:
    """A new part, locked; tried again where an importer took it for a closed one before it was locked."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        name = f"{time.time_ns():019d}-{secrets.token_hex(6)}{_SUFFIX}"
        fd = os.open(folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            continue
        if os.fstat(fd).st_nlink:
            return fd
        os.close(fd)


def parts(folder: Path) -> list[Path]:
    """Every part there is, oldest first; none where there is no spool."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == _SUFFIX)
    except FileNotFoundError:
        return []


def read_tail(part: Path, offset: int) -> bytes:
    """What a part holds from ``offset`` on; nothing where the part is gone, because then it was imported."""
    try:
        with part.open("rb") as file:
            file.seek(offset)
            return file.read()
    except FileNotFoundError:
        return b""


def size_of(part: Path) -> int:
    """Its bytes; 0 where it is gone."""
    try:
        return part.stat().st_size
    except FileNotFoundError:
        return 0


def read_some(part: Path, offset: int) -> bytes:
    """A quarter of a megabyte of whole lines from ``offset`` on; the last may be unfinished where the part ends."""
    try:
        with part.open("rb") as file:
            file.seek(offset)
            return file.read(_STEP_BYTES) + file.readline()
    except FileNotFoundError:
        return b""


def lines(data: bytes, offset: int = 0, *, closed: bool) -> Iterator[Line]:
    """The lines of what was read from ``offset`` on. An unfinished last one is told only of a part that is closed."""
    start = 0
    while start < len(data):
        end = data.find(b"\n", start) + 1
        if not end and not closed:
            return
        raw = data[start:end] if end else data[start:]
        yield unframe(raw, offset + start)
        start += len(raw)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A part that nobody writes to any more, held so that nobody else removes it either."""

    path: Path
    _fd: int

    def remove(self) -> None:
        """Delete it, so that it stays deleted after a power loss."""
        with suppress(FileNotFoundError):  # another importer was first
            self.path.unlink()
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def let_go(self) -> None:
        """Leave it to others."""
        os.close(self._fd)


def claim_closed(part: Path) -> Claimed | None:
    """Take hold of a part whose writer is done with it or dead; ``None`` for one in use, and for one that is gone."""
    try:
        fd = os.open(part, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return Claimed(part, fd)
