"""Arithmetic with straight alpha: laying over a background, scaling, and what colours hide under transparency.

Rules of this file: planes in, planes out, nothing is changed in place; no options, no geometry beyond sizes. All
results are 8-bit and rounded to the nearest. Whole pictures are never held as floating point: what needs it works in
bands.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from mattegate.cutout.picture import RGB, Plane
from mattegate.vocabulary.options import Colour

BLEED_PIXELS: Final = 2
"""How far colours reach beyond the edge of the subject."""

_BAND_ROWS: Final = 64
_WEIGHT: Final = 128
_SPREAD_PIXELS: Final = 1_500_000
_FAINT: Final = 1e-3


_Level = TypeVar("_Level", np.uint8, np.uint16)


def above(plane: Plane, level: int) -> Plane:
    """255 where the plane is above ``level``, 0 elsewhere."""
    return np.asarray(cv2.threshold(plane, level, 255, cv2.THRESH_BINARY)[1], np.uint8)


# --- laying over a background ----------------------------------------------------------------------------------


def over(rgb: RGB, alpha: Plane, background: RGB) -> RGB:
    """Lay straight-alpha colours over an opaque background of the same shape (Porter and Duff 1984, "over")."""
    out = np.empty_like(rgb)
    for rows in _bands(len(rgb)):
        weight = alpha[rows].astype(np.float32)
        cv2.blendLinear(rgb[rows], background[rows], weight, 255 - weight, dst=out[rows])
    return out


def over_translucent(rgb: RGB, alpha: Plane, background: RGB, background_alpha: Plane) -> tuple[RGB, Plane]:
    """Lay straight-alpha colours over a background with an alpha of its own; the result is straight again."""
    out, out_alpha = np.empty_like(rgb), np.empty_like(alpha)
    for rows in _bands(len(rgb)):
        front = alpha[rows].astype(np.float32) * 255
        back = background_alpha[rows].astype(np.float32) * (255 - alpha[rows].astype(np.float32))
        cv2.blendLinear(rgb[rows], background[rows], front, back, dst=out[rows])
        out_alpha[rows] = np.rint((front + back) / 255)
    return out, out_alpha


def over_colour(rgb: RGB, alpha: Plane, colour: Colour) -> tuple[RGB, Plane | None]:
    """Lay straight-alpha colours over one colour; the alpha is ``None`` where nothing shines through."""
    row = np.tile(np.array([colour.red, colour.green, colour.blue], np.uint8), rgb.shape[1])
    background = np.repeat(row[np.newaxis], len(rgb), axis=0).reshape(rgb.shape)
    if colour.alpha == 255:
        return over(rgb, alpha, background), None
    return over_translucent(rgb, alpha, background, np.full_like(alpha, colour.alpha))


# --- scaling ---------------------------------------------------------------------------------------------------


def scale_plane(plane: NDArray[_Level], width: int, height: int) -> NDArray[_Level]:
    """Resample one or three channels: by areas where it shrinks, by cubics where it grows."""
    shrinks = width * height < plane.shape[0] * plane.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(plane, (width, height), interpolation=method), plane.dtype)


def scale_straight(rgb: RGB, alpha: Plane, width: int, height: int) -> tuple[RGB, Plane]:
    """Resample straight-alpha colours so that each counts as much as it is visible.

    Colours are weighted with their alpha and divided by the resampled weight, so that what lies under transparent
    pixels never shows as a fringe. Weights take the lower 15 of 16 bits, which leaves room for the overshoot of cubics;
    at the faintest alpha a colour is then off by at most four levels, of which a sixtieth of one level can be seen.
    """
    products = cv2.multiply(rgb, cv2.merge([alpha] * 3), scale=_WEIGHT / 255, dtype=cv2.CV_16U)
    weighted = scale_plane(np.asarray(products, np.uint16), width, height)
    weight = scale_plane(np.multiply(alpha, _WEIGHT, dtype=np.uint16), width, height)
    colours = cv2.divide(weighted, cv2.merge([weight] * 3), scale=255, dtype=cv2.CV_8U)
    return np.asarray(colours, np.uint8), np.asarray(cv2.convertScaleAbs(weight, alpha=1 / _WEIGHT), np.uint8)


# --- what is under transparency --------------------------------------------------------------------------------


def hide_colours(rgb: RGB, alpha: Plane) -> RGB:
    """Take the removed background out of the transparent pixels.

    A straight-alpha picture still holds a colour where it is transparent; left alone, anybody could bring the removed
    background back by dropping the alpha channel. Black there compresses best, but whoever interpolates colours
    without regard to alpha would then draw a dark rim. So the mean of the visible neighbours reaches
    :data:`BLEED_PIXELS` beyond the edge, and everything else is black; the rim costs well under one per cent of a
    PNG's bytes.
    """
    visible = above(alpha, 0)
    hidden = np.asarray(cv2.copyTo(rgb, visible), np.uint8)
    side = 2 * BLEED_PIXELS + 1
    reached = cv2.dilate(visible, np.ones((side, side), np.uint8))
    rim = np.flatnonzero(cv2.subtract(reached, visible).view(np.bool_))
    if rim.size:
        hidden.reshape(-1, 3)[rim] = _mean_of_neighbours(hidden, visible, rim)
    return hidden


def _mean_of_neighbours(hidden: RGB, visible: Plane, at: NDArray[np.intp]) -> NDArray[np.uint8]:
    """The mean colour of the visible pixels around each flat index; ``hidden`` is black where nothing is visible."""
    height, width = visible.shape
    rows, columns = np.divmod(at, width)
    reach = range(-BLEED_PIXELS, BLEED_PIXELS + 1)
    starts = [np.clip(rows + down, 0, height - 1) * width for down in reach]
    offsets = [np.clip(columns + right, 0, width - 1) for right in reach]
    total, count = np.zeros((at.size, 3), np.uint16), np.zeros((at.size, 1), np.uint16)
    for start in starts:
        for offset in offsets:
            neighbours = start + offset
            total += hidden.reshape(-1, 3).take(neighbours, axis=0)
            count += visible.reshape(-1, 1).take(neighbours, axis=0) & 1
    return ((total + count // 2) // count).astype(np.uint8)


def fill_hidden(rgb: RGB, alpha: Plane) -> RGB:
    """Continue the visible colours smoothly over everything transparent, for formats that blur across the edge."""
    visible = above(alpha, 0)
    filled = spread_colours(rgb, visible, sigma=max(rgb.shape[:2]) / 200)
    return np.asarray(cv2.copyTo(rgb, visible, dst=filled), np.uint8)


def spread_colours(rgb: RGB, known: Plane, *, sigma: float) -> RGB:
    """Blur only the pixels where ``known`` is not zero, and let them flow into the others.

    Normalised convolution (Knutsson and Westin 1993) with a Gaussian of ``sigma`` pixels; where nothing known is near,
    a six times wider one takes over, and at last the mean. Works on at most 1.5 megapixels, which a blur does not show.
    """
    height, width = rgb.shape[:2]
    factor = max(1.0, sigma / 4, (width * height / _SPREAD_PIXELS) ** 0.5)
    size = max(1, round(width / factor)), max(1, round(height / factor))
    weight = cv2.resize((known != 0).astype(np.float32), size, interpolation=cv2.INTER_AREA)[..., np.newaxis]
    small = cv2.resize(cv2.copyTo(rgb, known), size, interpolation=cv2.INTER_AREA).astype(np.float32)
    mean = small.sum((0, 1)) / max(float(weight.sum()), _FAINT)
    wide = _normalised_blur(small, weight, 6 * sigma / factor, mean)
    fine = _normalised_blur(small, weight, sigma / factor, wide)
    spread = np.rint(np.clip(fine, 0, 255)).astype(np.uint8)
    return np.asarray(cv2.resize(spread, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _normalised_blur(
    weighted: NDArray[np.float32], weight: NDArray[np.float32], sigma: float, otherwise: NDArray[np.float32]
) -> NDArray[np.float32]:
    colours = cv2.GaussianBlur(weighted, (0, 0), sigma)
    weights = cv2.GaussianBlur(weight, (0, 0), sigma)[..., np.newaxis]
    return np.asarray((colours + _FAINT * otherwise) / (weights + _FAINT), np.float32)


def _bands(height: int) -> Iterator[slice]:
    return (slice(top, top + _BAND_ROWS) for top in range(0, height, _BAND_ROWS))
