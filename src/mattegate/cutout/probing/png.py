"""PNG and APNG: the walk from chunk to chunk (PNG third edition, sections 5 and 11)."""

from __future__ import annotations

from typing import Final

from mattegate.cutout.probing.reader import Header, Reader
from mattegate.vocabulary.formats import ImageFormat

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS: Final = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


def read(data: memoryview) -> Header:
    """Read IHDR, and check that every chunk lies within the buffer up to IEND."""
    reader = Reader(data, ImageFormat.PNG)
    channels, bits = _colour(reader)
    return Header(
        width=reader.u32(16, ">"),
        height=reader.u32(20, ">"),
        frames=_frames(reader),
        channels=channels,
        bits=bits,
    )


def _colour(reader: Reader) -> tuple[int, int]:
    if reader.bytes(8, 8) != b"\x00\x00\x00\x0dIHDR":
        raise reader.corrupt("IHDR is not the first chunk")
    bits, kind = reader.byte(24), reader.byte(25)
    if bits not in _DEPTHS.get(kind, ()):
        raise reader.corrupt(f"bit depth {bits} with colour type {kind}")
    return _CHANNELS[kind], bits


def _frames(reader: Reader) -> int:
    """How many frames acTL announces (1 without it), after walking every chunk to IEND."""
    offset, frames, pixels = 8, 1, False
    while True:
        reader.step()
        length, kind = reader.u32(offset, ">"), reader.bytes(offset + 4, 4)
        reader.need(offset + 12 + length)
        if kind == b"IEND":
            break
        if kind == b"acTL" and length >= 8:
            frames = max(frames, reader.u32(offset + 8, ">"))
        pixels = pixels or kind == b"IDAT"
        offset += 12 + length
    if not pixels:
        raise reader.corrupt("no IDAT chunk")
    return frames
