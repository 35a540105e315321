"""From pixels to the network's tensor, and from its prediction to a matte: the execution of a :class:`Recipe`.

The ``rembg`` recipes are reproduced to the truncation: 8-bit LANCZOS, division by the picture's own peak, float64 until
one final cast, minimum-maximum stretch without a guard (a constant prediction gives an empty matte), truncation to
8 bits. That arithmetic is kept apart from the fast one below because a rounding more or less would break parity.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mattegate.cutout.backends.session import Tensor
from mattegate.cutout.picture import RGB, Plane
from mattegate.cutout.recipe import Activation, Quantise, Recipe, Resample, Scale, Upsample

_PILLOW: Final = {Resample.LANCZOS: Image.Resampling.LANCZOS, Resample.ANTIALIASED: Image.Resampling.BILINEAR}
_OPENCV: Final = {Resample.AREA: cv2.INTER_AREA, Resample.LINEAR: cv2.INTER_LINEAR}
_SMALLEST_PEAK: Final = 1e-6


def tensor_of(rgb: RGB, recipe: Recipe) -> Tensor:
    """The network's input, float32 ``(1, 3, height, width)``, for a picture of any size.

    Each 8-bit level is scaled and normalised once, in float64, and then looked up: exact, and a tenth of the work.
    """
    small = _resized(rgb, recipe)
    peak = max(int(small.max()), _SMALLEST_PEAK) if recipe.scale is Scale.PEAK else 255
    levels = (np.arange(256)[:, np.newaxis] / peak - np.array(recipe.mean)) / np.array(recipe.std)
    table = levels.astype(np.float32)
    return np.stack([table[:, channel].take(small[:, :, channel]) for channel in range(3)])[np.newaxis]


def matte_of(prediction: Tensor, recipe: Recipe) -> Plane:
    """The matte at the network's own size, 8-bit, for a prediction ``(height, width)``."""
    values = _activated(prediction, recipe.activation)
    if recipe.stretch:
        values = _stretched(values)
    levels = np.clip(values, 0.0, 1.0) * np.float32(255)
    return (levels if recipe.quantise is Quantise.TRUNCATE else np.rint(levels)).astype(np.uint8)


def upsampled(matte: Plane, width: int, height: int, recipe: Recipe) -> Plane:
    """The matte at the picture's size."""
    if matte.shape == (height, width):
        return matte
    match recipe.upsample:
        case Upsample.LANCZOS:
            return np.asarray(Image.fromarray(matte).resize((width, height), Image.Resampling.LANCZOS))
        case Upsample.LINEAR_CORNERS:
            return _corner_aligned(matte, width, height)
        case Upsample.CUBIC:
            return _opencv_resized(matte, width, height, cv2.INTER_CUBIC)
        case Upsample.LINEAR:
            return _opencv_resized(matte, width, height, cv2.INTER_LINEAR)


def _resized(rgb: RGB, recipe: Recipe) -> RGB:
    if recipe.resample in _PILLOW:
        return np.asarray(Image.fromarray(rgb).resize(recipe.size, _PILLOW[recipe.resample]))
    return _opencv_resized(rgb, *recipe.size, _OPENCV[recipe.resample])


def _activated(prediction: Tensor, activation: Activation) -> NDArray[np.float32]:
    if activation is Activation.NONE:
        return prediction
    # exp overflows to infinity for very negative logits, and 1 / infinity is the 0 that is meant
    with np.errstate(over="ignore"):
        result: NDArray[np.float32] = np.float32(1) / (np.float32(1) + np.exp(-prediction))
    return result


def _stretched(values: NDArray[np.float32]) -> NDArray[np.float32]:
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def _opencv_resized(plane: NDArray[np.uint8], width: int, height: int, interpolation: int) -> NDArray[np.uint8]:
    resized = cv2.resize(plane, (width, height), interpolation=interpolation)
    return np.asarray(resized, dtype=np.uint8)


def _corner_aligned(matte: Plane, width: int, height: int) -> Plane:
    """Bilinear with the centres of the corner pixels of both grids on each other."""
    rows, columns = matte.shape
    scale_x = (columns - 1) / max(width - 1, 1)
    scale_y = (rows - 1) / max(height - 1, 1)
    grid = np.array([[scale_x, 0, 0], [0, scale_y, 0]], dtype=np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(matte, grid, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, dtype=np.uint8)
