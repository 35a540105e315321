"""Everything that Pillow reads, and the one place where Pillow is configured.

Pillow's global settings are made here at import and never again: no pixel limit of its own, because
:mod:`mattegate.cutout.probe` has applied ours; no tolerance for truncated files; and neither warnings
nor log lines, because what they say is either an error of ours or none.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping
from functools import cache
from io import BytesIO
from types import MappingProxyType
from typing import Final

import numpy as np
from PIL import Image, ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from mattegate.cutout.decoders.opencv import DEEP_NOTE
from mattegate.cutout.decoders.samples import Samples, keyed_alpha, split, to_8_bits
from mattegate.vocabulary.formats import ImageFormat
from mattegate.vocabulary.refusal import Refusal

Image.MAX_IMAGE_PIXELS = None
ImageFile.LOAD_TRUNCATED_IMAGES = False
warnings.filterwarnings("ignore", module=r"PIL\.")
logging.getLogger("PIL").setLevel(logging.CRITICAL)

_UNREADABLE: Final = MappingProxyType(
    {
        "F": "floating-point samples",
        "I": "32-bit or signed samples",
        "LAB": "CIELAB colour",
        "HSV": "HSV colour",
    }
)

_KEY_SCALE: Final = MappingProxyType({2: 85, 4: 17})
"""Pillow spreads the pixels of 2- and 4-bit grey over 0-255, but not PNG's colour key."""


def open_image(data: bytes | memoryview, image_format: ImageFormat) -> Image.Image:
    """Read the header, as this format only; a JPEG with more pictures behind it is still that JPEG.

    Raises :class:`Refusal` ``option.extra_missing`` for HEIC without its extra, and whatever Pillow raises.
    """
    if image_format is ImageFormat.HEIC:
        _register_heic()
        return Image.open(BytesIO(data), formats=("HEIF",))
    if image_format is ImageFormat.JPEG:
        return JpegImageFile(BytesIO(data))
    return Image.open(BytesIO(data), formats=(image_format.upper(),))


def samples(image: Image.Image, bits: int = 8) -> Samples:
    """Decode the first frame; ``bits`` is how many the file keeps per channel.

    Raises ``NotImplementedError`` with the feature's name for samples that have no 8-bit meaning, and whatever
    Pillow raises.
    """
    image.load()
    if image.mode in _UNREADABLE:
        raise NotImplementedError(_UNREADABLE[image.mode])
    return _BY_MODE.get(image.mode, _as_rgb)(image, bits)


@cache
def _register_heic() -> None:
    try:
        import pillow_heif  # noqa: PLC0415 - an optional extra, loaded only where HEIC is enabled
    except ImportError:
        raise Refusal("option.extra_missing", option="heic", extra="heic") from None
    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)


def _plain(image: Image.Image, bits: int) -> Samples:
    """Grey and RGB, with or without alpha, and PNG's colour key."""
    pixels = np.asarray(image)
    key = image.info.get("transparency")
    if image.mode not in ("L", "RGB") or not isinstance(key, int | tuple):
        return split(pixels)
    if isinstance(key, int):
        key *= _KEY_SCALE.get(bits, 1)
    return Samples(pixels, keyed_alpha(pixels, key))


def _bilevel(image: Image.Image, _bits: int) -> Samples:
    grey = image.convert("L")
    grey.info = image.info
    return _plain(grey, 8)


def _palette(image: Image.Image, _bits: int) -> Samples:
    has_alpha = image.mode == "PA" or "transparency" in image.info
    return split(np.asarray(image.convert("RGBA" if has_alpha else "RGB")))


def _premultiplied(image: Image.Image, _bits: int) -> Samples:
    return split(np.asarray(image.convert("RGBA" if image.mode == "RGBa" else "LA")))


def _deep_grey(image: Image.Image, _bits: int) -> Samples:
    deep = np.asarray(image).astype(np.uint16)
    key = image.info.get("transparency")
    alpha = keyed_alpha(deep, key) if isinstance(key, int) else None
    return Samples(to_8_bits(deep), alpha, (DEEP_NOTE,))


def _cmyk(image: Image.Image, _bits: int) -> Samples:
    return Samples(np.asarray(image))


def _as_rgb(image: Image.Image, _bits: int) -> Samples:
    return Samples(np.asarray(image.convert("RGB")))


_BY_MODE: Final[Mapping[str, Callable[[Image.Image, int], Samples]]] = {
    **dict.fromkeys(("L", "LA", "RGB", "RGBA"), _plain),
    **dict.fromkeys(("P", "PA"), _palette),
    **dict.fromkeys(("RGBa", "La"), _premultiplied),
    **dict.fromkeys(("I;16", "I;16L", "I;16B", "I;16N"), _deep_grey),
    "1": _bilevel,
    "CMYK": _cmyk,
}
