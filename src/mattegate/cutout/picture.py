"""Decoded pictures as they walk through the pipeline: from a decoder, through the matte, to an encoder.

Shapes are ``(height, width)`` or ``(height, width, 3)``, dtype ``uint8``, colour order RGB, alpha straight, rows top to
bottom as a person sees them (EXIF orientation already applied).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Plane: TypeAlias = NDArray[np.uint8]
"""One 8-bit channel, shape ``(height, width)``, 0-255."""
RGB: TypeAlias = NDArray[np.uint8]
"""Three interleaved 8-bit channels, shape ``(height, width, 3)``, order red, green, blue."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture in memory.

    ``alpha`` is ``None`` where the picture is opaque throughout. ``icc`` is the profile that ``rgb`` is in, ``None``
    for sRGB. ``exif`` is the TIFF-structured EXIF block without its ``Exif\\0\\0`` prefix and with orientation 1, kept
    only so that it can be written again when the caller asks. ``notes`` are sentences for the caller.
    """

    rgb: RGB
    alpha: Plane | None = None
    icc: bytes | None = None
    exif: bytes | None = None
    notes: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Pixels from left to right."""
        return int(self.rgb.shape[1])

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return int(self.rgb.shape[0])
