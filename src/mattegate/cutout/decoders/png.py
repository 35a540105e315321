"""What decoders miss in PNG: wrong checksums of picture data, a stream that ends early, EXIF behind the picture.

Pillow skips the first, answers black rows for the second, and sees the third only after decoding. All functions here
read chunks that are known to lie within the buffer, which :mod:`mattegate.cutout.probing.png` has made sure of.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from isal import isal_zlib

_PIECE: Final = 1 << 20
_ADAM7: Final = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column, first row, column step and row step of every pass (PNG third edition, section 8.1)."""
_SAMPLES: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def verify_checksums(data: bytes | memoryview) -> None:
    """Check the CRC of every critical chunk (section 5.3); raises ``ValueError`` that names the chunk."""
    view = memoryview(data)
    for kind, start, end in _chunks(view):
        if not kind[:1].isupper():
            continue
        if isal_zlib.crc32(view[start - 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
            raise ValueError(f"wrong checksum of the {kind.decode('latin-1')} chunk at byte {start - 8}")


def verify_rows(data: bytes | memoryview) -> None:
    """Check that the picture data unfolds to every row; raises ``ValueError``, or ``isal_zlib.error`` for bad data."""
    view, found, needed = memoryview(data), 0, _row_bytes(memoryview(data))
    stream = isal_zlib.decompressobj()
    for kind, start, end in _chunks(view):
        piece: bytes | memoryview = view[start:end]
        while kind == b"IDAT" and len(piece) and found < needed:
            found += len(stream.decompress(piece, _PIECE))
            piece = stream.unconsumed_tail
    if found < needed:
        raise ValueError(f"premature end of the picture data: {found} of {needed} bytes")


def exif(data: bytes | memoryview) -> bytes | None:
    """The EXIF block, which may stand before or behind the picture data (section 11.3.3.1)."""
    view = memoryview(data)
    return next((bytes(view[start:end]) for kind, start, end in _chunks(view) if kind == b"eXIf"), None)


def _chunks(view: memoryview) -> Iterator[tuple[bytes, int, int]]:
    """Every chunk's type and where its data starts and ends, up to IEND."""
    end, kind = 4, b""
    while kind != b"IEND":
        start = end + 12
        end = start + int.from_bytes(view[start - 8 : start - 4], "big")
        kind = bytes(view[start - 4 : start])
        yield kind, start, end


def _row_bytes(view: memoryview) -> int:
    """How many bytes all rows have, with their filter bytes, pass by pass where the picture is interlaced."""
    width, height = int.from_bytes(view[16:20], "big"), int.from_bytes(view[20:24], "big")
    bits = view[24] * _SAMPLES[view[25]]
    passes = _ADAM7 if view[28] else ((0, 0, 1, 1),)
    total = 0
    for column, row, across, down in passes:
        wide, high = (width - column + across - 1) // across, (height - row + down - 1) // down
        total += high * (1 + (wide * bits + 7) // 8) if wide > 0 else 0
    return total
