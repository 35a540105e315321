"""The arithmetic around the network is that of the named profiles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mattegate.cutout.models.spec import Activation, Recipe, Resample, Scale, Stretch
from mattegate.cutout.numerics import halved, matte_of, resized, settled, tensor_of

_IMAGENET = Recipe(
    resize=Resample.LANCZOS,
    scale=Scale.MAX,
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
    activation=Activation.NONE,
    stretch=Stretch.BEFORE_UPSCALE,
    upscale=Resample.LANCZOS,
)


def _noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@given(st.integers(0, 2**16), st.integers(1, 255))
def test_the_tensor_is_that_of_the_reference_arithmetic(seed: int, peak: int) -> None:
    """Looking levels up gives bit for bit what float64 arithmetic per pixel gives."""
    rgb = (_noise(40, 30, seed).astype(np.uint16) * peak // 255).astype(np.uint8)
    small = np.asarray(Image.fromarray(rgb).resize((16, 16), Image.Resampling.LANCZOS))
    scaled = small / max(np.max(small), 1e-6)
    reference = ((scaled - _IMAGENET.mean) / _IMAGENET.std).transpose(2, 0, 1)[None].astype(np.float32)
    assert np.array_equal(tensor_of(rgb, (16, 16), _IMAGENET), reference)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 20))
def test_a_picture_is_halved_while_both_sides_stay_large_enough(height: int, width: int, side: int) -> None:
    """The result is a halving away from too small, keeps what was small already, and keeps the place of things."""
    ramp = np.repeat(np.linspace(0, 255, width).astype(np.uint8)[np.newaxis, :, np.newaxis], height, 0).repeat(3, 2)
    small = halved(ramp, side)
    if min(height, width) < 2 * side:
        assert small is ramp
    else:
        assert side <= min(small.shape[:2]) < 2 * side
        expected = np.asarray(Image.fromarray(ramp).resize(small.shape[1::-1], Image.Resampling.BOX), int)
        assert np.abs(small - expected).max() <= 255 / small.shape[1] / 2 + 2


def test_a_black_picture_does_not_divide_by_zero() -> None:
    """The peak has a floor, as in the reference."""
    tensor = tensor_of(np.zeros((8, 8, 3), np.uint8), (4, 4), _IMAGENET)
    assert np.isfinite(tensor).all()


@given(st.integers(0, 2**16))
def test_the_matte_is_stretched_truncated_and_enlarged_as_in_rembg(seed: int) -> None:
    """Minimum to 0, maximum to 255, truncation, then LANCZOS on 8 bits."""
    prediction = np.random.default_rng(seed).random((16, 16), dtype=np.float32)
    low, high = prediction.min(), prediction.max()
    reference = Image.fromarray(((prediction - low) / (high - low) * 255).astype("uint8")).resize((50, 40), 1)
    assert np.array_equal(matte_of(prediction, 50, 40, _IMAGENET), np.asarray(reference))


def test_a_constant_prediction_is_an_empty_matte() -> None:
    """Where the network sees nothing at all, nothing is kept and nothing warns."""
    assert not matte_of(np.full((4, 4), 0.7, np.float32), 8, 8, _IMAGENET).any()


@pytest.mark.parametrize("activation", [Activation.SIGMOID, Activation.AUTO])
def test_logits_pass_a_sigmoid(activation: Activation) -> None:
    """Very large logits saturate without a warning."""
    logits = np.array([[-1e9, 0.0, 1e9]], np.float32)
    recipe = replace(_IMAGENET, activation=activation, stretch=Stretch.NONE)
    assert matte_of(logits, 3, 1, recipe).tolist() == [[0, 127, 255]]


def test_a_finished_output_is_left_alone_where_the_graph_decides() -> None:
    """A graph that ends in its own sigmoid is recognised by its range."""
    recipe = replace(_IMAGENET, activation=Activation.AUTO, stretch=Stretch.NONE)
    assert matte_of(np.array([[0.0, 0.5, 1.0]], np.float32), 3, 1, recipe).tolist() == [[0, 127, 255]]


def test_stretching_after_enlarging_reaches_both_ends() -> None:
    """IS-Net's authors stretch the enlarged prediction."""
    recipe = replace(_IMAGENET, stretch=Stretch.AFTER_UPSCALE, upscale=Resample.BILINEAR_SPARSE)
    matte = matte_of(np.array([[0.2, 0.4], [0.3, 0.6]], np.float32), 7, 5, recipe)
    assert (matte.min(), matte.max()) == (0, 255)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(9, 40), st.integers(9, 40), st.sampled_from(Resample))
def test_enlarging_agrees_with_pillow_within_a_level(
    rows: int, columns: int, width: int, height: int, how: Resample
) -> None:
    """The fast bilinear path stands for Pillow's."""
    matte = np.random.default_rng(rows * 31 + columns).integers(0, 256, (rows, columns), dtype=np.uint8)
    result = resized(matte, width, height, how)
    assert result.shape == (height, width)
    if how is Resample.BILINEAR:
        reference = np.asarray(Image.fromarray(matte).resize((width, height), Image.Resampling.BILINEAR))
        assert np.abs(result.astype(int) - reference).max() <= 1


def test_aligned_corners_keep_the_corner_values() -> None:
    """With aligned corners the four corners are exactly those of the small matte."""
    matte = np.array([[10, 250], [90, 170]], np.uint8)
    result = resized(matte, 31, 17, Resample.BILINEAR_CORNERS)
    assert [result[0, 0], result[0, -1], result[-1, 0], result[-1, -1]] == [10, 250, 90, 170]


def test_haze_is_cleared_and_the_inside_made_solid() -> None:
    """Only the last few levels at both ends change; everything between stays as the network said."""
    levels = np.arange(256, dtype=np.uint8)[np.newaxis]
    result = settled(levels)[0]
    assert not result[:4].any()
    assert (result[252:] == 255).all()
    assert np.array_equal(result[4:252], levels[0, 4:252])
