"""Work at the resolution of square cells of pixels: shrink a picture to one value per cell, enlarge results in patches.

What varies slowly (a local colour model, the colour of a background) is found on few cells and applied to many pixels,
and only where it is wanted. Cells are aligned with the picture's top left corner; those at the right and the bottom may
be cut off. Nothing here knows what the values mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Grid: TypeAlias = NDArray[np.float32]
"""One value, or a vector of them, per cell; shape ``(rows, columns)`` or ``(rows, columns, channels)``."""

LARGEST_CELL: Final = 16
"""In larger cells a single odd pixel would vanish from an 8-bit mean."""

_PATCH: Final = 64
"""Side in pixels of the squares that patches are made of: they stay in the cache and are worth a call."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A rectangle of cells, ends excluded, and the pixels that they cover."""

    cell: int
    top: int
    bottom: int
    left: int
    right: int
    rows: slice
    columns: slice

    def of(self, bordered: Grid) -> Grid:
        """The values at every pixel of the patch, bilinearly between the centres of cells; float32.

        ``bordered`` is the grid as :func:`bordered` makes it.
        """
        around = bordered[self.top : self.bottom + 2, self.left : self.right + 2]
        size = (around.shape[1] * self.cell, around.shape[0] * self.cell)
        values = cv2.resize(around, size, interpolation=cv2.INTER_LINEAR)[self.cell :, self.cell :]
        height, width = self.rows.stop - self.rows.start, self.columns.stop - self.columns.start
        return np.asarray(values[:height, :width], np.float32)


def box_around(mask: NDArray[np.uint8], *, margin: int) -> tuple[slice, slice]:
    """Rows and columns of the box around all non-zero pixels, widened by ``margin`` within the picture.

    Both slices are empty where every pixel is zero.
    """
    left, top, width, height = cv2.boundingRect(mask)
    if not width:
        return slice(0), slice(0)
    rows = slice(max(0, top - margin), min(mask.shape[0], top + height + margin))
    return rows, slice(max(0, left - margin), min(mask.shape[1], left + width + margin))


def shrunk(raster: NDArray[np.uint8], cell: int) -> Grid:
    """The mean of every cell of ``cell`` x ``cell`` pixels, on a scale of 0 to 1 in steps of 1/255.

    Whole cells and cut-off ones are averaged apart, because OpenCV is seven times faster where the ratio is whole, and
    three times faster again where it is two; so even cells are halved first, which may round a mean up by one step.
    """
    height, width = raster.shape[:2]
    means = np.empty((-(-height // cell), -(-width // cell), *raster.shape[2:]), np.uint8)
    for (top, bottom), (left, right) in product(_parts(height, cell), _parts(width, cell)):
        part = means[top // cell : -(-bottom // cell), left // cell : -(-right // cell)]
        part[:] = _averaged(raster[top:bottom, left:right], cell, part.shape[1], part.shape[0]).reshape(part.shape)
    return means * np.float32(1 / 255)


def _averaged(raster: NDArray[np.uint8], cell: int, width: int, height: int) -> NDArray[np.uint8]:
    while cell % 2 == 0 and raster.shape[:2] == (height * cell, width * cell):
        cell //= 2
        raster = _by_areas(raster, width * cell, height * cell)
    return raster if cell == 1 else _by_areas(raster, width, height)


def _by_areas(raster: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(raster, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def bordered(grid: Grid) -> Grid:
    """The grid with its outermost cells repeated, so that every pixel has cells on all sides."""
    return np.asarray(cv2.copyMakeBorder(grid, 1, 1, 1, 1, cv2.BORDER_REPLICATE), np.float32)


def patches(wanted: NDArray[np.uint8], cell: int, height: int, width: int) -> Iterator[Patch]:
    """Patches that together cover every cell with a non-zero ``wanted``, each once, in a picture of that size."""
    step = max(1, _PATCH // cell)
    for top in range(0, wanted.shape[0], step):
        bottom = min(top + step, wanted.shape[0])
        rows = slice(top * cell, min(bottom * cell, height))
        for left, right in _runs(np.asarray(wanted[top:bottom].any(axis=0)), step):
            columns = slice(left * cell, min(right * cell, width))
            yield Patch(cell, top, bottom, left, right, rows, columns)


def _parts(length: int, cell: int) -> list[tuple[int, int]]:
    """The stretch of whole cells and the rest, whichever there are."""
    return list(pairwise(sorted({0, length // cell * cell, length})))


def _runs(flags: NDArray[np.bool_], step: int) -> Iterator[tuple[int, int]]:
    """Where groups of ``step`` flags with a true one among them begin and end, neighbouring groups together."""
    groups = np.logical_or.reduceat(flags, np.arange(0, len(flags), step))
    turns = np.flatnonzero(np.diff(groups, prepend=False, append=False))
    for first, last in turns.reshape(-1, 2).tolist():
        yield first * step, min(last * step, len(flags))
