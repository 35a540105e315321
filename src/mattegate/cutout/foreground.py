"""Foreground colours where the old background shines through the edge."""

from __future__ import annotations

import cv2
import numpy as np

from mattegate.cutout.picture import RGB, Plane


def decontaminate(rgb: RGB, matte: Plane) -> RGB:
    """Blur-fusion foreground estimate (Forte and Pitié, 2021), one pass."""
    alpha = matte.astype(np.float32)[..., np.newaxis] / 255
    image = rgb.astype(np.float32)
    size = (31, 31)
    weight = cv2.blur(alpha, size)[..., np.newaxis] + 1e-5
    colour = cv2.blur(image * alpha, size) / weight
    other = cv2.blur(image * (1 - alpha), size) / (1 - weight + 2e-5)
    estimate = colour + alpha * (image - alpha * colour - (1 - alpha) * other)
    mixed = np.where(alpha < 1, estimate, image)
    return np.clip(mixed, 0, 255).astype(np.uint8)
