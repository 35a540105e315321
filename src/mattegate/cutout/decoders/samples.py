"""Decoded samples on their way to a picture: still in the file's colour model, 8 bits, not yet turned upright."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mattegate.cutout.picture import RGB, Plane


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Colour as ``(height, width)`` grey, ``(height, width, 3)`` RGB or ``(height, width, 4)`` CMYK with 255 full ink.

    ``alpha`` is straight, shape ``(height, width)``, or ``None``; everything is ``uint8``.
    """

    colour: RGB | Plane
    alpha: Plane | None = None
    notes: tuple[str, ...] = ()

    @property
    def mode(self) -> str:
        """The colour model: ``L``, ``RGB`` or ``CMYK``."""
        return "L" if self.colour.ndim == 2 else {3: "RGB", 4: "CMYK"}[self.colour.shape[2]]


def split(pixels: Plane, notes: tuple[str, ...] = ()) -> Samples:
    """Samples of pixels with 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha) channels."""
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    if channels == 2:
        return Samples(_plane(pixels, 0), _plane(pixels, 1), notes)
    if channels == 4:
        return Samples(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB), np.uint8), _plane(pixels, 3), notes)
    return Samples(pixels.reshape(pixels.shape[:2]) if channels == 1 else pixels, None, notes)


def to_8_bits(values: NDArray[np.uint16]) -> Plane:
    """16-bit samples to the nearest 8-bit ones, which is division by 257."""
    return ((values.astype(np.uint32) * 255 + 32_895) >> 16).astype(np.uint8)


def keyed_alpha(colour: NDArray[np.unsignedinteger], key: int | tuple[int, ...]) -> Plane:
    """The alpha that a colour key (PNG's tRNS) means: 0 where a pixel is exactly the key, 255 elsewhere."""
    same = colour == np.asarray(key)
    return np.where(same.all(axis=2) if colour.ndim == 3 else same, 0, 255).astype(np.uint8)


def _plane(pixels: Plane, channel: int) -> Plane:
    return np.asarray(cv2.extractChannel(pixels, channel), np.uint8)
