"""The guided filter: alpha as a linear function of colour, fitted on cells and applied to pixels.

Around every cell ``alpha = a . rgb + b`` in the sense of least squares (He, Sun and Tang, "Guided Image Filtering",
2013, section 3.4); the fit varies slowly, so that it is found on cells and enlarged (He and Sun, "Fast Guided Filter",
2015). Two things are added, each measured on composites with known alpha (``bench/quality.py``):

* models are averaged over a third of the window they were fitted on, not all of it: finer edges, a lower mean error;
* the contrast that the fit takes from an edge can be given back, within the same linear model. Where alpha is constant
  in a window, be it translucent, nothing changes.

Rules of this file: it fits and applies. Which pixels, which windows and which matte is decided by whoever calls.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mattegate.cutout.cells import Grid, bordered, patches
from mattegate.cutout.picture import RGB, Plane

_EPSILON: Final = 3e-4
"""Variance of colour (0-1) below which a window counts as flat; also what keeps the fit solvable."""
_EDGE_VARIANCE: Final = 0.05
"""Variance of alpha (0-1) in a window from which it is an edge in full; half and half has 0.25."""


def fit(colour: Grid, alpha: Grid, *, radius: int, gain: float) -> Grid:
    """The weights of red, green and blue and the constant for every cell, ``(rows, columns, 4)``.

    ``colour`` is ``(rows, columns, 3)`` and ``alpha`` ``(rows, columns)``, both on a scale of 0 to 1. ``radius`` of the
    windows is in cells; ``gain`` is the contrast given back at an edge, 0 for none.
    """
    mean_colour, mean_alpha = _mean(colour, radius), _mean(alpha, radius)
    covariance = _mean(colour * alpha[..., np.newaxis], radius) - mean_colour * mean_alpha[..., np.newaxis]
    weights = _solved(_colour_covariance(colour, mean_colour, radius), covariance)
    constant = mean_alpha - (weights * mean_colour).sum(-1)
    model = _mean(np.dstack([weights, constant]), radius // 3)
    # alpha + more * (alpha - 1/2) is linear in colour as well
    more = gain * np.clip((_mean(alpha * alpha, radius) - mean_alpha * mean_alpha) / _EDGE_VARIANCE, 0, 1)
    model *= 1 + more[..., np.newaxis]
    model[..., 3] -= more / 2
    return model


def apply(model: Grid, rgb: RGB, wanted: NDArray[np.uint8], cell: int, out: Plane) -> None:
    """Write what the model says of every pixel into ``out``, in and around the cells with a non-zero ``wanted``."""
    height, width = out.shape
    weights = bordered(model * np.float32(1 / 255))
    # RGBA with an opaque alpha of 255 makes the model's constant the weight of a fourth channel
    total = np.full((1, 4), 255, np.float32)
    for patch in patches(wanted, cell, height, width):
        pixels = cv2.cvtColor(rgb[patch.rows, patch.columns], cv2.COLOR_RGB2RGBA)
        levels = cv2.transform(cv2.multiply(patch.of(weights), pixels, dtype=cv2.CV_32F), total)
        out[patch.rows, patch.columns] = np.rint(levels.clip(0, 255)).astype(np.uint8)


def _mean(grid: Grid, radius: int) -> Grid:
    side = 2 * radius + 1
    return np.asarray(cv2.blur(grid, (side, side), borderType=cv2.BORDER_REFLECT), np.float32)


def _colour_covariance(colour: Grid, mean: Grid, radius: int) -> tuple[Grid, ...]:
    """The upper triangle of the windows' covariance matrices of colour, regularised: rr, rg, rb, gg, gb, bb."""
    red, green, blue = _channels(colour)
    r, g, b = _channels(mean)
    rr, rg, rb = (_mean(red * other, radius) for other in (red, green, blue))
    gg, gb, bb = _mean(green * green, radius), _mean(green * blue, radius), _mean(blue * blue, radius)
    flat = np.float32(_EPSILON)
    return rr - r * r + flat, rg - r * g, rb - r * b, gg - g * g + flat, gb - g * b, bb - b * b + flat


def _channels(grid: Grid) -> tuple[Grid, ...]:
    return tuple(np.asarray(channel, np.float32) for channel in cv2.split(grid))


def _solved(matrix: tuple[Grid, ...], vector: Grid) -> Grid:
    """``vector`` over ``matrix``: a symmetric 3 x 3 system in every cell, by cofactors."""
    rr, rg, rb, gg, gb, bb = matrix
    x, y, z = _channels(vector)
    c00, c01, c02 = gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb
    c11, c12, c22 = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    solution = np.dstack([c00 * x + c01 * y + c02 * z, c01 * x + c11 * y + c12 * z, c02 * x + c12 * y + c22 * z])
    return np.asarray(solution / (rr * c00 + rg * c01 + rb * c02)[..., np.newaxis], np.float32)
