"""GIF: the walk from block to block (GIF89a specification, sections 17 to 27)."""

from __future__ import annotations

from typing import Final

from mattegate.cutout.probing.reader import Header, Reader
from mattegate.vocabulary.formats import ImageFormat

_IMAGE: Final = 0x2C
_EXTENSION: Final = 0x21
_TRAILER: Final = 0x3B


def read(data: memoryview) -> Header:
    """Read the screen size, count the images, and insist on the trailer.

    A first image that reaches over the screen's edge widens the screen, as decoders do.
    """
    reader = Reader(data, ImageFormat.GIF)
    width, height = reader.u16(6, "<"), reader.u16(8, "<")
    offset, frames = 13 + _table(reader.byte(10)), 0
    while (kind := reader.byte(offset)) != _TRAILER:
        reader.step()
        if kind == _IMAGE:
            if not frames:
                width, height = _widened(reader, offset, width, height)
            frames += 1
            offset = _skip(reader, offset + 11 + _table(reader.byte(offset + 9)))
        elif kind == _EXTENSION:
            offset = _skip(reader, offset + 2)
        else:
            raise reader.corrupt(f"unknown block {kind:#04x} at byte {offset}")
    if not frames:
        raise reader.corrupt("no image")
    return Header(width, height, frames=frames, channels=1)


def _table(flags: int) -> int:
    """The bytes of the colour table that these flags announce."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _widened(reader: Reader, offset: int, width: int, height: int) -> tuple[int, int]:
    left, top, wide, high = (reader.u16(offset + at, "<") for at in (1, 3, 5, 7))
    if not (wide and high):
        return 0, 0
    return max(width, left + wide), max(height, top + high)


def _skip(reader: Reader, offset: int) -> int:
    """Where the chain of sub-blocks that starts at ``offset`` ends."""
    while size := reader.byte(offset):
        reader.step()
        offset += 1 + size
    return offset + 1
