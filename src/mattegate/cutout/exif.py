"""The EXIF block: which way up the picture is, and the block made fit to be written again.

Works on the TIFF-structured block without its ``Exif\\0\\0`` prefix, in place, so that every offset in it, those of
maker notes included, stays right (Exif 3.0, sections 4.5 and 4.6). What is damaged is never an error of the picture:
it reads as orientation 1, and as no block to write.
"""

from __future__ import annotations

import struct
from typing import Final, Literal

PREFIX: Final = b"Exif\0\0"

_ORIENTATION: Final = 0x0112
_SHORT: Final = 3
_PIECES: Final = ((0x0201, 0x0202), (0x0111, 0x0117))
"""The tags of offset and length of a thumbnail, as JPEG and as one uncompressed strip."""


class _Block:
    """A block under repair; raises ``struct.error`` or ``ValueError`` where it is damaged."""

    __slots__ = ("data", "endian", "ifd0")

    def __init__(self, block: bytes) -> None:
        self.data = bytearray(block)
        marks: dict[bytes, Literal["<", ">"]] = {b"II*\0": "<", b"MM\0*": ">"}
        if block[:4] not in marks:
            raise ValueError("no TIFF header")
        self.endian = marks[block[:4]]
        self.ifd0 = self._number("I", 4)

    def entries(self, ifd: int) -> dict[int, int]:
        """Where each tag's twelve bytes stand in the directory at ``ifd``."""
        start, count = ifd + 2, self._number("H", ifd)
        return {self._number("H", at): at for at in range(start, start + 12 * count, 12)}

    def link(self, ifd: int) -> int:
        """Where the offset of the next directory stands."""
        return ifd + 2 + 12 * self._number("H", ifd)

    def value(self, entry: int) -> int:
        """The single number of an entry."""
        return self._number("H" if self._number("H", entry + 2) == _SHORT else "I", entry + 8)

    def next(self, ifd: int) -> int:
        """The offset of the next directory; 0 at the last."""
        return self._number("I", self.link(ifd))

    def put(self, code: str, at: int, value: int) -> None:
        """Write a number over what stands there."""
        struct.pack_into(self.endian + code, self.data, at, value)

    def wipe(self, start: int, size: int) -> None:
        """Remove bytes: cut them off at the end, zero them elsewhere."""
        if start + size >= len(self.data):
            del self.data[start:]
        else:
            self.data[start : start + size] = bytes(size)

    def _number(self, code: str, at: int) -> int:
        return int(struct.unpack_from(self.endian + code, self.data, at)[0])


def orientation(block: bytes) -> int:
    """The orientation 1-8 that a block names; 1 where it names none or is damaged."""
    try:
        tiff = _Block(block)
        entry = tiff.entries(tiff.ifd0).get(_ORIENTATION)
        value = tiff.value(entry) if entry is not None else 1
    except (struct.error, ValueError):
        return 1
    return value if 1 <= value <= 8 else 1


def upright(block: bytes) -> bytes | None:
    """The block with orientation 1 and without its thumbnail; ``None`` where it is damaged."""
    try:
        tiff = _Block(block)
        entry = tiff.entries(tiff.ifd0).get(_ORIENTATION)
        if entry is not None:
            tiff.put("H", entry + 8, 1)
        _drop_thumbnail(tiff)
    except (struct.error, ValueError):
        return None
    return bytes(tiff.data)


def _drop_thumbnail(tiff: _Block) -> None:
    """Unlink the second directory and remove the pictures it points to."""
    ifd1 = tiff.next(tiff.ifd0)
    if not ifd1:
        return
    entries = tiff.entries(ifd1)
    places = [
        (tiff.value(entries[offset]), tiff.value(entries[length]))
        for offset, length in _PIECES
        if offset in entries and length in entries
    ]
    tiff.put("I", tiff.link(tiff.ifd0), 0)
    for start, size in sorted(places, reverse=True):
        tiff.wipe(start, size)
