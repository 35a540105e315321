"""JPEG: the walk from marker to marker up to the frame header (ITU-T T.81, annex B)."""

from __future__ import annotations

from typing import Final

from mattegate.cutout.probing.reader import Header, Reader
from mattegate.vocabulary.formats import ImageFormat

_SOF_DECODABLE: Final = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}
_SOF_OTHER: Final = {0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF}
_STANDALONE: Final = {0x01, *range(0xD0, 0xD9)}
_EOI: Final = 0xD9
_SOS: Final = 0xDA
_TAIL: Final = 65_536


def read(data: memoryview) -> Header:
    """Read the frame header, and check that an end-of-image marker follows somewhere after it."""
    reader = Reader(data, ImageFormat.JPEG)
    offset = 2
    while True:
        reader.step()
        marker, offset = _marker(reader, offset)
        if marker in _STANDALONE:
            continue
        if marker in (_SOS, _EOI):
            raise reader.corrupt("no frame header before the picture data")
        if marker in _SOF_OTHER:
            raise reader.unsupported("lossless or hierarchical coding")
        if marker in _SOF_DECODABLE:
            return _frame(reader, offset)
        offset += _length(reader, offset)


def _marker(reader: Reader, offset: int) -> tuple[int, int]:
    """The marker at ``offset`` and where its segment starts; any number of 0xFF may fill the gap before it."""
    if reader.byte(offset) != 0xFF:
        raise reader.corrupt(f"no marker at byte {offset}")
    while reader.byte(offset) == 0xFF:
        reader.step()
        offset += 1
    return reader.byte(offset), offset + 1


def _length(reader: Reader, offset: int) -> int:
    length = reader.u16(offset, ">")
    if length < 2:
        raise reader.corrupt(f"segment of {length} bytes at byte {offset}")
    return length


def _frame(reader: Reader, offset: int) -> Header:
    bits, channels = reader.byte(offset + 2), reader.byte(offset + 7)
    header = Header(width=reader.u16(offset + 5, ">"), height=reader.u16(offset + 3, ">"), channels=channels, bits=bits)
    if bits != 8:
        raise reader.unsupported(f"{bits} bits per channel")
    if channels not in (1, 3, 4):
        raise reader.unsupported(f"{channels} channels")
    if not _ends(reader, offset):
        raise reader.truncated("no end-of-image marker")
    return header


def _ends(reader: Reader, start: int) -> bool:
    """Whether an end-of-image marker follows ``start``, sought from the end because that is where it usually is."""
    end = len(reader)
    while end > start:
        begin = max(start, end - _TAIL)
        if b"\xff\xd9" in reader.bytes(begin, end - begin):
            return True
        end = begin + 1 if begin > start else start
    return False
