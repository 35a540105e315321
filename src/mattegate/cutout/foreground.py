"""The subject's own colours where the old background shines through its edge.

A pixel of the picture is ``alpha * foreground + (1 - alpha) * background``. With straight alpha the edge must carry the
foreground alone, or the old background comes along as a dark or coloured fringe. The estimate is blur-fusion (Forte,
"Approximate Fast Foreground Colour Estimation", ICIP 2021): the mean colours of subject and background around a pixel,
weighted by alpha, corrected by what the pixel itself says. The means are found on cells, in three passes that go from
far to near, and only what lies near an edge is written.

Rules of this file: colours in, colours out; the matte is taken as it is.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from mattegate.cutout.cells import LARGEST_CELL, Grid, bordered, box_around, patches, shrunk
from mattegate.cutout.picture import RGB, Plane

_CELLS_A_SIDE: Final = 400
"""The longer side has about as many cells, so that the colours of a strand of hair still have cells of their own."""
_RADII: Final = (24, 6, 1)
"""Radius in cells of each pass: the first bridges wide edges, the later ones find detail."""
_SHARPNESS: Final = 4
"""The power of alpha by which a cell is trusted: sure ones above all."""
_DOUBT: Final = 1e-4
"""Weight of unsure pixels where there are no sure ones."""


def decontaminate(rgb: RGB, matte: Plane) -> RGB:
    """The colours of the subject: those of ``rgb``, but at the edge without the background's share.

    ``rgb`` is ``(height, width, 3)`` uint8, ``matte`` ``(height, width)`` uint8. The result is a new array, or ``rgb``
    itself where no pixel is translucent. Opaque pixels keep their colours to the bit; transparent ones near an edge
    take the subject's, for whoever scales the picture.
    """
    cell = min(max(1, round(max(matte.shape) / _CELLS_A_SIDE)), LARGEST_CELL)
    rows, columns = box_around(_translucent(matte), margin=cell * max(_RADII))
    if not matte[rows, columns].size:
        return rgb
    cleaned = rgb.copy()
    _clean(cleaned[rows, columns], matte[rows, columns], cell)
    return cleaned


def _clean(rgb: RGB, matte: Plane, cell: int) -> None:
    """Write the foreground wherever the matte is translucent, and around it."""
    edge = np.asarray(cv2.dilate(shrunk(_translucent(matte), cell), np.ones((3, 3), np.uint8)) > 0, np.uint8)
    alphas = np.asarray(cv2.merge([shrunk(matte, cell)] * 3), np.float32)
    near, far = _means(shrunk(rgb, cell), alphas)
    subject, contrast = bordered(near * np.float32(255)), bordered(near - far)
    for patch in patches(edge, cell, *matte.shape):
        pixels = rgb[patch.rows, patch.columns]
        alpha = np.asarray(cv2.merge([matte[patch.rows, patch.columns]] * 3), np.uint8)
        pixels[:] = _own(np.ascontiguousarray(pixels), alpha, patch.of(subject), patch.of(contrast))


def _own(pixels: RGB, alpha: RGB, near: Grid, contrast: Grid) -> RGB:
    """The mean ``near``, corrected by what of each pixel it and the background do not explain.

    Forte's ``near + a (pixel - a near - (1 - a) far)`` is ``(1 - a) (near + a contrast) + a pixel``, which needs fewer
    passes. ``near`` is on a scale of 0 to 255, ``contrast``, ``near - far``, on one of 0 to 1; ``alpha`` is given for
    each channel.
    """
    own = np.asarray(cv2.multiply(alpha, contrast, dtype=cv2.CV_32F), np.float32)
    own += near
    cv2.multiply(~alpha, own, dst=own, dtype=cv2.CV_32F)
    cv2.accumulateProduct(pixels, alpha, own)
    return np.asarray(cv2.convertScaleAbs(np.maximum(own, 0, out=own), alpha=1 / 255), np.uint8)


def _translucent(matte: Plane) -> Plane:
    return np.asarray(cv2.inRange(matte, 1, 254), np.uint8)


def _means(seen: Grid, alpha: Grid) -> tuple[Grid, Grid]:
    """The mean foreground and background around every cell; ``alpha`` is given for each channel of ``seen``."""
    beyond = 1 - alpha
    solid, clear = _trust(alpha), _trust(beyond)
    near, far = _mean(seen, solid, _RADII[0]), _mean(seen, clear, _RADII[0])
    for radius in _RADII[1:]:
        unexplained = seen - alpha * near - beyond * far
        near = _mean((near + alpha * unexplained).clip(0, 1), solid, radius)
        far = _mean((far + beyond * unexplained).clip(0, 1), clear, radius)
    return near, far


def _trust(weight: Grid) -> Grid:
    """How much every cell has to say about a layer of which it shows ``weight``."""
    return np.asarray(cv2.pow(weight, _SHARPNESS) + (_DOUBT * weight + _DOUBT * _DOUBT), np.float32)


def _mean(colour: Grid, trust: Grid, radius: int) -> Grid:
    size = (2 * radius + 1, 2 * radius + 1)
    weights = cv2.blur(np.ascontiguousarray(trust[:, :, 0]), size)
    return np.asarray(cv2.divide(cv2.blur(colour * trust, size), cv2.merge([weights] * 3)), np.float32)
