"""The subject's own colours at its edge."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

from bench.composites import composites, mixed
from bench.quality import colour_error
from mattegate.cutout.foreground import decontaminate
from mattegate.cutout.picture import RGB, Plane

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40)
RED, GREEN = (200, 30, 40), (10, 180, 60)


def flat(colour: tuple[int, int, int], side: int = 200) -> RGB:
    """A picture of one colour."""
    return np.full((side, side, 3), colour, np.uint8)


def soft_disc(side: int = 200) -> Plane:
    """Alpha of a disc whose edge is some twenty pixels wide."""
    alpha = np.zeros((side, side), np.uint8)
    cv2.circle(alpha, (side // 2, side // 2), side // 3, 255, -1)
    return np.asarray(cv2.GaussianBlur(alpha, (0, 0), 5), np.uint8)


def test_no_fringe_of_the_old_background() -> None:
    """A red disc cut from green is red throughout its edge, so that it is nothing else over white, black or green."""
    alpha = soft_disc()
    cleaned = decontaminate(mixed(flat(RED), alpha, flat(GREEN)), alpha)
    for level in ((255, 255, 255), (0, 0, 0), (0, 255, 0)):
        shown, wanted = (mixed(colours, alpha, flat(level)).astype(int) for colours in (cleaned, flat(RED)))
        assert np.abs(shown - wanted).max() <= 12
        assert np.abs(shown - wanted)[alpha > 0].mean() < 1


def test_colours_of_photographs_come_nearer() -> None:
    """On composites of photographs the edge colours' error is less than half of what the picture's own colours have."""
    for each in composites(5):
        assert each.foreground is not None
        cleaned = colour_error(decontaminate(each.rgb, each.alpha), each.alpha, each.foreground)
        assert cleaned < 0.5 * colour_error(each.rgb, each.alpha, each.foreground)


@given(matte=hnp.arrays(np.uint8, SHAPES))
def test_opaque_pixels_keep_their_colours(matte: Plane) -> None:
    """From one pixel upwards: what is opaque stays as it is, and the array given is not written to."""
    rgb = np.random.default_rng(0).integers(0, 256, (*matte.shape, 3), np.uint8)
    kept = rgb.copy()
    cleaned = decontaminate(rgb, matte)
    assert (cleaned.shape, cleaned.dtype.name) == (rgb.shape, "uint8")
    assert np.array_equal(cleaned[matte == 255], rgb[matte == 255])
    assert np.array_equal(rgb, kept)


@pytest.mark.parametrize("level", [0, 255])
def test_without_an_edge_nothing_is_copied(level: int) -> None:
    """A matte without translucent pixels needs no other colours."""
    rgb = flat(RED)
    assert decontaminate(rgb, np.full((200, 200), level, np.uint8)) is rgb


def test_far_pixels_stay() -> None:
    """Colours far outside the edge are not touched."""
    rgb = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
    alpha = np.zeros((400, 400), np.uint8)
    alpha[:100, :100] = soft_disc(100)
    cleaned = decontaminate(rgb, alpha)
    assert np.array_equal(cleaned[200:], rgb[200:])
    assert np.array_equal(cleaned[:, 200:], rgb[:, 200:])


def test_the_subjects_colour_bleeds_outwards() -> None:
    """Just beyond the edge stands the subject's colour, for whoever scales the picture."""
    alpha = soft_disc()
    cleaned = decontaminate(mixed(flat(RED), alpha, flat(GREEN)), alpha)
    rim = (cv2.dilate(alpha, np.ones((5, 5), np.uint8)) > 0) & (alpha == 0)
    assert np.abs(cleaned[rim].astype(int) - RED).max() <= 24
