"""What an upload is, read from its first bytes and its container's header: the check before any decoder.

The serving process runs this on every upload, so it is plain Python over bytes that nobody has checked; no decoder,
no numpy. How each container is read stands in :mod:`mattegate.cutout.probing`; here stand the formats' marks, and the
limits in the order in which they refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from mattegate.config.settings import MB, UploadSettings
from mattegate.cutout.probing import bmp, gif, isobmff, jpeg, names, naming, png, tiff, webp
from mattegate.cutout.probing.reader import Header
from mattegate.vocabulary.formats import ImageFormat
from mattegate.vocabulary.refusal import Refusal

_READERS: Final[Mapping[ImageFormat, Callable[[memoryview], Header]]] = {
    ImageFormat.JPEG: jpeg.read,
    ImageFormat.PNG: png.read,
    ImageFormat.WEBP: webp.read,
    ImageFormat.AVIF: isobmff.read,
    ImageFormat.HEIC: isobmff.read,
    ImageFormat.TIFF: tiff.read,
    ImageFormat.BMP: bmp.read,
    ImageFormat.GIF: gif.read,
}

_CAMERA_RAW: Final = (b"CR\x02\x00", b"HEAPCCDR")


@dataclass(frozen=True, slots=True)
class Probe:
    """What the header of an image says.

    ``width`` and ``height`` are in pixels as stored, before any EXIF orientation; for AVIF and HEIC they are the
    largest that the file announces. ``channels`` is samples per pixel, with alpha, and 0 where the header does not say.
    """

    format: ImageFormat
    width: int
    height: int
    frames: int = 1
    channels: int = 0
    bits: int = 8

    @property
    def megapixels(self) -> float:
        """Millions of pixels of one frame."""
        return self.width * self.height / 1e6


def sniff(data: bytes | memoryview) -> ImageFormat | None:
    """Which image format the bytes begin like; ``None`` for anything else."""
    view = memoryview(data)
    head = bytes(view[:32])
    if head.startswith(b"\xff\xd8\xff"):
        return ImageFormat.JPEG
    if head.startswith(png.SIGNATURE):
        return ImageFormat.PNG
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return ImageFormat.WEBP
    if head.startswith((b"GIF87a", b"GIF89a")):
        return ImageFormat.GIF
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")) and head[8:12] not in _CAMERA_RAW:
        return ImageFormat.TIFF
    return ImageFormat.BMP if _is_bmp(head) else isobmff.brand(view)


def probe(data: bytes | memoryview) -> Probe:
    """Read the header of an image.

    Raises :class:`Refusal` ``upload.type`` for what is no image, ``upload.truncated``, ``upload.corrupt`` and
    ``upload.unsupported``; nothing else, whatever the bytes are.
    """
    return _probe(memoryview(data), _kind(memoryview(data)))


def check_upload(data: bytes | memoryview, *, filename: str | None, limits: UploadSettings) -> Probe:
    """Read the header and apply every limit, so that no decoder sees a byte of what is not wanted.

    Raises :class:`Refusal` with, in this order, ``upload.empty``, ``.too_large``, ``.type``, ``.type_disabled``,
    ``.name``, ``.truncated``, ``.corrupt``, ``.unsupported``, ``.side``, ``.pixels``, ``.frames``.
    """
    view = memoryview(data)
    _check_bytes(len(view), limits)
    kind = _kind(view)
    _check_type(kind, limits)
    _check_name(filename, kind)
    found = _probe(view, kind)
    _check_sizes(found, limits)
    return found


def _is_bmp(head: bytes) -> bool:
    """``BM`` begins many a text, so the information header's length has to be one that exists."""
    if not head.startswith(b"BM"):
        return False
    return int.from_bytes(head[14:18], "little") in bmp.HEADER_SIZES or (len(head) < 18 and not any(head[6:10]))


def _kind(view: memoryview) -> ImageFormat:
    kind = sniff(view)
    if kind is None:
        found = "a camera raw file" if bytes(view[8:12]) in _CAMERA_RAW else naming.describe(view)
        raise Refusal("upload.type", found=found)
    return kind


def _probe(view: memoryview, kind: ImageFormat) -> Probe:
    header = _READERS[kind](view)
    if not (header.width and header.height):
        raise Refusal("upload.corrupt", format=naming.label(kind), problem=f"size {header.width} × {header.height}")
    return Probe(kind, header.width, header.height, header.frames, header.channels, header.bits)


def _check_bytes(size: int, limits: UploadSettings) -> None:
    if not size:
        raise Refusal("upload.empty")
    if size > limits.max_bytes:
        raise Refusal("upload.too_large", limit_mb=limits.max_bytes / MB, read_bytes=size, declared_bytes=size)


def _check_type(kind: ImageFormat, limits: UploadSettings) -> None:
    if kind not in limits.types:
        accepted = ", ".join(naming.label(accepted) for accepted in limits.types)
        raise Refusal("upload.type_disabled", found=naming.phrase(kind), accepted=accepted)


def _check_name(filename: str | None, kind: ImageFormat) -> None:
    if filename and names.lies(filename, kind):
        raise Refusal("upload.name", name=names.shown(filename), found=naming.phrase(kind))


def _check_sizes(found: Probe, limits: UploadSettings) -> None:
    size: dict[str, object] = {"width": found.width, "height": found.height}
    if max(found.width, found.height) > limits.max_side:
        raise Refusal("upload.side", limit=limits.max_side, **size)
    if found.megapixels > limits.max_megapixels:
        raise Refusal("upload.pixels", megapixels=found.megapixels, limit_mp=limits.max_megapixels, **size)
    if found.frames > limits.max_frames:
        raise Refusal("upload.frames", frames=found.frames, limit=limits.max_frames)
