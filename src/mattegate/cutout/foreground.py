"""The subject's own colours where the old background shines through its edge.

A pixel of the picture is ``alpha * foreground + (1 - alpha) * background``. With straight alpha the edge must carry the
foreground alone, or the old background comes along as a dark or coloured fringe. The estimate is blur-fusion (Forte,
"Approximate Fast Foreground Colour Estimation", ICIP 2021): the mean colours of subject and background around a pixel,
weighted by alpha, corrected by what the pixel itself says. The means are found on cells, in three passes that go from
far to near, and only edge pixels are written.

Rules of this file: colours in, colours out; the matte is taken as it is.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from mattegate.cutout.cells import Grid, enlarged, shrunk
from mattegate.cutout.picture import RGB, Plane

_CELLS_A_SIDE: Final = 400
"""The longer side has about as many cells, so that the colours of a strand of hair still have cells of their own."""
_PASSES: Final = ((8, 4), (3, 2), (1, 2))
"""Radius in cells and sharpness of each pass: the first trusts sure pixels most, the later ones find detail."""
_DOUBT: Final = 1e-4
"""Weight of unsure pixels where there are no sure ones."""
_BLEED: Final = 2
"""Pixels beyond the edge that take the subject's colour as well, for whoever scales the picture."""


def decontaminate(rgb: RGB, matte: Plane) -> RGB:
    """The colours of the subject: those of ``rgb``, but at the edge without the background's share.

    ``rgb`` is ``(height, width, 3)`` uint8, ``matte`` ``(height, width)`` uint8, the result like ``rgb``. Opaque pixels
    keep their colours to the bit, and so do transparent ones further than two pixels from the edge.
    """
    edge = _edge(matte)
    left, top, width, height = cv2.boundingRect(edge)
    if not width:
        return rgb
    around = max(1, round(max(matte.shape) / _CELLS_A_SIDE)) * _PASSES[0][0]
    rows = slice(max(0, top - around), top + height + around)
    columns = slice(max(0, left - around), left + width + around)
    cleaned = rgb.copy()
    _clean(cleaned[rows, columns], matte[rows, columns], edge[rows, columns], cell=around // _PASSES[0][0])
    return cleaned


def _edge(matte: Plane) -> Plane:
    """Non-zero where a pixel is neither opaque nor far from everything that is seen."""
    side = 2 * _BLEED + 1
    near = cv2.dilate(matte, np.ones((side, side), np.uint8))
    return np.asarray(cv2.bitwise_and(near, cv2.compare(matte, 255, cv2.CMP_LT)), np.uint8)


def _clean(rgb: RGB, matte: Plane, edge: Plane, *, cell: int) -> None:
    """Write the foreground into the edge pixels of ``rgb``."""
    means = _means(shrunk(rgb, cell), shrunk(matte, cell)[..., np.newaxis]) * 255
    height, width = matte.shape
    for rows, colours in enlarged(means, cell, height, width):
        here = np.flatnonzero(edge[rows])
        seen = rgb[rows].reshape(-1, 3)[here].astype(np.float32)
        alpha = (matte[rows].reshape(-1)[here] / np.float32(255))[:, np.newaxis]
        foreground, background = np.split(colours.reshape(-1, 6)[here], 2, axis=1)
        foreground += alpha * (seen - alpha * foreground - (1 - alpha) * background)
        rgb[rows][edge[rows] > 0] = np.rint(foreground.clip(0, 255)).astype(np.uint8)


def _means(seen: Grid, alpha: Grid) -> Grid:
    """The mean foreground and background around every cell, ``(rows, columns, 6)``; ``alpha`` is ``(rows, columns, 1)``."""
    foreground = background = near = far = seen
    for radius, sharpness in _PASSES:
        near = _weighted_mean(foreground, alpha, radius, sharpness)
        far = _weighted_mean(background, 1 - alpha, radius, sharpness)
        unexplained = seen - alpha * near - (1 - alpha) * far
        foreground = (near + alpha * unexplained).clip(0, 1)
        background = (far + (1 - alpha) * unexplained).clip(0, 1)
    return np.concatenate([near, far], axis=-1)


def _weighted_mean(colour: Grid, weight: Grid, radius: int, sharpness: int) -> Grid:
    trust = weight**sharpness + _DOUBT * weight + _DOUBT * _DOUBT
    size = (2 * radius + 1, 2 * radius + 1)
    mean = cv2.blur(colour * trust, size) / cv2.blur(trust, size)[..., np.newaxis]
    return np.asarray(mean, np.float32)
