"""What is done to a matte after the network, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from mattegate.cutout.picture import RGB, Plane
from mattegate.vocabulary.options import Refine

Refiner: TypeAlias = Callable[[RGB, Plane, int], tuple[Plane, tuple[str, ...]]]
"""From a picture, its matte and a number of threads to a better matte and notes for the caller."""


def _unchanged(rgb: RGB, matte: Plane, threads: int) -> tuple[Plane, tuple[str, ...]]:
    del rgb, threads
    return matte, ()


REFINERS: Final[Mapping[Refine, Refiner]] = {Refine.NONE: _unchanged}
