"""What OpenCV does better than Pillow: still WebP and coloured PNG, quicker and strict, and 16 bits per channel."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from mattegate.cutout.decoders.samples import Samples, split, to_8_bits
from mattegate.cutout.picture import Plane

DEEP_NOTE: Final = "16 bits per channel were reduced to 8"

_TO_RGB: Final = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}


def decode(data: bytes | memoryview) -> Samples:
    """Decode with every channel and all bits; 16 bits are rounded to 8, and said so.

    Raises ``ValueError`` where OpenCV gives up, and for more than 4 channels.
    """
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ValueError("the decoder rejects the data")
    if pixels.ndim == 3:
        pixels = _rgb(pixels)
    if pixels.dtype == np.uint16:
        return split(to_8_bits(pixels.astype(np.uint16, copy=False)), (DEEP_NOTE,))
    if pixels.dtype != np.uint8:
        raise ValueError(f"samples of type {pixels.dtype}")
    return split(pixels.astype(np.uint8, copy=False))


def _rgb(pixels: cv2.typing.MatLike) -> Plane:
    channels = pixels.shape[2]
    if channels not in _TO_RGB:
        raise ValueError(f"{channels} channels")
    return np.asarray(cv2.cvtColor(pixels, _TO_RGB[channels]))
