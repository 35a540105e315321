"""JPEG through libjpeg-turbo (``simplejpeg``), three times as fast as Pillow and equal to it pixel by pixel.

Strict mode turns every warning of the library into an error, so that a JPEG which ends early or whose data breaks off
in the middle is refused instead of being filled with grey. One warning is harmless: stray bytes before the last marker,
which some cameras write. The library reports the first warning only, and nothing can follow the last marker.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import simplejpeg

from mattegate.cutout.decoders.samples import Samples
from mattegate.cutout.picture import RGB, Plane

_HARMLESS: Final = re.compile(r"Corrupt JPEG data: \d{1,3} extraneous bytes before marker 0xd9")
_SPACES: Final = {1: "GRAY", 3: "RGB", 4: "CMYK"}


def decode(data: bytes | memoryview, channels: int) -> Samples:
    """Decode in full; CMYK comes out as 255 meaning full ink, whichever way Adobe wrote it.

    Raises ``ValueError`` with the library's word on any damage.
    """
    pixels, notes = _decode(data, _SPACES[channels])
    if channels == 4:
        return Samples(255 - pixels, None, notes)
    return Samples(pixels[:, :, 0] if channels == 1 else pixels, None, notes)


def preview(data: bytes | memoryview, side: int) -> RGB:
    """Decode at the smallest scale of the DCT at which both sides still have ``side`` pixels.

    Damage is the full decode's to report; here it only shows as grey.
    """
    pixels: RGB = simplejpeg.decode_jpeg(data, "RGB", min_height=side, min_width=side, strict=False)
    return pixels


def _decode(data: bytes | memoryview, space: str) -> tuple[Plane, tuple[str, ...]]:
    try:
        return simplejpeg.decode_jpeg(data, space), ()
    except ValueError as error:
        if not _HARMLESS.fullmatch(str(error)):
            raise
    pixels = np.asarray(simplejpeg.decode_jpeg(data, space, strict=False))
    return pixels, ("stray bytes at the end of the JPEG data were skipped",)
