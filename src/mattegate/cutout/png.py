"""A PNG writer for photographs that is limited by memory, not by deflate.

Rules of this file: pixels in, segments of a PNG datastream out; it knows nothing of cut-outs, options or files.

How it is fast, and stays small in memory:

1. The picture is cut into *strips* of about a mebibyte that threads filter and deflate independently. A strip is
   a piece of raw deflate that ends at a byte boundary (``Z_SYNC_FLUSH``; the last with ``Z_FINISH``), so strips
   concatenate into one zlib stream (RFC 1950), whose Adler-32 is combined from those of the strips. Strips depend on
   the picture alone, so that the same picture gives the same bytes with any number of threads.
2. Within a strip, *tiles* that fit the processor's cache are interleaved, filtered, summed and deflated one after
   another; neither an RGBA copy nor a filtered copy of the whole picture ever exists.
3. Each strip tries the filters that numpy can do at memory speed on a few of its rows and takes the smallest: Up
   suits most decoded photographs, Average noisy ones, None drawings. (Paeth in numpy made the whole three to
   four times slower, and a photograph decoded from JPEG no smaller than Up did.)
4. ISA-L deflates, which is most of the gain over zlib. It is checked once against zlib, which stands in where ISA-L
   is missing or wrong.

PNG is specified in W3C PNG (Third Edition); chunk order follows its table 7.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from typing import Final, Protocol, TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mattegate.cutout.picture import RGB, Plane

Segment: TypeAlias = bytes | memoryview
"""A piece of an answer; segments follow each other without gaps."""

Planes: TypeAlias = tuple[NDArray[np.uint8], ...]
"""Colour, alpha, or colour and alpha, of one size."""

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"

_STRIP_BYTES: Final = 1 << 20  # few enough that a flush each costs nothing, enough that no thread idles at the end
_MAX_STRIPS: Final = 256  # three segments each stay below IOV_MAX
_TILE_BYTES: Final = 1 << 18  # source, filtered and scratch together fit a 1 MiB second-level cache
_TRIAL_TILES: Final = 3
_TRIAL_SHARE: Final = 32
_ZLIB_HEADER: Final = b"\x78\x01"  # 32 KiB window, fastest algorithm
_COLOUR_TYPES: Final = {1: 0, 3: 2, 4: 6}
_ADLER_MODULUS: Final = 65521


class Compressor(Protocol):
    """One deflate stream, as zlib and ISA-L spell it."""

    def compress(self, data: Segment, /) -> bytes:
        """Take ``data`` in; what is finished so far comes out."""

    def flush(self, mode: int, /) -> bytes:
        """Give out the rest, up to the boundary that ``mode`` asks for."""


class Deflate(Protocol):
    """What the writer needs of a module that deflates, such as :mod:`zlib` or ``isal.isal_zlib``."""

    def compressobj(self, level: int, method: int, wbits: int, /) -> Compressor:
        """Start a stream."""

    def adler32(self, data: Segment, value: int, /) -> int:
        """The Adler-32 of ``data`` after bytes whose sum is ``value``."""

    def crc32(self, data: Segment, value: int, /) -> int:
        """The CRC-32 of ``data`` after bytes whose sum is ``value``."""


@dataclass(frozen=True, slots=True)
class Deflater:
    """A deflate module and the level at which a photograph is worth it."""

    name: str
    module: Deflate
    level: int


def encode_png(
    rgb: RGB | None,
    alpha: Plane | None = None,
    *,
    icc: bytes | None = None,
    exif: bytes | None = None,
    threads: int = 1,
    deflater: Deflater | None = None,
) -> list[Segment]:
    """Write an 8-bit PNG: RGB, RGBA (straight alpha), or greyscale when ``rgb`` is ``None``.

    ``rgb`` has the shape ``(height, width, 3)``, ``alpha`` ``(height, width)``, both ``uint8``. ``icc`` is written as
    ``iCCP``, its absence as ``sRGB`` where there are colours; ``exif`` (TIFF structure) as ``eXIf``. Nothing else is
    written.

    Raises ``ValueError`` when there are no pixels or the planes differ in size.
    """
    planes = _planes(rgb, alpha)
    deflater = deflater or default_deflater()
    crc = deflater.module.crc32
    segments = [SIGNATURE, *_chunk(b"IHDR", [_header(planes)], crc)]
    for kind, body in _ancillary(icc, exif, coloured=rgb is not None):
        segments += _chunk(kind, [body], crc)
    for pieces in _zlib_stream(planes, deflater, threads):
        segments += _chunk(b"IDAT", pieces, crc)
    return [*segments, *_chunk(b"IEND", [], crc)]


def adler32_combine(first: int, second: int, second_length: int) -> int:
    """The Adler-32 of two byte strings in a row, from the sums of each and the length of the second (as in zlib)."""
    length = second_length % _ADLER_MODULUS
    low = (first & 0xFFFF) + (second & 0xFFFF) - 1
    high = length * (first & 0xFFFF) - length + (first >> 16) + (second >> 16)
    return (high % _ADLER_MODULUS) << 16 | low % _ADLER_MODULUS


# --- which deflate ---------------------------------------------------------------------------------------------


@cache
def default_deflater() -> Deflater:
    """ISA-L where it is installed and right, else zlib; decided once in each process."""
    return first_sound(_candidates())


def first_sound(candidates: Iterable[Deflater]) -> Deflater:
    """The first candidate whose picture zlib reads back unchanged.

    ISA-L has deflated wrongly on one architecture before (its issue 253), and a wrong stream would only be noticed by
    the caller's decoder. Raises ``LookupError`` when none is sound.
    """
    for candidate in candidates:
        if _is_sound(candidate):
            return candidate
    raise LookupError("no deflate implementation gave a correct stream")


def _candidates() -> Iterator[Deflater]:
    with suppress(ImportError):  # a platform without a wheel of it; zlib follows
        yield Deflater("isal", cast("Deflate", import_module("isal.isal_zlib")), level=2)
    yield Deflater("zlib", cast("Deflate", zlib), level=1)


def _is_sound(deflater: Deflater) -> bool:
    """Deflate noise beside flat bytes in two pieces, as strips are, and compare with zlib."""
    data = _probe()
    middle = len(data) // 2
    stream = _deflate([data[:middle]], deflater, last=False) + _deflate([data[middle:]], deflater, last=True)
    try:
        inflated = zlib.decompress(stream, -zlib.MAX_WBITS)
    except zlib.error:
        return False
    sums = deflater.module.adler32(data, 1), deflater.module.crc32(data, 0)
    return inflated == data and sums == (zlib.adler32(data), zlib.crc32(data))


def _probe() -> bytes:
    probe = np.random.default_rng(0).integers(0, 256, (512, 1024), np.uint8)
    probe[:, 512:] = 7
    return probe.tobytes()


# --- strips ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Strip:
    """What one strip became: raw deflate, and what Adler-32 needs to know of the bytes that went in."""

    deflated: bytes
    adler: int
    length: int


def _zlib_stream(planes: Planes, deflater: Deflater, threads: int) -> Iterator[list[bytes]]:
    """The picture as one zlib stream, a list of pieces for each strip."""
    strips = _deflated_strips(planes, deflater, threads)
    adler = 1
    for strip in strips:
        adler = adler32_combine(adler, strip.adler, strip.length)
    heads = [_ZLIB_HEADER, *[b""] * (len(strips) - 1)]
    tails = [*[b""] * (len(strips) - 1), struct.pack(">I", adler)]
    for head, strip, tail in zip(heads, strips, tails, strict=True):
        yield [piece for piece in (head, strip.deflated, tail) if piece]


def _deflated_strips(planes: Planes, deflater: Deflater, threads: int) -> Sequence[_Strip]:
    height, stride = planes[0].shape[0], _stride(planes)
    rows = max(1, _STRIP_BYTES // stride, -(-height // _MAX_STRIPS))
    spans = [range(top, min(top + rows, height)) for top in range(0, height, rows)]
    work = partial(_strip, planes, deflater=deflater)
    if threads <= 1 or len(spans) == 1:
        return [work(span) for span in spans]
    with ThreadPoolExecutor(min(threads, len(spans)), "png") as pool:
        return list(pool.map(work, spans))


def _strip(planes: Planes, span: range, *, deflater: Deflater) -> _Strip:
    row_filter = _best_filter(planes, span, deflater)
    adler, length = 1, 0

    def tiles() -> Iterator[memoryview]:
        nonlocal adler, length
        for tile in _filtered_tiles(planes, span, row_filter):
            adler = deflater.module.adler32(tile, adler)
            length += tile.nbytes
            yield tile

    deflated = _deflate(tiles(), deflater, last=span.stop == planes[0].shape[0])
    return _Strip(deflated, adler, length)


def _deflate(pieces: Iterable[Segment], deflater: Deflater, *, last: bool) -> bytes:
    compressor = deflater.module.compressobj(deflater.level, zlib.DEFLATED, -zlib.MAX_WBITS)
    deflated = [compressor.compress(piece) for piece in pieces]
    return b"".join([*deflated, compressor.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)])


# --- rows and filters ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Filter:
    """One PNG filter type: ``apply(rows, pixel, out)`` filters all ``rows`` but the first, which is the row above them.

    ``rows`` is ``(n + 1, stride)``, ``out`` ``(n, stride)``, ``pixel`` the bytes of one pixel.
    """

    kind: int
    apply: Callable[[Plane, int, Plane], object]


def _none(rows: Plane, pixel: int, out: Plane) -> None:
    np.copyto(out, rows[1:])


def _up(rows: Plane, pixel: int, out: Plane) -> None:
    np.subtract(rows[1:], rows[:-1], out=out)


def _average(rows: Plane, pixel: int, out: Plane) -> None:
    left, above = rows[1:, :-pixel], rows[:-1, pixel:]
    mean = left ^ above  # (a + b) // 2 == (a & b) + ((a ^ b) >> 1), which cannot overflow
    mean >>= 1
    mean += left & above
    np.subtract(rows[1:, pixel:], mean, out=out[:, pixel:])
    np.subtract(rows[1:, :pixel], rows[:-1, :pixel] >> 1, out=out[:, :pixel])


_FILTERS: Final = (_Filter(2, _up), _Filter(3, _average), _Filter(0, _none))


def _best_filter(planes: Planes, span: range, deflater: Deflater) -> _Filter:
    """The filter that deflates a thirty-second of the strip, taken at a few places, to the fewest bytes."""
    rows = max(1, len(span) // (_TRIAL_SHARE * _TRIAL_TILES))
    step = max(rows, len(span) // _TRIAL_TILES)
    samples = [range(top, min(top + rows, span.stop)) for top in span[step // 2 :: step]] or [span]

    def cost(row_filter: _Filter) -> int:
        tiles = (tile for sample in samples for tile in _filtered_tiles(planes, sample, row_filter))
        return len(_deflate(tiles, deflater, last=True))

    return min(_FILTERS, key=cost)


def _filtered_tiles(planes: Planes, span: range, row_filter: _Filter) -> Iterator[memoryview]:
    """Filtered rows, filter bytes included, in a buffer that the next tile overwrites."""
    stride, pixel = _stride(planes), _channels(planes)
    rows = min(len(span), max(1, _TILE_BYTES // stride))
    source = np.empty((rows + 1, planes[0].shape[1], pixel), np.uint8)
    filtered = np.empty((rows, stride + 1), np.uint8)
    filtered[:, 0] = row_filter.kind
    for top in range(span.start, span.stop, rows):
        count = min(rows, span.stop - top)
        _interleave(planes, top, source[: count + 1])
        row_filter.apply(source[: count + 1].reshape(count + 1, stride), pixel, filtered[:count, 1:])
        yield filtered[:count].data


def _interleave(planes: Planes, top: int, out: NDArray[np.uint8]) -> None:
    """Fill ``out`` with the row above ``top`` (zeros above the picture) and the rows from there on."""
    if top == 0:
        out[0] = 0
        out, start = out[1:], 0
    else:
        start = top - 1
    parts = [plane[start : start + len(out)] for plane in planes]
    if len(parts) == 1:
        np.copyto(out, parts[0].reshape(out.shape))
    else:  # twice as fast as mixChannels
        colour, alpha = parts
        cv2.cvtColor(colour, cv2.COLOR_RGB2RGBA, dst=out)
        cv2.insertChannel(alpha, out, 3)


def _planes(rgb: RGB | None, alpha: Plane | None) -> Planes:
    planes = tuple(plane for plane in (rgb, alpha) if plane is not None)
    if not planes or planes[0].size == 0:
        raise ValueError("a PNG needs at least one pixel")
    if len({plane.shape[:2] for plane in planes}) != 1:
        raise ValueError("colour and alpha differ in size")
    return planes


def _channels(planes: Planes) -> int:
    return sum(int(plane.shape[2]) if plane.ndim == 3 else 1 for plane in planes)


def _stride(planes: Planes) -> int:
    return int(planes[0].shape[1]) * _channels(planes)


# --- chunks ----------------------------------------------------------------------------------------------------


def _header(planes: Planes) -> bytes:
    height, width = planes[0].shape[:2]
    return struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[_channels(planes)], 0, 0, 0)


def _ancillary(icc: bytes | None, exif: bytes | None, *, coloured: bool) -> Iterator[tuple[bytes, bytes]]:
    if coloured and icc is not None:
        yield b"iCCP", b"ICC profile\0\0" + zlib.compress(icc)
    elif coloured:
        yield b"sRGB", b"\0"  # rendering intent: perceptual
    if exif is not None:
        yield b"eXIf", exif


def _chunk(kind: bytes, pieces: Sequence[bytes], crc32: Callable[[Segment, int], int]) -> list[Segment]:
    crc = crc32(kind, 0)
    for piece in pieces:
        crc = crc32(piece, crc)
    return [struct.pack(">I", sum(map(len, pieces))) + kind, *pieces, struct.pack(">I", crc)]
