"""Finished pixels to bytes, one function for each output format.

Rules of this file: the formats and their limits; pixels are only touched where a format cannot hold what there is.
Adding a format is one entry in :data:`_ENCODERS` and, where it has one, in :data:`_MAX_SIDE`.

Choices, measured at 12 MP on two cores, with a cut-out that covers 45 per cent:

* PNG by :mod:`.png`, 0.08 s, 1.05 to 1.16 times the bytes of Pillow's default, which takes 2 to 3 s.
* WebP at method 1: 1.1 s, half the bytes of method 0 (0.8 s) and 16 per cent more than method 4 (1.5 s).
  Quality 100 means lossless, which is what WebP has it for; the fastest effort, because greater ones take seconds.
* AVIF at speed 10: 0.5 s, 7 per cent more than speed 8 (0.7 s). The quality is the encoder's own scale.
* JPEG by libjpeg-turbo, 4:2:0. It has no transparency: where no background was asked for, it is white.
* ZIP holds ``color.jpg``, whose transparent parts continue the visible colours smoothly so that no dark rim is smeared
  into the edge, and ``alpha.png``; both are compressed already, so they are stored, under a fixed date.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np
import simplejpeg
from PIL import Image

from mattegate.cutout.alpha import fill_hidden, over_colour
from mattegate.cutout.picture import RGB, Plane
from mattegate.cutout.png import Segment, encode_png
from mattegate.cutout.rendered import Rendered
from mattegate.vocabulary.options import Colour, CutoutOptions, OutputFormat
from mattegate.vocabulary.refusal import Refusal

FLATTENED: Final = "JPEG has no transparency, so the cut-out was placed on white"
EXIF_LEFT_OUT: Final = "the EXIF block is larger than a JPEG can hold and was left out"

_WHITE: Final = Colour(255, 255, 255)
_MAX_SIDE: Final = MappingProxyType(
    {OutputFormat.WEBP: 16_383, OutputFormat.AVIF: 65_536, OutputFormat.JPEG: 65_535, OutputFormat.ZIP: 65_535}
)
"""The longest side that a format can hold, in pixels: RFC 9649, AV1 section 5.5, ITU-T T.81."""
_SEGMENT_BYTES: Final = 65_533
_ICC_PIECE: Final = 65_519
_ZIP_DATE: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """An encoded answer in pieces, in order; ``notes`` are sentences for the caller."""

    segments: tuple[Segment, ...]
    media_type: str
    notes: tuple[str, ...] = ()


def encode(rendered: Rendered, options: CutoutOptions, threads: int) -> Encoded:
    """Encode in the format that the options name.

    Raises :class:`Refusal` ``request.option`` when the picture is larger than the format can hold.
    """
    _refuse_oversize(rendered, options.format)
    segments, notes = _ENCODERS[options.format](rendered, options, threads)
    return Encoded(segments, options.format.media_type, (*rendered.notes, *notes))


def _refuse_oversize(rendered: Rendered, kind: OutputFormat) -> None:
    limit = _MAX_SIDE.get(kind)
    if limit is not None and max(rendered.shape) > limit:
        size = f"{rendered.width} × {rendered.height}"
        problem = f"the answer is {size} pixels and {kind} holds at most {limit} a side; png holds more"
        raise Refusal("request.option", option="format", value=str(kind), problem=problem)


# --- one function for each format ------------------------------------------------------------------------------

_Result = tuple[tuple[Segment, ...], tuple[str, ...]]


def _png(rendered: Rendered, options: CutoutOptions, threads: int) -> _Result:
    del options  # lossless: there is no quality to choose
    segments = encode_png(rendered.rgb, rendered.alpha, icc=rendered.icc, exif=rendered.exif, threads=threads)
    return tuple(segments), ()


def _webp(rendered: Rendered, options: CutoutOptions, threads: int) -> _Result:
    del threads  # the encoder behind Pillow has none
    if options.quality == 100:
        return _by_pillow(rendered, "WEBP", lossless=True, quality=0, method=0), ()
    return _by_pillow(rendered, "WEBP", quality=options.quality, method=1), ()


def _avif(rendered: Rendered, options: CutoutOptions, threads: int) -> _Result:
    return _by_pillow(rendered, "AVIF", quality=options.quality, speed=10, max_threads=threads), ()


def _jpeg(rendered: Rendered, options: CutoutOptions, threads: int) -> _Result:
    del threads  # libjpeg-turbo has none
    exif = rendered.exif
    notes: tuple[str, ...] = ()
    if exif is not None and len(exif) > _SEGMENT_BYTES - 6:
        exif, notes = None, (EXIF_LEFT_OUT,)
    if rendered.rgb is None:
        return tuple(_jpeg_segments(_jpeg_of_mask(rendered.plane, options.quality), None, exif)), notes
    rgb = rendered.rgb
    if rendered.alpha is not None:
        rgb, _ = over_colour(rgb, rendered.alpha, _WHITE)
        notes = (FLATTENED, *notes)
    return tuple(_jpeg_segments(_jpeg_of_colours(rgb, options.quality), rendered.icc, exif)), notes


def _zip(rendered: Rendered, options: CutoutOptions, threads: int) -> _Result:
    if rendered.rgb is None or rendered.alpha is None:
        raise Refusal("request.option", option="format", value="zip", problem="there are not both colour and alpha")
    filled = replace(rendered, rgb=fill_hidden(rendered.rgb, rendered.alpha), alpha=None)
    colour, notes = _jpeg(filled, options, threads)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, segments in (
            ("color.jpg", colour),
            ("alpha.png", encode_png(None, rendered.alpha, threads=threads)),
        ):
            archive.writestr(zipfile.ZipInfo(name, _ZIP_DATE), b"".join(segments))
    return (buffer.getbuffer(),), notes


_Encoder = Callable[[Rendered, CutoutOptions, int], _Result]
_ENCODERS: Final[Mapping[OutputFormat, _Encoder]] = MappingProxyType(
    {
        OutputFormat.PNG: _png,
        OutputFormat.WEBP: _webp,
        OutputFormat.AVIF: _avif,
        OutputFormat.JPEG: _jpeg,
        OutputFormat.ZIP: _zip,
    }
)


# --- Pillow ----------------------------------------------------------------------------------------------------


def _by_pillow(rendered: Rendered, kind: str, **how: object) -> tuple[Segment, ...]:
    embedded = {"icc_profile": rendered.icc, "exif": rendered.exif}
    buffer = io.BytesIO()
    _image(rendered).save(buffer, kind, **how, **{name: block for name, block in embedded.items() if block})
    return (buffer.getbuffer(),)


def _image(rendered: Rendered) -> Image.Image:
    if rendered.rgb is None or rendered.alpha is None:
        return Image.fromarray(rendered.plane)
    rgba = np.empty((*rendered.shape, 4), np.uint8)
    cv2.mixChannels([rendered.rgb, rendered.alpha], [rgba], [0, 0, 1, 1, 2, 2, 3, 3])
    return Image.fromarray(rgba)


# --- JPEG ------------------------------------------------------------------------------------------------------


def _jpeg_of_colours(rgb: RGB, quality: int) -> bytes:
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(rgb), quality, "RGB", "420"))


def _jpeg_of_mask(mask: Plane, quality: int) -> bytes:
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(mask)[..., np.newaxis], quality, "GRAY", "Gray"))


def _jpeg_segments(jpeg: bytes, icc: bytes | None, exif: bytes | None) -> Iterator[Segment]:
    """The JPEG with its profile and EXIF block after the JFIF header, as Exif 3.0 and ICC.1 annex B.4 place them."""
    jfif_end = 4 + struct.unpack_from(">H", jpeg, 4)[0]
    yield jpeg[:jfif_end]
    if exif is not None:
        yield _app(1, b"Exif\0\0" + exif)
    pieces = [icc[at : at + _ICC_PIECE] for at in range(0, len(icc), _ICC_PIECE)] if icc else []
    for number, piece in enumerate(pieces, 1):
        yield _app(2, b"ICC_PROFILE\0" + bytes([number, len(pieces)]) + piece)
    yield memoryview(jpeg)[jfif_end:]


def _app(number: int, body: bytes) -> bytes:
    return bytes([0xFF, 0xE0 + number]) + struct.pack(">H", len(body) + 2) + body
