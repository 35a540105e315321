"""From encoded bytes to a :class:`~mattegate.cutout.picture.Picture`: which decoder, what its failures are called.

The rules for every picture, whatever its format:

1. Only what :mod:`mattegate.cutout.probe` has passed gets here, and what is decoded must be what was probed.
2. A picture is complete or refused; no decoder may fill missing rows.
3. Out come 8 bits, RGB, straight alpha, upright; what had to be decided or dropped for that is said in a note.
4. RGB profiles other than sRGB travel with the picture; grey and CMYK are converted, since the answer is RGB.

Everything here is safe to call from several threads at once; two threads may use one :class:`Source`, one for its
preview and one for its full decode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from mattegate.cutout import colour, exif
from mattegate.cutout.decoders import opencv, pillow, png, turbo
from mattegate.cutout.decoders.samples import Samples
from mattegate.cutout.picture import RGB, Picture, Plane
from mattegate.cutout.probe import Probe
from mattegate.cutout.probing.naming import label
from mattegate.vocabulary.formats import ImageFormat
from mattegate.vocabulary.refusal import Refusal

_PREVIEW_FROM: Final = 4_000_000
"""Below this many pixels a preview and a full decode beside the network take longer than a full decode before it."""

_CUT_SHORT: Final = ("truncated", "premature end", "not enough image data", "end of file", "buffer is not large")
"""Words by which decoders say that data is missing rather than wrong; both refuse, only the sentence differs."""

_DESCRIPTIVE_TAGS: Final = (270, 271, 272, 305, 306, 315, 33432)
"""What a TIFF says about its picture, not its layout: description, make, model, software, date, artist, rights."""

_ASSOCIATED_ALPHA: Final = (1,)
_EXTRA_SAMPLES: Final = 338


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """An image whose header is read and whose pixels are not decoded yet."""

    data: bytes | memoryview
    probe: Probe
    header: Image.Image

    @property
    def icc(self) -> bytes | None:
        """The RGB profile that a preview is in; ``None`` for sRGB."""
        return _rgb_profile(self.header.info.get("icc_profile"))

    @property
    def orientation(self) -> int:
        """The EXIF orientation 1-8 that still has to be applied to decoded pixels.

        Pillow turns TIFF itself, and libheif HEIC; for AVIF Pillow reports the container's turn as EXIF.
        """
        return exif.orientation(self._exif_block or b"")

    def preview(self, side: int) -> RGB | None:
        """A small upright RGB picture with both sides at least ``side`` pixels, in the profile :attr:`icc`.

        ``None`` where there is no way to have it much cheaper than :meth:`decode`. Damage beyond the header goes
        unnoticed; that is for the full decode. Raises :class:`Refusal` ``upload.corrupt``.
        """
        cheap = self.probe.format is ImageFormat.JPEG and self.probe.channels == 3
        large = self.probe.width * self.probe.height >= _PREVIEW_FROM
        if not (cheap and large and min(self.probe.width, self.probe.height) >= 2 * side):
            return None
        with _typed_failures(self.probe.format):
            return _turned(turbo.preview(self.data, side), self.orientation)

    def decode(self) -> Picture:
        """The full picture.

        Raises :class:`Refusal` ``upload.truncated``, ``upload.corrupt`` or ``upload.unsupported``; ``MemoryError``
        passes, because it says nothing about the image.
        """
        with _typed_failures(self.probe.format):
            samples = self._samples()
            _check_size(self.probe, samples.colour.shape[1], samples.colour.shape[0])
            return self._picture(samples)

    def _samples(self) -> Samples:
        """The pixels, by the quickest decoder that is strict about this kind of image."""
        still = self.probe.frames == 1
        match self.probe.format:
            case ImageFormat.JPEG:
                return turbo.decode(self.data, self.probe.channels)
            case ImageFormat.WEBP if still:
                return opencv.decode(self.data)
            case ImageFormat.PNG:
                return self._png_samples(in_colour=still and self.probe.channels >= 3)
        samples = pillow.samples(self.header, self.probe.bits)
        return opencv.decode(self.data) if _loses_bits(self.probe, self.header) else samples

    def _png_samples(self, *, in_colour: bool) -> Samples:
        """OpenCV is quicker and keeps 16 bits, but knows neither keyed grey nor grey profiles nor APNG."""
        png.verify_checksums(self.data)
        if in_colour:
            return opencv.decode(self.data)
        png.verify_rows(self.data)
        if self.probe.channels == 2 and self.probe.bits == 16:
            grey = opencv.decode(self.data)
            return replace(grey, colour=np.ascontiguousarray(grey.colour[:, :, 0]))
        return pillow.samples(self.header, self.probe.bits)

    @property
    def _exif_block(self) -> bytes | None:
        """The EXIF block that came with the image, without its prefix."""
        block = png.exif(self.data) if self.probe.format is ImageFormat.PNG else self.header.info.get("exif")
        return block.removeprefix(exif.PREFIX) if isinstance(block, bytes) else None

    def _kept_exif(self) -> tuple[bytes | None, tuple[str, ...]]:
        """The block to be written again, and a note where there was one that cannot be."""
        if isinstance(self.header, TiffImageFile):
            return _tiff_exif(self.header), ()
        block = self._exif_block
        kept = exif.upright(block) if block else None
        return kept, ("the EXIF data is damaged and was dropped",) if block and kept is None else ()

    def _picture(self, samples: Samples) -> Picture:
        picture = _in_rgb(samples, self.header.info.get("icc_profile"))
        block, exif_notes = self._kept_exif()
        orientation, frames = self.orientation, self.probe.frames
        frame_notes = (f"the first of {frames} frames was used",) if frames > 1 else ()
        return replace(
            picture,
            rgb=_turned(picture.rgb, orientation),
            alpha=None if picture.alpha is None else _turned(picture.alpha, orientation),
            exif=block,
            notes=(*frame_notes, *picture.notes, *exif_notes),
        )


def open_source(data: bytes | memoryview, probe: Probe) -> Source:
    """Read the header once more, with the library that will decode, and insist that it sees the same picture.

    Raises :class:`Refusal` ``upload.truncated``, ``upload.corrupt``, ``upload.unsupported``, and
    ``option.extra_missing`` for HEIC where its extra is not installed.
    """
    with _typed_failures(probe.format):
        header = pillow.open_image(data, probe.format)
    _check_size(probe, *header.size)
    return Source(data, probe, header)


@contextmanager
def _typed_failures(image_format: ImageFormat) -> Iterator[None]:
    """Whatever a decoder raises over hostile bytes becomes a refusal; decoders raise nearly everything."""
    try:
        yield
    except (Refusal, MemoryError):
        raise
    except NotImplementedError as error:
        raise Refusal("upload.unsupported", format=label(image_format), feature=str(error)) from error
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
        code = "truncated" if any(word in problem.lower() for word in _CUT_SHORT) else "corrupt"
        raise Refusal(f"upload.{code}", format=label(image_format), problem=problem) from error


def _check_size(probe: Probe, width: int, height: int) -> None:
    """Refuse ``upload.corrupt`` unless the decoder's size is the probed one.

    TIFF may come turned by its orientation. AVIF and HEIC may come turned or cropped, and never larger.
    """
    size, promised = (width, height), (probe.width, probe.height)
    turned = size == promised[::-1]
    if probe.format in (ImageFormat.AVIF, ImageFormat.HEIC):
        agrees = max(size) <= max(promised) and min(size) <= min(promised)
    else:
        agrees = size == promised or (turned and probe.format is ImageFormat.TIFF)
    if not agrees:
        problem = f"header says {probe.width} × {probe.height}, the decoder {width} × {height}"
        raise Refusal("upload.corrupt", format=label(probe.format), problem=problem)


def _loses_bits(probe: Probe, loaded: Image.Image) -> bool:
    """Whether Pillow has cut a TIFF's 16 bits per colour channel to 8, which OpenCV rounds instead."""
    return (
        isinstance(loaded, TiffImageFile)
        and probe.bits == 16
        and loaded.mode in ("RGB", "RGBA")
        and loaded.tag_v2.get(_EXTRA_SAMPLES) != _ASSOCIATED_ALPHA
    )


def _in_rgb(samples: Samples, icc: bytes | None) -> Picture:
    """The samples as RGB, with what had to be said on the way."""
    mode, notes = samples.mode, samples.notes
    if icc and not _fits(icc, mode):
        icc, notes = None, (*notes, "the colour profile is damaged or of another kind and was ignored")
    if mode == "CMYK":
        notes = (*notes, "CMYK was converted to sRGB" + ("" if icc else " without a profile"))
    alpha = samples.alpha
    if alpha is not None and int(alpha.min()) == 255:
        alpha = None
    return Picture(_to_rgb(samples.colour, mode, icc), alpha, _rgb_profile(icc), None, notes)


def _fits(icc: bytes, mode: str) -> bool:
    """Whether a profile is for such samples; grey may carry an RGB one, as many tools leave it."""
    return colour.usable(icc, mode) or (mode == "L" and colour.usable(icc, "RGB"))


def _to_rgb(pixels: Plane, mode: str, icc: bytes | None) -> RGB:
    if mode == "L":
        return colour.grey_to_srgb(pixels, icc)
    return colour.cmyk_to_srgb(pixels, icc) if mode == "CMYK" else pixels


def _rgb_profile(icc: bytes | None) -> bytes | None:
    """The profile, if it is an RGB one that works and does not mean sRGB."""
    return icc if icc and colour.usable(icc, "RGB") and not colour.is_srgb(icc) else None


def _tiff_exif(header: TiffImageFile) -> bytes | None:
    block = Image.Exif()
    for tag in _DESCRIPTIVE_TAGS:
        if isinstance(value := header.tag_v2.get(tag), str):
            block[tag] = value
    return block.tobytes().removeprefix(exif.PREFIX) if len(block) else None


def _turned(plane: Plane, orientation: int) -> Plane:
    """The plane turned upright by its EXIF orientation, C-contiguous."""
    if orientation in (5, 7):
        plane = np.asarray(cv2.transpose(plane), np.uint8)
    turns: dict[int, Callable[[], cv2.typing.MatLike]] = {
        2: lambda: cv2.flip(plane, 1),
        3: lambda: cv2.rotate(plane, cv2.ROTATE_180),
        4: lambda: cv2.flip(plane, 0),
        6: lambda: cv2.rotate(plane, cv2.ROTATE_90_CLOCKWISE),
        7: lambda: cv2.rotate(plane, cv2.ROTATE_180),
        8: lambda: cv2.rotate(plane, cv2.ROTATE_90_COUNTERCLOCKWISE),
    }
    return np.ascontiguousarray(turns[orientation]() if orientation in turns else plane, np.uint8)
