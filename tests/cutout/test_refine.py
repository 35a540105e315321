"""Refinement of mattes: what must improve, and what must stay as it was."""

from __future__ import annotations

import sys

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bench.composites import Composite, composites
from bench.quality import score
from mattegate.cutout.picture import RGB, Plane
from mattegate.cutout.refine import REFINERS
from mattegate.cutout.refine.edges import edge_width, refine_edges
from mattegate.cutout.refine.matting import NOT_SOLVED, NOTHING_SURE, Solved, refine_matting, trimap_of
from mattegate.vocabulary.options import Refine
from mattegate.vocabulary.refusal import Refusal

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40)


def noise(height: int, width: int) -> RGB:
    """A picture without any structure."""
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def coarse(alpha: Plane) -> Plane:
    """The matte as a network of 100 pixels a side would see it, enlarged again: soft, and off by part of a pixel."""
    small = cv2.resize(alpha, (100, 100), interpolation=cv2.INTER_AREA)
    height, width = alpha.shape
    return np.asarray(cv2.resize(cv2.GaussianBlur(small, (0, 0), 1), (width, height)), np.uint8)


def blurred(plane: Plane, sigma: float) -> Plane:
    """The plane with soft edges."""
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.uint8)


def halved(raster: Plane | RGB) -> Plane | RGB:
    """Half as wide and half as high."""
    return np.asarray(cv2.resize(raster, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)


def disc(side: int = 200) -> tuple[RGB, Plane]:
    """A red disc on grey, with a hard edge, and its alpha."""
    alpha = np.zeros((side, side), np.uint8)
    cv2.circle(alpha, (side // 2, side // 2), side // 3, 255, -1)
    rgb = np.where(alpha[..., np.newaxis] > 0, np.array([200, 30, 40]), np.array([120, 125, 130])).astype(np.uint8)
    return rgb, alpha


@pytest.fixture(scope="module")
def photographs() -> list[Composite]:
    """A few photographs with known alpha, at a quarter of their pixels."""
    return [Composite(each.name, each.group, halved(each.rgb), halved(each.alpha)) for each in composites(6)]


def test_edges_come_nearer_to_known_alpha(photographs: list[Composite]) -> None:
    """Over photographs with sharp, soft and hairy edges the gradient error falls, and the mean error does not rise."""
    before = [score(coarse(each.alpha), each.alpha) for each in photographs]
    after = [score(refine_edges(each.rgb, coarse(each.alpha)), each.alpha) for each in photographs]
    pairs = list(zip(after, before, strict=True))
    assert np.mean([a.gradient / b.gradient for a, b in pairs]) < 0.8
    assert np.mean([a.mean / b.mean for a, b in pairs]) < 1


def test_edge_moves_onto_the_pictures_edge() -> None:
    """A soft edge beside a clear one in the picture is moved onto it and sharpened."""
    rgb, alpha = disc(640)
    soft = blurred(np.roll(alpha, 2, axis=1), 4)
    refined = refine_edges(rgb, soft)
    assert edge_width(refined) < 0.5 * edge_width(soft)
    assert score(refined, alpha).mean < 0.65 * score(soft, alpha).mean


def test_hard_edges_stay() -> None:
    """A matte as sharp as a picture can be comes back to the bit, even where colour would pull it elsewhere."""
    _, alpha = disc()
    assert np.array_equal(refine_edges(noise(*alpha.shape), alpha), alpha)


@pytest.mark.parametrize("level", [0, 1, 128, 200, 255])
def test_constant_mattes_stay(level: int) -> None:
    """Nothing is refined where there is no edge, be the matte opaque, translucent or empty."""
    matte = np.full((64, 96), level, np.uint8)
    assert np.array_equal(refine_edges(noise(64, 96), matte), matte)


def test_far_pixels_stay() -> None:
    """What lies further from a soft edge than the filter reaches keeps its value to the bit."""
    _, alpha = disc(400)
    soft = blurred(alpha, 3)
    refined = refine_edges(noise(400, 400), soft)
    near = cv2.dilate(cv2.inRange(soft, 3, 252), np.ones((61, 61), np.uint8))
    assert np.array_equal(refined[near == 0], soft[near == 0])
    assert not np.array_equal(refined, soft)


def test_flat_pictures_leave_the_matte() -> None:
    """A picture of one colour says nothing of edges: the middle of the edge stays, nothing leaks outwards."""
    _, alpha = disc()
    soft = blurred(alpha, 3)
    refined = refine_edges(np.full((200, 200, 3), 90, np.uint8), soft)
    assert np.abs(refined.astype(int) - soft).max() < 60
    assert np.count_nonzero((refined > 127) != (soft > 127)) < 0.01 * soft.size


@given(matte=hnp.arrays(np.uint8, SHAPES))
def test_any_shape(matte: Plane) -> None:
    """From one pixel upwards: the same shape and type, and neither array given is written to."""
    rgb, kept = noise(*matte.shape), matte.copy()
    shown = rgb.copy()
    for refine in (REFINERS[Refine.NONE], REFINERS[Refine.EDGES]):
        refined, notes = refine(rgb, matte)
        assert (refined.shape, refined.dtype.name, notes) == (matte.shape, "uint8", ())
    assert np.array_equal(matte, kept)
    assert np.array_equal(rgb, shown)


def test_every_name_has_a_way() -> None:
    """What callers may ask for can be done."""
    assert set(REFINERS) == set(Refine)


# --- closed form ------------------------------------------------------------------------------------------------


def half(_colours: Solved, trimap: Solved) -> Solved:
    """A solver that finds a quarter wherever alpha is unknown."""
    return np.where(trimap == 0.5, 0.25, trimap)


def test_trimap_is_unsure_near_edges_only() -> None:
    """Sure regions are the inside and the outside, each kept away from the edge."""
    _, alpha = disc(400)
    trimap = trimap_of(blurred(alpha, 3))
    assert set(np.unique(trimap)) == {0, 128, 255}
    assert trimap[200, 200] == 255
    assert trimap[0, 0] == 0
    assert (trimap[200, 200 + 400 // 3 - 4 : 200 + 400 // 3 + 4] == 128).all()


@pytest.mark.parametrize("side", [300, 1500])
def test_solution_stands_where_alpha_was_unknown(side: int) -> None:
    """What the solver finds goes into the unknown pixels, solved directly or on cells; sure ones are sure."""
    rgb, alpha = disc(side)
    matte = blurred(alpha, 3)
    refined, notes = refine_matting(rgb, matte, solve=half)
    trimap = trimap_of(matte)
    assert notes == ()
    assert np.array_equal(refined[trimap != 128], trimap[trimap != 128])
    assert abs(float(np.median(refined[trimap == 128])) - 0.25 * 255) < 16


def test_failure_is_told() -> None:
    """Where the solver gives up, edges are refined instead, and the caller is told so."""

    def lost(_colours: Solved, _trimap: Solved) -> Solved:
        raise ValueError("did not converge")

    rgb, alpha = disc()
    soft = blurred(alpha, 3)
    refined, notes = refine_matting(rgb, soft, solve=lost)
    assert notes == (NOT_SOLVED,)
    assert np.array_equal(refined, refine_edges(rgb, soft))


@pytest.mark.parametrize("level", [120, 254])
def test_without_sure_regions_is_told(level: int) -> None:
    """A trimap needs both subject and background; without them the solver is not even asked."""
    matte = np.full((50, 50), level, np.uint8)
    matte[20:30, 20:30] = 128
    refined, notes = refine_matting(noise(50, 50), matte, solve=half)
    assert notes == (NOTHING_SURE,)
    assert refined.shape == matte.shape


@given(matte=hnp.arrays(np.uint8, SHAPES, elements=st.sampled_from([0, 5, 128, 250, 255])))
def test_any_shape_is_matted(matte: Plane) -> None:
    """From one pixel upwards the answer has the matte's shape."""
    refined, _ = refine_matting(noise(*matte.shape), matte, solve=half)
    assert (refined.shape, refined.dtype.name) == (matte.shape, "uint8")


def test_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyMatting is imported only when asked for; where it is not installed the refusal says what to install."""
    monkeypatch.setitem(sys.modules, "pymatting", None)
    rgb, alpha = disc()
    with pytest.raises(Refusal) as caught:
        REFINERS[Refine.MATTING](rgb, alpha)
    assert caught.value.reason.code == "option.extra_missing"
    assert "mattegate[matting]" in caught.value.remedy
