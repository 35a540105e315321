"""The finished pixels of an answer, between composing and encoding."""

from __future__ import annotations

from dataclasses import dataclass

from mattegate.cutout.layout import Box
from mattegate.cutout.picture import RGB, Plane


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """What is to be encoded: a cut-out with straight alpha, an opaque picture, or a mask alone.

    ``rgb`` is ``None`` for a mask, ``alpha`` where nothing shines through; one of them is there. ``icc`` is the profile
    that ``rgb`` is in, ``None`` for sRGB; ``exif`` is written whenever it is not ``None``. ``subject`` is the subject's
    box in the *input* picture, ``None`` when nothing was found. ``notes`` are sentences for the caller.
    """

    rgb: RGB | None
    alpha: Plane | None
    icc: bytes | None = None
    exif: bytes | None = None
    subject: Box | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.rgb is None and self.alpha is None:
            raise ValueError("neither colours nor a mask")

    @property
    def plane(self) -> RGB | Plane:
        """The colours, or the mask where there are none."""
        plane = self.alpha if self.rgb is None else self.rgb
        assert plane is not None
        return plane

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.plane.shape[:2]
        return height, width

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return self.shape[0]

    @property
    def width(self) -> int:
        """Pixels from left to right."""
        return self.shape[1]
