"""AVIF and HEIC: boxes of the ISO base media file format (ISO/IEC 14496-12) as images use them (23008-12)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mattegate.cutout.probing.reader import Header, Reader
from mattegate.vocabulary.formats import ImageFormat

_AVIF: Final = frozenset({b"avif", b"avis"})
_HEIC: Final = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs"})
_FULL_BOX: Final = 4
"""Version and flags stand before a full box's own content."""


@dataclass(frozen=True, slots=True)
class _Box:
    """A box's type and where its content lies."""

    kind: bytes
    start: int
    end: int


def brand(data: memoryview) -> ImageFormat | None:
    """Which image format the ``ftyp`` box names, if any; the major brand counts before the compatible ones."""
    head = bytes(data[:256])
    if head[4:8] != b"ftyp":
        return None
    size = min(int.from_bytes(head[:4], "big"), len(head))
    for at in (8, *range(16, max(16, size - 3), 4)):
        if (word := head[at : at + 4]) in _AVIF:
            return ImageFormat.AVIF
        if word in _HEIC:
            return ImageFormat.HEIC
    return None


def read(data: memoryview) -> Header:
    """Read the largest size that any item or track announces, which bounds what a decoder will make.

    Every box at the top must lie within the buffer, and one of them must hold picture data.
    """
    reader = Reader(data, brand(data) or ImageFormat.HEIC)
    top = list(_boxes(reader, 0, len(reader)))
    sizes = [*_item_sizes(reader, top), *_track_sizes(reader, top)]
    if not sizes:
        raise reader.corrupt("no image size")
    if not (_inside(reader, top, b"mdat") or _inside(reader, top, b"meta", b"idat")):
        raise reader.truncated("no box with picture data")
    return Header(
        width=max(width for width, _ in sizes),
        height=max(height for _, height in sizes),
        frames=_samples(reader, top),
    )


def _boxes(reader: Reader, start: int, end: int) -> Iterator[_Box]:
    """The boxes that stand side by side from ``start`` to ``end``."""
    while start + 8 <= end:
        reader.step()
        size, header = reader.u32(start, ">"), 8
        if size == 1:
            size, header = reader.u64(start + 8, ">"), 16
        if size == 0:
            size = end - start
        if size < header:
            raise reader.corrupt(f"box of {size} bytes at byte {start}")
        if start + size > end:
            raise reader.truncated(f"box at byte {start} ends {start + size - end} bytes too late")
        yield _Box(reader.bytes(start + 4, 4), start + header, start + size)
        start += size


def _inside(reader: Reader, boxes: list[_Box], *path: bytes) -> list[_Box]:
    """Every box at the end of ``path``, which starts among ``boxes``; ``meta`` alone is a full box."""
    found = [box for box in boxes if box.kind == path[0]]
    for kind in path[1:]:
        parents, found = found, []
        for parent in parents:
            skip = _FULL_BOX if parent.kind == b"meta" else 0
            found += [box for box in _boxes(reader, parent.start + skip, parent.end) if box.kind == kind]
    return found


def _item_sizes(reader: Reader, top: list[_Box]) -> Iterator[tuple[int, int]]:
    for box in _inside(reader, top, b"meta", b"iprp", b"ipco", b"ispe"):
        yield reader.u32(box.start + _FULL_BOX, ">"), reader.u32(box.start + _FULL_BOX + 4, ">")


def _track_sizes(reader: Reader, top: list[_Box]) -> Iterator[tuple[int, int]]:
    """The sizes in track headers, which end with width and height as 16.16 fixed-point numbers."""
    for box in _inside(reader, top, b"moov", b"trak", b"tkhd"):
        if box.end - box.start >= 84:
            yield reader.u32(box.end - 8, ">") >> 16, reader.u32(box.end - 4, ">") >> 16


def _samples(reader: Reader, top: list[_Box]) -> int:
    """How many pictures the longest track holds; 1 for a still picture."""
    tables = _inside(reader, top, b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsz")
    return max((reader.u32(box.start + _FULL_BOX + 4, ">") for box in tables), default=0) or 1
