"""The arithmetic of straight alpha, against the same arithmetic in exact numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mattegate.cutout.alpha import (
    BLEED_PIXELS,
    fill_hidden,
    hide_colours,
    over,
    over_colour,
    over_translucent,
    scale_straight,
    spread_colours,
)
from mattegate.vocabulary.options import Colour


def _every_pair() -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Colours, alphas and backgrounds in which every alpha meets every colour."""
    draw = np.random.default_rng(5)
    alpha = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 256, axis=1)
    rgb = np.dstack([np.repeat(np.arange(256, dtype=np.uint8)[None], 256, axis=0)] * 3)
    return rgb, alpha, draw.integers(0, 256, rgb.shape, np.uint8)


def test_over_rounds_every_product_to_the_nearest() -> None:
    """Laying over an opaque background equals the exact mean, rounded, for every colour and alpha."""
    rgb, alpha, background = _every_pair()
    weight = alpha[..., None].astype(np.int64)
    exact = (rgb * weight + background * (255 - weight) + 127) // 255
    np.testing.assert_array_equal(over(rgb, alpha, background), exact)


def test_over_something_translucent_is_straight_again() -> None:
    """Colours are the means by visibility, and the alphas add up as Porter and Duff have it."""
    rgb, alpha, background = _every_pair()
    below = background[..., 0].copy()
    out, out_alpha = over_translucent(rgb, alpha, background, below)
    front = alpha.astype(np.float64) * 255
    back = below.astype(np.float64) * (255 - alpha.astype(np.float64))
    seen = (front + back) > 0
    exact = (rgb * front[..., None] + background * back[..., None]) / np.maximum(front + back, 1)[..., None]
    assert np.abs(out - exact)[seen].max() <= 0.501
    assert np.abs(out_alpha - (front + back) / 255).max() <= 0.501


def test_a_colour_hides_nothing_unless_it_is_opaque() -> None:
    """An opaque colour leaves no alpha; a translucent one shows through where nothing covers it."""
    rgb, alpha, _ = _every_pair()
    flat, none = over_colour(rgb, alpha, Colour(9, 8, 7))
    assert none is None
    np.testing.assert_array_equal(flat[0], np.full((256, 3), (9, 8, 7)))
    np.testing.assert_array_equal(flat[255], rgb[255])
    _, kept = over_colour(rgb, alpha, Colour(9, 8, 7, 100))
    assert kept is not None
    assert (kept[0] == 100).all()
    assert (kept[255] == 255).all()


def test_scaling_keeps_one_colour_one_colour() -> None:
    """A red shape over hidden blue stays red at every size, up and down, and its alpha stays in range."""
    alpha = np.zeros((97, 131), np.uint8)
    alpha[20:70, 30:90] = 255
    alpha[25:60, 85:100] = 90
    rgb = np.where(alpha[..., None] > 0, (200, 16, 12), (0, 0, 255)).astype(np.uint8)
    for width, height in ((60, 44), (131, 96), (300, 250), (7, 5), (1, 1)):
        colours, scaled = scale_straight(rgb, alpha, width, height)
        seen = colours[scaled > 0].astype(int)
        assert np.abs(seen - (200, 16, 12)).max() <= 4
        assert np.abs(colours[scaled >= 16].astype(int) - (200, 16, 12)).max() <= 1
        assert scaled.shape == (height, width)


def test_hidden_pixels_hold_nothing_of_the_background() -> None:
    """Two pictures that differ only where they are transparent become the same bytes."""
    draw = np.random.default_rng(8)
    alpha = np.zeros((60, 80), np.uint8)
    alpha[10:40, 20:50] = draw.integers(0, 3, (30, 30), np.uint8) * 127
    one = draw.integers(0, 256, (60, 80, 3), np.uint8)
    two = np.where(alpha[..., None] > 0, one, draw.integers(0, 256, one.shape, np.uint8))
    for treat in (hide_colours, fill_hidden):
        np.testing.assert_array_equal(treat(one, alpha), treat(two, alpha))
        np.testing.assert_array_equal(treat(one, alpha)[alpha > 0], one[alpha > 0])


def test_colours_bleed_a_little_and_then_end() -> None:
    """The subject's colour continues just beyond its edge, up to the picture's border, and black follows."""
    alpha = np.zeros((20, 20), np.uint8)
    alpha[8:12, 0:5] = 255
    rgb = np.full((20, 20, 3), (10, 200, 30), np.uint8)
    hidden = hide_colours(rgb, alpha)
    assert (hidden[9, 5 : 5 + BLEED_PIXELS] == (10, 200, 30)).all()
    assert not hidden[9, 5 + BLEED_PIXELS :].any()
    assert (hidden[8 - BLEED_PIXELS : 8, 0] == (10, 200, 30)).all()
    assert not hidden[: 8 - BLEED_PIXELS].any()


def test_extremes_have_nothing_to_hide_or_to_show() -> None:
    """An opaque picture is unchanged, and an empty one is black, whichever way it is filled."""
    rgb = np.random.default_rng(2).integers(0, 256, (9, 7, 3), np.uint8)
    np.testing.assert_array_equal(hide_colours(rgb, np.full((9, 7), 255, np.uint8)), rgb)
    assert not hide_colours(rgb, np.zeros((9, 7), np.uint8)).any()
    assert not fill_hidden(rgb, np.zeros((9, 7), np.uint8)).any()


def test_spreading_takes_nothing_from_unknown_pixels() -> None:
    """A white subject in a grey picture leaves no halo: only grey flows into its place."""
    known = np.full((120, 160), 255, np.uint8)
    known[30:90, 50:110] = 0
    rgb = np.where(known[..., None] > 0, (90, 91, 92), 255).astype(np.uint8)
    for sigma in (0.4, 3.0, 12.0):
        spread = spread_colours(rgb, known, sigma=sigma).astype(int)
        assert np.abs(spread - (90, 91, 92)).max() <= 1
