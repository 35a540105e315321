"""Colour management: which profiles matter, and the way from any of them to sRGB.

Knows arrays and profiles, no file formats. A profile that is broken or that belongs to another kind of picture is never
an error: :func:`usable` tells, and the picture is then taken as what it would be without one.
"""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from typing import Final

import numpy as np
from PIL import Image, ImageCms

from mattegate.cutout.picture import RGB, Plane

_MODES: Final = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_SRGB_TOLERANCE: Final = 2
"""How far, in levels of 255, a profile may stray from sRGB and still count as it: makers round curves differently."""


def space(icc: bytes) -> str:
    """The colour space a profile describes: ``RGB``, ``L``, ``CMYK``, or an empty text (ICC.1:2022, table 17)."""
    return _MODES.get(icc[16:20].decode("latin-1"), "")


def usable(icc: bytes, mode: str) -> bool:
    """Whether a profile is intact and describes pictures of ``mode`` (``RGB``, ``L`` or ``CMYK``)."""
    return space(icc) == mode and _transform(icc, mode) is not None


def is_srgb(icc: bytes) -> bool:
    """Whether an RGB profile means sRGB, judged by what it does to colours, not by what it is called."""
    if not usable(icc, "RGB"):
        return False
    return _strays(icc) <= _SRGB_TOLERANCE


def to_srgb(rgb: RGB, icc: bytes) -> RGB:
    """Convert from an RGB profile to sRGB, shape and dtype kept; a profile that is not usable changes nothing."""
    return _apply(rgb, icc, "RGB") if usable(icc, "RGB") else rgb


def grey_to_srgb(grey: Plane, icc: bytes | None) -> RGB:
    """Grey ``(height, width)`` to sRGB ``(height, width, 3)``, through a grey profile where there is one."""
    if icc is not None and usable(icc, "L"):
        return _apply(grey, icc, "L")
    return np.repeat(grey[:, :, None], 3, axis=2)


def cmyk_to_srgb(cmyk: Plane, icc: bytes | None) -> RGB:
    """CMYK ``(height, width, 4)``, 255 meaning full ink, to sRGB; by formula where there is no profile."""
    if icc is not None and usable(icc, "CMYK"):
        return _apply(cmyk, icc, "CMYK")
    return np.array(Image.fromarray(cmyk, mode="CMYK").convert("RGB"))


def _apply(pixels: Plane, icc: bytes, mode: str) -> RGB:
    transform = _transform(icc, mode)
    assert transform is not None
    image = Image.fromarray(np.ascontiguousarray(pixels), mode=mode)
    return np.array(ImageCms.applyTransform(image, transform))


@lru_cache(maxsize=8)
def _transform(icc: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The transform from a profile to sRGB; ``None`` for a profile that little CMS rejects."""
    try:
        return ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(BytesIO(icc)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


@lru_cache(maxsize=64)
def _strays(icc: bytes) -> int:
    """The largest difference that conversion makes to any colour of a 9 × 9 × 9 lattice, in levels of 255."""
    levels = np.linspace(0, 255, 9).round().astype(np.uint8)
    lattice = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(27, 27, 3)
    return int(np.abs(_apply(lattice, icc, "RGB").astype(int) - lattice).max())
