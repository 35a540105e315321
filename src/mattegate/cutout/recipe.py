"""The arithmetic around one network, as data: how pixels become a tensor and how the prediction becomes a matte.

A model carries one recipe per profile. ``native`` follows the authors' published inference code, ``rembg`` follows
rembg 2.0.86 (``rembg/sessions/base.py``); :mod:`mattegate.cutout.numerics` executes both.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Resample(StrEnum):
    """How a picture is brought to the size of the network's input."""

    LANCZOS = "lanczos"
    """Pillow's LANCZOS (rembg)."""
    ANTIALIASED = "antialiased"
    """Pillow's BILINEAR, which averages when it shrinks (torchvision's ``Resize`` on a PIL image)."""
    AREA = "area"
    """Mean over the covered area (stands for scikit-image's anti-aliased ``resize``)."""
    LINEAR = "linear"
    """Two-tap bilinear without anti-aliasing (``torch.nn.functional.interpolate``)."""


class Scale(StrEnum):
    """What 8-bit values are divided by before mean and deviation."""

    PEAK = "peak"
    """The largest value of this very picture after resizing."""
    FULL = "full"
    """255."""


class Activation(StrEnum):
    """What turns the graph's output into 0-1, where the graph has not done it itself."""

    NONE = "none"
    SIGMOID = "sigmoid"


class Quantise(StrEnum):
    """How 0-1 becomes 0-255."""

    ROUND = "round"
    TRUNCATE = "truncate"


class Upsample(StrEnum):
    """How the matte is brought to the picture's size."""

    LANCZOS = "lanczos"
    """Pillow's LANCZOS on the 8-bit matte (rembg)."""
    LINEAR = "linear"
    """Bilinear, pixel centres at half."""
    LINEAR_CORNERS = "linear-corners"
    """Bilinear with the corner pixels aligned (``align_corners=True``)."""
    CUBIC = "cubic"
    """Bicubic (Pillow's default for ``resize``)."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The arithmetic of one profile of one model.

    ``size`` is (width, height) in pixels; ``mean`` and ``std`` are per channel in R, G, B order, in units of the scaled
    value. ``stretch`` maps the prediction's own minimum and maximum to 0 and 1.
    """

    size: tuple[int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    resample: Resample
    scale: Scale
    activation: Activation
    stretch: bool
    quantise: Quantise
    upsample: Upsample
