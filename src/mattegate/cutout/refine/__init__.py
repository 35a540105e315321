"""What is done to a matte after the network, by the name that callers know it by.

Rules of this folder: pixels in, a matte of the same size out. Every way is a :data:`Refiner`; a new one is one file
here, one name in :class:`~mattegate.vocabulary.options.Refine` and one line in :data:`REFINERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from mattegate.cutout.picture import RGB, Plane
from mattegate.cutout.refine.edges import refine_edges
from mattegate.cutout.refine.matting import refine_matting
from mattegate.vocabulary.options import Refine

Refined: TypeAlias = tuple[Plane, tuple[str, ...]]
"""The better matte, and notes for the caller."""
Refiner: TypeAlias = Callable[[RGB, Plane], Refined]
"""From a picture and its matte to the better matte. The arrays given are not changed."""


def _unchanged(_rgb: RGB, matte: Plane) -> Refined:
    return matte, ()


def _edges(rgb: RGB, matte: Plane) -> Refined:
    return refine_edges(rgb, matte), ()


def _matting(rgb: RGB, matte: Plane) -> Refined:
    return refine_matting(rgb, matte)


REFINERS: Final[Mapping[Refine, Refiner]] = MappingProxyType(
    {Refine.NONE: _unchanged, Refine.EDGES: _edges, Refine.MATTING: _matting}
)
"""Every way to refine a matte."""
