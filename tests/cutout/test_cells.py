"""Shrinking to cells and enlarging in patches."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.cutout.cells import bordered, box_around, patches, shrunk

SIDES = st.integers(1, 150)
CELLS = st.integers(1, 16)


@given(height=SIDES, width=SIDES, cell=CELLS)
def test_patches_cover_every_pixel_once(height: int, width: int, cell: int) -> None:
    """With every cell wanted, no pixel is left out or written twice, whatever is cut off at the sides."""
    wanted = np.ones((-(-height // cell), -(-width // cell)), np.uint8)
    count = np.zeros((height, width), int)
    for patch in patches(wanted, cell, height, width):
        count[patch.rows, patch.columns] += 1
    assert (count == 1).all()


@given(height=SIDES, width=SIDES, cell=CELLS)
def test_constants_survive(height: int, width: int, cell: int) -> None:
    """A picture of one colour is that colour in every cell and at every pixel again."""
    grid = shrunk(np.full((height, width), 51, np.uint8), cell)
    assert grid.shape == (-(-height // cell), -(-width // cell))
    for patch in patches(np.ones(grid.shape, np.uint8), cell, height, width):
        values = patch.of(bordered(grid))
        assert values.shape == (patch.rows.stop - patch.rows.start, patch.columns.stop - patch.columns.start)
        assert np.allclose(values, 0.2, atol=1e-6)


def test_enlarging_in_patches_is_enlarging_at_once() -> None:
    """Where patches meet there is no seam: the values are those of one bilinear resize."""
    cell, rows, columns = 5, 60, 80
    grid = np.random.default_rng(0).random((rows, columns, 4)).astype(np.float32)
    whole = cv2.resize(grid, (columns * cell, rows * cell), interpolation=cv2.INTER_LINEAR)
    for patch in patches(np.ones((rows, columns), np.uint8), cell, rows * cell, columns * cell):
        assert np.allclose(patch.of(bordered(grid)), whole[patch.rows, patch.columns], atol=1e-5)


def test_unwanted_cells_are_spared() -> None:
    """One wanted cell makes one patch, not a picture."""
    wanted = np.zeros((100, 100), np.uint8)
    wanted[50, 70] = 1
    (patch,) = patches(wanted, 4, 400, 400)
    assert patch.rows.start <= 200 < patch.rows.stop
    assert patch.columns.start <= 280 < patch.columns.stop
    assert (patch.rows.stop - patch.rows.start) * (patch.columns.stop - patch.columns.start) <= 64 * 64


@pytest.mark.parametrize(("height", "width"), [(12, 16), (13, 18), (3, 2)])
def test_means_of_cut_off_cells(height: int, width: int) -> None:
    """A cell that is cut off has the mean of the pixels it has."""
    raster = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    last = raster[(height - 1) // 4 * 4 :, (width - 1) // 4 * 4 :]
    assert np.allclose(shrunk(raster, 4)[-1, -1], last.mean((0, 1)) / 255, atol=1 / 255)


def test_box_is_kept_within_the_picture() -> None:
    """The margin ends at the sides; an empty mask has an empty box."""
    mask = np.zeros((20, 30), np.uint8)
    assert box_around(mask, margin=5) == (slice(0), slice(0))
    mask[2, 28] = 1
    assert box_around(mask, margin=5) == (slice(0, 8), slice(23, 30))
