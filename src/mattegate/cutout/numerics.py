"""From pixels to the network's tensor, and from its prediction to a matte: the execution of a model's recipe.

The ``rembg`` recipes are reproduced to the truncation: 8-bit LANCZOS, division by the picture's own peak, float64 until
one final cast, stretching between minimum and maximum, truncation to 8 bits (the authors' code truncates as well).
"""

from __future__ import annotations

from typing import Final, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mattegate.cutout.backends.session import Tensor
from mattegate.cutout.models.spec import Activation, Recipe, Resample, Scale, Stretch
from mattegate.cutout.picture import RGB, Plane

_T = TypeVar("_T", np.uint8, np.float32)

_PILLOW: Final = {
    Resample.LANCZOS: Image.Resampling.LANCZOS,
    Resample.BICUBIC: Image.Resampling.BICUBIC,
    Resample.BILINEAR: Image.Resampling.BILINEAR,
}
_HAZE: Final = 4
_SETTLED: Final = np.array([0 if a < _HAZE else 255 if a > 255 - _HAZE else a for a in range(256)], np.uint8)
_SMALLEST_PEAK: Final = 1e-6
_LOGIT_SLACK: Final = 1e-3
"""How far a finished 0-1 output may leave its range by rounding before it counts as logits."""


def halved(rgb: RGB, side: int) -> RGB:
    """The picture in half its size, and again in half, as long as both sides keep ``side`` pixels.

    The mean of four pixels is the quickest reduction there is, and of an odd side the weighted one of OpenCV's two taps
    is still quick; what is left for the recipe's own is at most twofold.
    """
    while min(rgb.shape[:2]) >= 2 * side:
        rgb = _opencv_resized(rgb, rgb.shape[1] // 2, rgb.shape[0] // 2, cv2.INTER_LINEAR)
    return rgb


def tensor_of(rgb: RGB, size: tuple[int, int], recipe: Recipe) -> Tensor:
    """The network's input, float32 ``(1, 3, height, width)``, for a picture of any size; ``size`` is (width, height).

    Each 8-bit level is scaled and normalised once, in float64, and then looked up: exact, and a tenth of the work.
    """
    small = resized(rgb, *size, recipe.resize)
    peak = max(int(small.max()), _SMALLEST_PEAK) if recipe.scale is Scale.MAX else 255
    levels = (np.arange(256)[:, np.newaxis] / peak - np.array(recipe.mean)) / np.array(recipe.std)
    table = levels.astype(np.float32)
    planes = [cv2.LUT(plane, table[:, channel]) for channel, plane in enumerate(cv2.split(small))]
    return np.stack(planes).astype(np.float32, copy=False)[np.newaxis]


def matte_of(prediction: Tensor, width: int, height: int, recipe: Recipe) -> Plane:
    """The matte of a picture of ``width`` x ``height`` for the prediction ``(rows, columns)`` of its network."""
    values = _activated(prediction, recipe.activation)
    if recipe.stretch is Stretch.AFTER_UPSCALE:
        return _quantised(_stretched(_opencv_resized(values, width, height, cv2.INTER_LINEAR)))
    if recipe.stretch is Stretch.BEFORE_UPSCALE:
        values = _stretched(values)
    return resized(_quantised(values), width, height, recipe.upscale)


def settled(matte: Plane) -> Plane:
    """The matte with what is all but clear made clear, and what is all but solid made solid.

    Networks leave a haze of a few levels over the background and rarely reach 255 inside the subject. Nobody sees it,
    but the old background would shine through, and every such pixel would have to be estimated and compressed.
    """
    return np.asarray(cv2.LUT(matte, _SETTLED), np.uint8)


def resized(raster: NDArray[np.uint8], width: int, height: int, how: Resample) -> NDArray[np.uint8]:
    """An 8-bit raster of one or three channels at another size.

    Enlarging bilinearly has no support to grow, so OpenCV's two taps, which are thirty times faster, give Pillow's
    result to within one level.
    """
    if raster.shape[:2] == (height, width):
        return raster
    if how is Resample.BILINEAR_CORNERS:
        return _corner_aligned(raster, width, height)
    enlarges = width >= raster.shape[1] and height >= raster.shape[0]
    if how is Resample.AREA:
        return _opencv_resized(raster, width, height, cv2.INTER_LINEAR if enlarges else cv2.INTER_AREA)
    if how is Resample.BILINEAR_SPARSE or (how is Resample.BILINEAR and enlarges):
        return _opencv_resized(raster, width, height, cv2.INTER_LINEAR)
    return np.asarray(Image.fromarray(raster).resize((width, height), _PILLOW[how]))


def _activated(prediction: Tensor, activation: Activation) -> Tensor:
    logits = activation is Activation.SIGMOID or (activation is Activation.AUTO and _leaves_unit_range(prediction))
    if not logits:
        return prediction
    # exp overflows to infinity for very negative logits, and 1 / infinity is the 0 that is meant
    with np.errstate(over="ignore"):
        result: Tensor = np.float32(1) / (np.float32(1) + np.exp(-prediction))
    return result


def _leaves_unit_range(prediction: Tensor) -> bool:
    return bool(prediction.min() < -_LOGIT_SLACK or prediction.max() > 1 + _LOGIT_SLACK)


def _stretched(values: Tensor) -> Tensor:
    """Minimum to 0, maximum to 1; a constant prediction becomes 0, as the cast of rembg's NaN does."""
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def _quantised(values: Tensor) -> Plane:
    levels = np.clip(values, 0.0, 1.0) * np.float32(255)
    return levels.astype(np.uint8)


def _opencv_resized(raster: NDArray[_T], width: int, height: int, interpolation: int) -> NDArray[_T]:
    return np.asarray(cv2.resize(raster, (width, height), interpolation=interpolation), dtype=raster.dtype)


def _corner_aligned(raster: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Bilinear with the centres of the corner pixels of both grids on each other."""
    rows, columns = raster.shape[:2]
    scale_x = (columns - 1) / max(width - 1, 1)
    scale_y = (rows - 1) / max(height - 1, 1)
    grid = np.array([[scale_x, 0, 0], [0, scale_y, 0]], dtype=np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(raster, grid, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, dtype=np.uint8)
