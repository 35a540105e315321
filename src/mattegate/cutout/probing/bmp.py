"""BMP: the information headers of Windows and OS/2, told apart by their length."""

from __future__ import annotations

from typing import Final

from mattegate.cutout.probing.reader import Header, Reader
from mattegate.vocabulary.formats import ImageFormat

HEADER_SIZES: Final = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
_CORE: Final = 12
_UNCOMPRESSED: Final = (0, 3, 6)


def read(data: memoryview) -> Header:
    """Read the sizes (a negative height means rows from the top), and check that uncompressed rows are all there."""
    reader = Reader(data, ImageFormat.BMP)
    if reader.u32(14, "<") == _CORE:
        width, height = reader.u16(18, "<"), reader.u16(20, "<")
        depth, compression = reader.u16(24, "<"), 0
    else:
        width, height = _signed(reader.u32(18, "<")), abs(_signed(reader.u32(22, "<")))
        depth, compression = reader.u16(28, "<"), reader.u32(30, "<")
    if width < 0 or depth not in (1, 2, 4, 8, 16, 24, 32):
        raise reader.corrupt(f"width {width}, {depth} bits per pixel")
    if compression in _UNCOMPRESSED:
        row = (width * depth + 31) // 32 * 4
        reader.need(reader.u32(10, "<") + row * height)
    return Header(width, height, channels=4 if depth == 32 else 3)


def _signed(value: int) -> int:
    return value - 2**32 if value >= 2**31 else value
