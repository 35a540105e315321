"""Edges of a matte that follow the picture: a colour guided filter on cells, applied at full resolution.

A network sees the picture at a few hundred pixels a side, so that its matte, enlarged, is soft and a little beside the
edge. Around every cell alpha is modelled as linear in colour, ``alpha = a . rgb + b`` (He, Sun and Tang, "Guided Image
Filtering", 2013, section 3.4); the model is fitted on cells and applied to the pixels (He and Sun, "Fast Guided
Filter", 2015). Two things are added, each measured on composites with known alpha (``bench/quality.py``):

* models are averaged over a third of the window they were fitted on, not all of it: finer edges, a lower mean error;
* the contrast that the filter takes from an edge is given back, within the same linear model. Where the matte is
  constant, be it translucent, nothing changes.

Rules of this file: the matte in, the matte out. What a network is and what an image format is are not known here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from mattegate.cutout.cells import Grid, enlarged, shrunk
from mattegate.cutout.picture import RGB, Plane

_REACH: Final = 1 / 80
"""How far an edge may be beside its place, as a share of the longer side: four pixels of a network of 320."""
_REACH_IN_WIDTHS: Final = 1.6
"""… and in widths of the matte's own edges, so that the crisp matte of a finer network is moved less."""
_CRISP: Final = 3.0
"""Edges up to this width in pixels are as sharp as a picture's own; they are left alone."""
_CELLS_PER_REACH: Final = 6
_EPSILON: Final = 1e-4
"""Variance of colour (0-1) below which a window counts as flat; also what keeps the fit solvable."""
_GAIN: Final = 0.2
"""Contrast given back at an edge."""
_EDGE_VARIANCE: Final = 0.05
"""Variance of alpha (0-1) in a window from which it is an edge in full; half and half has 0.25."""
_SOFT: Final = (3, 252)
"""Levels between which a pixel is neither surely background nor surely subject."""
_SAMPLES: Final = 400_000


@dataclass(frozen=True, slots=True)
class _Box:
    """A part of the picture, in pixels."""

    rows: slice
    columns: slice


def refine_edges(rgb: RGB, matte: Plane) -> Plane:
    """The matte with its soft edges moved onto the edges of the picture and sharpened there.

    ``rgb`` is ``(height, width, 3)`` uint8, ``matte`` and the result ``(height, width)`` uint8. A matte without soft
    edges comes back as it is. Time and memory grow with the box around the soft pixels; working memory is a few
    megabytes at any size.
    """
    reach = _reach(matte)
    box = None if reach is None else _soft_box(matte, margin=2 * reach)
    if reach is None or box is None:
        return matte
    refined = matte.copy()
    guided_upsample(
        rgb[box.rows, box.columns], matte[box.rows, box.columns], refined[box.rows, box.columns], reach=reach
    )
    return refined


def guided_upsample(rgb: RGB, matte: Plane, refined: Plane, *, reach: int, gain: float = _GAIN) -> None:
    """Fit alpha to colour on cells and write what the fit says of every pixel into ``refined``.

    ``reach`` is the radius of the fitted window in pixels. The three planes have one shape.
    """
    cell = max(1, reach // _CELLS_PER_REACH)
    model = _colour_model(shrunk(rgb, cell), shrunk(matte, cell), radius=max(1, round(reach / cell)), gain=gain)
    model[..., :3] *= 1 / 255
    # RGBA with an opaque alpha of 255 makes the model's constant the weight of a fourth channel
    model[..., 3] *= 1 / 255
    total = np.full((1, 4), 255, np.float32)
    height, width = matte.shape
    for rows, weights in enlarged(model, cell, height, width):
        pixels = cv2.cvtColor(rgb[rows], cv2.COLOR_RGB2RGBA)
        alpha = cv2.transform(cv2.multiply(weights, pixels, dtype=cv2.CV_32F), total)
        refined[rows] = np.rint(alpha.clip(0, 255)).astype(np.uint8)


def _reach(matte: Plane) -> int | None:
    """The radius in pixels within which edges are looked for; ``None`` where they are crisp already."""
    width = _edge_width(matte)
    if width <= _CRISP:
        return None
    return max(2, round(min(max(matte.shape) * _REACH, width * _REACH_IN_WIDTHS)))


def _edge_width(matte: Plane) -> float:
    """The pixels in which the matte's edges go from 0 to 1, steep edges counting most; 0 where there is none.

    For a ramp of width ``w`` the slope is ``1 / w`` over ``w`` pixels, so that the sum of slopes over the sum of their
    squares is ``w`` whatever the length of the edge. Flat haze has hardly any slope and so hardly a say.
    """
    step = -(-matte.size // _SAMPLES)
    lines, above, below = matte[1:-1:step], matte[:-2:step], matte[2::step]
    if not lines[:, 1:-1].size:
        return 0.0
    sideways = cv2.subtract(lines[:, 2:], lines[:, :-2], dtype=cv2.CV_32F)
    down = cv2.subtract(below[:, 1:-1], above[:, 1:-1], dtype=cv2.CV_32F)
    slope = cv2.magnitude(sideways, down) / (2 * 255)
    steepness = float(np.vdot(slope, slope))
    return float(slope.sum()) / steepness if steepness else 0.0


def _soft_box(matte: Plane, *, margin: int) -> _Box | None:
    """The box around all soft pixels, widened by ``margin``; ``None`` where there are none."""
    left, top, width, height = cv2.boundingRect(cv2.inRange(matte, *_SOFT))
    if not width:
        return None
    rows = slice(max(0, top - margin), min(matte.shape[0], top + height + margin))
    columns = slice(max(0, left - margin), min(matte.shape[1], left + width + margin))
    return _Box(rows, columns)


def _colour_model(colour: Grid, alpha: Grid, *, radius: int, gain: float) -> Grid:
    """The weights of red, green and blue and the constant of every cell, ``(rows, columns, 4)``."""
    mean_colour, mean_alpha = _mean(colour, radius), _mean(alpha, radius)
    covariance = _mean(colour * alpha[..., np.newaxis], radius) - mean_colour * mean_alpha[..., np.newaxis]
    weights = _solve(_colour_covariance(colour, mean_colour, radius), covariance)
    constant = mean_alpha - (weights * mean_colour).sum(-1)
    model = _mean(np.dstack([weights, constant]), radius // 3)
    # alpha' = alpha + more * (alpha - 1/2) is linear in colour as well
    more = gain * np.clip((_mean(alpha * alpha, radius) - mean_alpha * mean_alpha) / _EDGE_VARIANCE, 0, 1)
    model *= 1 + more[..., np.newaxis]
    model[..., 3] -= more / 2
    return model


def _mean(grid: Grid, radius: int) -> Grid:
    side = 2 * radius + 1
    return np.asarray(cv2.blur(grid, (side, side), borderType=cv2.BORDER_REFLECT), np.float32)


def _colour_covariance(colour: Grid, mean: Grid, radius: int) -> tuple[Grid, ...]:
    """The upper triangle of the windows' covariance matrices of colour, regularised: rr, rg, rb, gg, gb, bb."""
    red, green, blue = cv2.split(colour)
    products = cv2.merge([red * red, red * green, red * blue]), cv2.merge([green * green, green * blue, blue * blue])
    r, g, b = cv2.split(mean)
    rr, rg, rb = cv2.split(_mean(products[0], radius))
    gg, gb, bb = cv2.split(_mean(products[1], radius))
    flat = np.float32(_EPSILON)
    return rr - r * r + flat, rg - r * g, rb - r * b, gg - g * g + flat, gb - g * b, bb - b * b + flat


def _solve(matrix: tuple[Grid, ...], vector: Grid) -> Grid:
    """``matrix`` inverted by its cofactors, times ``vector``; a symmetric 3 x 3 system in every cell."""
    rr, rg, rb, gg, gb, bb = matrix
    x, y, z = cv2.split(vector)
    c00, c01, c02 = gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb
    c11, c12, c22 = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    solved = np.dstack([c00 * x + c01 * y + c02 * z, c01 * x + c11 * y + c12 * z, c02 * x + c12 * y + c22 * z])
    return np.asarray(solved / (rr * c00 + rg * c01 + rb * c02)[..., np.newaxis], np.float32)
