"""Work at the resolution of square cells of pixels: shrink a picture to one value per cell, enlarge a result in strips.

What varies slowly (a local colour model, the colour of a background) is found on few cells and applied to many pixels.
Cells are aligned with the picture's top left corner; those at the right and the bottom may be cut off. Nothing here
knows what the values mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, product
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Grid: TypeAlias = NDArray[np.float32]
"""One value, or a vector of them, per cell; shape ``(rows, columns)`` or ``(rows, columns, channels)``."""

_STRIP_ROWS: Final = 64
"""Pixel rows that are enlarged at once: small enough to stay in the cache, large enough to be worth a call."""


def shrunk(raster: NDArray[np.uint8], cell: int) -> Grid:
    """The mean of every cell of ``cell`` x ``cell`` pixels, on a scale of 0 to 1.

    Whole cells and cut-off ones are averaged apart, because OpenCV is seven times faster where the ratio is whole.
    """
    height, width = raster.shape[:2]
    means = np.empty((-(-height // cell), -(-width // cell), *raster.shape[2:]), np.uint8)
    for (top, bottom), (left, right) in product(_parts(height, cell), _parts(width, cell)):
        rows, columns = slice(top // cell, -(-bottom // cell)), slice(left // cell, -(-right // cell))
        size = (columns.stop - columns.start, rows.stop - rows.start)
        part = cv2.resize(raster[top:bottom, left:right], size, interpolation=cv2.INTER_AREA)
        means[rows, columns] = part.reshape(means[rows, columns].shape)
    return np.asarray(means * np.float32(1 / 255), np.float32)


def enlarged(grid: Grid, cell: int, height: int, width: int) -> Iterator[tuple[slice, Grid]]:
    """The grid at ``height`` x ``width`` pixels, bilinearly between the centres of cells: row slices with their values.

    A strip is float32 and lives until the next one, so that a large picture never exists as floats.
    """
    bordered = cv2.copyMakeBorder(grid, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    columns = bordered.shape[1] * cell
    step = max(1, _STRIP_ROWS // cell)
    for row in range(0, grid.shape[0], step):
        around = bordered[row : row + step + 2]
        values = cv2.resize(around, (columns, len(around) * cell), interpolation=cv2.INTER_LINEAR)
        rows = slice(row * cell, min((row + step) * cell, height))
        yield rows, np.asarray(values[cell : cell + rows.stop - rows.start, cell : cell + width], np.float32)


def _parts(length: int, cell: int) -> list[tuple[int, int]]:
    """The stretch of whole cells and the rest, whichever there are."""
    edges = sorted({0, length // cell * cell, length})
    return list(pairwise(edges))
