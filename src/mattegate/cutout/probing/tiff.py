"""TIFF and BigTIFF: the chain of directories (TIFF 6.0, section 2; the BigTIFF design by Joris Van Damme)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mattegate.cutout.probing.reader import Endian, Header, Reader
from mattegate.vocabulary.formats import ImageFormat

_TYPE_CODES: Final = {1: "B", 3: "H", 4: "I", 16: "Q"}
_WIDTH, _LENGTH, _BITS, _SAMPLES, _DNG_VERSION = 256, 257, 258, 277, 50706
_PLACES: Final = ((273, 279), (324, 325))
"""The tags of offsets and byte counts, of strips and of tiles."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """How numbers are laid out: byte order, and the widths of counts and offsets."""

    endian: Endian
    big: bool

    @property
    def entry(self) -> int:
        """Bytes of one directory entry."""
        return 20 if self.big else 12

    @property
    def inline(self) -> int:
        """Bytes of a value that stands in its entry."""
        return 8 if self.big else 4


@dataclass(frozen=True, slots=True)
class _Field:
    """One directory entry: the type, how many values, and where they stand."""

    kind: int
    count: int
    offset: int


def read(data: memoryview) -> Header:
    """Read the first directory's sizes, check that its strips or tiles are all there, and count the directories."""
    reader = Reader(data, ImageFormat.TIFF)
    layout = _Layout("<" if reader.bytes(0, 2) == b"II" else ">", b"+" in reader.bytes(2, 2))
    first = _offset(reader, 8 if layout.big else 4, layout)
    fields, _ = _directory(reader, first, layout)
    if _DNG_VERSION in fields:
        raise reader.unsupported("camera raw data (DNG)")
    width, height = (_value(reader, fields, tag, layout) for tag in (_WIDTH, _LENGTH))
    if width is None or height is None:
        raise reader.corrupt("no image size in the first directory")
    _check_places(reader, fields, layout)
    return Header(
        width,
        height,
        frames=_count(reader, first, layout),
        channels=_value(reader, fields, _SAMPLES, layout) or 1,
        bits=_value(reader, fields, _BITS, layout) or 1,
    )


def _offset(reader: Reader, at: int, layout: _Layout) -> int:
    return reader.u64(at, layout.endian) if layout.big else reader.u32(at, layout.endian)


def _directory(reader: Reader, at: int, layout: _Layout) -> tuple[Mapping[int, _Field], int]:
    """The entries of the directory at ``at`` by their tags, and where the next directory stands (0: nowhere)."""
    count = reader.u64(at, layout.endian) if layout.big else reader.u16(at, layout.endian)
    start = at + (8 if layout.big else 2)
    end = start + count * layout.entry
    reader.need(end)
    fields = {}
    for place in range(start, end, layout.entry):
        reader.step()
        fields[reader.u16(place, layout.endian)] = _Field(
            kind=reader.u16(place + 2, layout.endian),
            count=_offset(reader, place + 4, layout),
            offset=place + 4 + layout.inline,
        )
    return fields, _offset(reader, end, layout)


def _count(reader: Reader, at: int, layout: _Layout) -> int:
    """How many directories the chain has; a chain that bites its tail is damaged."""
    seen: set[int] = set()
    while at:
        reader.step()
        if at in seen:
            raise reader.corrupt("the chain of directories is a ring")
        seen.add(at)
        entries = reader.u64(at, layout.endian) if layout.big else reader.u16(at, layout.endian)
        at = _offset(reader, at + (8 if layout.big else 2) + entries * layout.entry, layout)
    return len(seen)


def _value(reader: Reader, fields: Mapping[int, _Field], tag: int, layout: _Layout) -> int | None:
    values = _values(reader, fields.get(tag), layout)
    return values[0] if values else None


def _values(reader: Reader, field: _Field | None, layout: _Layout) -> tuple[int, ...]:
    """A field's whole numbers; empty for a field that is absent or of another type."""
    code = _TYPE_CODES.get(field.kind) if field else None
    if field is None or code is None:
        return ()
    form = f"{layout.endian}{min(field.count, len(reader) + 1)}{code}"
    size = struct.calcsize(form)
    at = field.offset if size <= layout.inline else _offset(reader, field.offset, layout)
    return struct.unpack(form, reader.bytes(at, size))


def _check_places(reader: Reader, fields: Mapping[int, _Field], layout: _Layout) -> None:
    for offsets_tag, counts_tag in _PLACES:
        offsets = _values(reader, fields.get(offsets_tag), layout)
        counts = _values(reader, fields.get(counts_tag), layout)
        reader.need(max(map(sum, zip(offsets, counts, strict=False)), default=0))
