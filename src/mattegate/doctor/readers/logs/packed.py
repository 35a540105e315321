"""Logs as rotation and archives leave them, beside gzip: bzip2 and xz unpacked piece by piece; others only named.

Rules of this file:

1. Memory does not grow with the input: an xz that asks for more than 96 MiB is refused, as ``xz -9`` makes none.
2. A torn end is the end, as of a log that is still being packed; what is damaged before it is told.
"""

from __future__ import annotations

import bz2
import lzma
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import BinaryIO, Final

from mattegate.doctor.readers.protocol import Unreadable

_PIECE: Final = 1 << 20
_MOST_UNPACKED: Final = 64 << 30
_XZ_MEMORY: Final = 96 << 20
Unpacker = bz2.BZ2Decompressor | lzma.LZMADecompressor

_UNPACKERS: Final[Mapping[bytes, tuple[str, Callable[[], Unpacker]]]] = MappingProxyType(
    {
        b"BZh": ("bzip2", bz2.BZ2Decompressor),
        b"\xfd7zXZ\x00": ("xz", lambda: lzma.LZMADecompressor(memlimit=_XZ_MEMORY)),
    }
)
_NAMED: Final[Mapping[bytes, str]] = MappingProxyType(
    {
        b"\x28\xb5\x2f\xfd": "zstd -dc",
        b"\x1f\x9d": "uncompress -c",
        b"PK\x03\x04": "unzip -p",
        b"\x04\x22\x4d\x18": "lz4 -dc",
    }
)
"""What Python's library does not unpack, or not as a stream, and the command that does."""


def is_packed(head: bytes) -> bool:
    """Whether it is bzip2 or xz. Raises :class:`Unreadable`, with what to do, for what is packed otherwise."""
    for magic, command in _NAMED.items():
        if head.startswith(magic):
            raise Unreadable(
                f"this is packed in a way that is not read here; unpack it first: {command} FILE | mattegate doctor -"
            )
    return any(map(head.startswith, _UNPACKERS))


def beginning(head: bytes, most: int) -> bytes:
    """What the first bytes of a packed file come to; as much as can be unpacked of them."""
    _, unpacker = _of(head)
    try:
        return unpacker().decompress(head, most)
    except (OSError, lzma.LZMAError):
        return b""


def unpacked(first: bytes, stream: BinaryIO) -> Iterator[bytes]:
    """Every stream of a packed file, one after the other. Raises :class:`Unreadable`."""
    name, unpacker = _of(first)
    engine, data, total, inside = unpacker(), first, 0, 0
    while data or not engine.needs_input:
        try:
            piece = engine.decompress(data, _PIECE)
        except (OSError, lzma.LZMAError) as error:
            if total and not inside:
                return  # padding behind the last stream
            raise Unreadable(f"the {name} is damaged after {total} unpacked bytes: {error}") from error
        total, inside = total + len(piece), inside + len(piece)
        if total > _MOST_UNPACKED:
            raise Unreadable(f"the {name} unpacks to more than {_MOST_UNPACKED >> 30} GiB")
        yield piece
        data = b""
        if engine.eof:
            data, engine, inside = engine.unused_data.lstrip(b"\0"), unpacker(), 0
        if not data and engine.needs_input:
            data = stream.read(_PIECE)


def _of(head: bytes) -> tuple[str, Callable[[], Unpacker]]:
    return next(found for magic, found in _UNPACKERS.items() if head.startswith(magic))
