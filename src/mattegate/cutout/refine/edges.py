"""Edges of a matte that follow the picture, in a small share of the time that the network takes.

A network sees the picture at a few hundred pixels a side, so that its matte, enlarged, is soft and a little beside the
edge. The guided filter (:mod:`.guided`) moves it onto the picture's own edge and sharpens it there.

Rules of this file: where and how far edges are looked for. What a network is and what an image format is are not known
here; how soft the matte is is measured from the matte.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from mattegate.cutout.cells import LARGEST_CELL, Grid, box_around, shrunk
from mattegate.cutout.picture import RGB, Plane
from mattegate.cutout.refine import guided

_REACH: Final = 1 / 80
"""How far an edge may be beside its place, as a share of the longer side: four pixels of a network of 320."""
_REACH_IN_WIDTHS: Final = 1.6
"""… and in widths of the matte's own edges, so that the crisp matte of a finer network is moved less."""
_CRISP: Final = 3.0
"""Edges up to this width in pixels are as sharp as a picture's own; they are left alone."""
_CELLS_PER_REACH: Final = 6
_GAIN: Final = 0.15
"""Contrast given back at an edge: more lowers the mean error further, and raises the gradient error again."""
_SOFT: Final = (3, 252)
"""The levels from and to which a pixel is neither surely background nor surely subject."""
_SAMPLES: Final = 400_000
"""Pixels on which the width of the edges is measured; whole rows are left out in larger pictures."""


def refine_edges(rgb: RGB, matte: Plane) -> Plane:
    """The matte with its soft edges moved onto the edges of the picture and sharpened there.

    ``rgb`` is ``(height, width, 3)`` uint8, ``matte`` and the result ``(height, width)`` uint8. A matte without soft
    edges comes back as it is. Time grows with the box around the soft pixels; beside the result a few megabytes are
    needed at any size.
    """
    width = edge_width(matte)
    if width <= _CRISP:
        return matte
    reach = max(2, round(min(max(matte.shape) * _REACH, width * _REACH_IN_WIDTHS)))
    rows, columns = box_around(np.asarray(cv2.inRange(matte, *_SOFT), np.uint8), margin=2 * reach)
    if not matte[rows, columns].size:
        return matte
    refined = matte.copy()
    _refine(rgb[rows, columns], matte[rows, columns], refined[rows, columns], reach)
    return refined


def edge_width(matte: Plane) -> float:
    """In how many pixels the matte's edges go from 0 to 1, steep edges counting most; 0 where there is no edge.

    A ramp of width ``w`` has the slope ``1 / w`` over ``w`` pixels, so that the sum of slopes over the sum of their
    squares is ``w``, however long the edge. Haze has hardly any slope and so hardly a say.
    """
    step = -(-matte.size // _SAMPLES)
    here, above, below = matte[1:-1:step], matte[:-2:step], matte[2::step]
    if min(here[:, 1:-1].shape) == 0:
        return 0.0
    sideways = cv2.subtract(here[:, 2:], here[:, :-2], dtype=cv2.CV_32F)
    down = cv2.subtract(below[:, 1:-1], above[:, 1:-1], dtype=cv2.CV_32F)
    slope = cv2.magnitude(sideways, down) / (2 * 255)
    squares = float(np.vdot(slope, slope))
    return float(slope.sum()) / squares if squares else 0.0


def _refine(rgb: RGB, matte: Plane, refined: Plane, reach: int) -> None:
    """Write what colour says of the alpha near soft edges into ``refined``; ``reach`` is in pixels."""
    cell = min(max(1, reach // _CELLS_PER_REACH), LARGEST_CELL)
    radius = max(1, round(reach / cell))
    alpha = shrunk(matte, cell)
    model = guided.fit(shrunk(rgb, cell), alpha, radius=radius, gain=_GAIN)
    guided.apply(model, rgb, _near_edges(alpha, radius), cell, refined)


def _near_edges(alpha: Grid, radius: int) -> Plane:
    """Non-zero for the cells whose windows see something soft."""
    soft = cv2.inRange(alpha, (_SOFT[0] - 0.5) / 255, (_SOFT[1] + 0.5) / 255)
    side = 2 * radius + 1
    return np.asarray(cv2.dilate(soft, np.ones((side, side), np.uint8)), np.uint8)
