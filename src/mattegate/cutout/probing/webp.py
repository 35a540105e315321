"""WebP: the RIFF chunks and the three kinds of picture header (RFC 9649; VP8 in RFC 6386, section 9.1)."""

from __future__ import annotations

from typing import Final

from mattegate.cutout.probing.reader import Header, Reader
from mattegate.vocabulary.formats import ImageFormat

_FIRST: Final = 12
_ALPHA_FLAG: Final = 0x10


def read(data: memoryview) -> Header:
    """Read the first chunk's sizes and count the frames; the RIFF length must lie within the buffer."""
    reader = Reader(data, ImageFormat.WEBP)
    reader.need(8 + reader.u32(4, "<"))
    kind = reader.bytes(_FIRST, 4)
    if kind == b"VP8 ":
        return _lossy(reader, _FIRST + 8)
    if kind == b"VP8L":
        return _lossless(reader, _FIRST + 8)
    if kind == b"VP8X":
        return _extended(reader, _FIRST + 8)
    raise reader.corrupt(f"first chunk is {kind!r}")


def _lossy(reader: Reader, offset: int) -> Header:
    if reader.bytes(offset + 3, 3) != b"\x9d\x01\x2a":
        raise reader.corrupt("VP8 start code missing")
    width, height = reader.u16(offset + 6, "<"), reader.u16(offset + 8, "<")
    return Header(width & 0x3FFF, height & 0x3FFF, channels=3)


def _lossless(reader: Reader, offset: int) -> Header:
    if reader.byte(offset) != 0x2F:
        raise reader.corrupt("VP8L signature missing")
    packed = reader.u32(offset + 1, "<")
    channels = 4 if packed >> 28 & 1 else 3
    return Header((packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1, channels=channels)


def _extended(reader: Reader, offset: int) -> Header:
    return Header(
        width=_u24(reader, offset + 4) + 1,
        height=_u24(reader, offset + 7) + 1,
        frames=_frames(reader),
        channels=4 if reader.byte(offset) & _ALPHA_FLAG else 3,
    )


def _frames(reader: Reader) -> int:
    """How many ANMF chunks there are, and 1 where a still picture stands instead."""
    end, offset, frames, pixels = 8 + reader.u32(4, "<"), _FIRST, 0, False
    while offset + 8 <= end:
        reader.step()
        kind, length = reader.bytes(offset, 4), reader.u32(offset + 4, "<")
        reader.need(offset + 8 + length)
        frames += kind == b"ANMF"
        pixels = pixels or kind in (b"ANMF", b"VP8 ", b"VP8L")
        offset += 8 + length + (length & 1)
    if not pixels:
        raise reader.corrupt("no picture chunk")
    return max(1, frames)


def _u24(reader: Reader, offset: int) -> int:
    return int.from_bytes(reader.bytes(offset, 3), "little")
