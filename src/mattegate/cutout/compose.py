"""From a picture and its matte to what will be encoded: crop, scale, place, background.

Rules of this file: the order of the steps is read in :func:`compose`; where things stand is :mod:`.layout`, how pixels
mix is :mod:`.alpha`, how bytes are written is :mod:`.encoding`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mattegate.cutout.alpha import (
    above,
    hide_colours,
    over,
    over_colour,
    over_translucent,
    scale_plane,
    scale_straight,
    spread_colours,
)
from mattegate.cutout.cells import LARGEST_CELL, shrunk
from mattegate.cutout.colour import to_srgb
from mattegate.cutout.layout import Box, Layout, cover_box, plan_layout
from mattegate.cutout.picture import RGB, Picture, Plane
from mattegate.cutout.rendered import Rendered
from mattegate.vocabulary.options import BackgroundImage, Blur, Colour, CutoutOptions, Numerics
from mattegate.vocabulary.refusal import Refusal

SUBJECT_LEVEL: Final = 8
"""A pixel belongs to the subject's box when its alpha is above this."""

_SPECK_SIDE: Final = 512
_SPECK_SHARE: Final = 1 / 400

NOTHING_FOUND: Final = "no subject was found, so there was nothing to crop to or to move"


def compose(
    picture: Picture,
    matte: Plane,
    options: CutoutOptions,
    *,
    foreground: RGB | None = None,
    background: Picture | None = None,
) -> Rendered:
    """Put the cut-out together.

    ``matte`` has the picture's size and holds its own alpha already. ``foreground`` are the subject's colours without
    the old background's, in the picture's shape and profile; ``None`` takes the picture's. ``background`` is the image
    that the options name. Under ``numerics=rembg`` the colours come premultiplied, as rembg gives them, and are treated
    as rembg treats them.

    Raises :class:`Refusal` ``request.option`` for a size beyond the limit and for a background that was not sent.
    """
    # 1. subject: its box, without specks
    subject = subject_box(matte)
    # 2. layout: what of the picture goes where
    layout = plan_layout(picture.width, picture.height, subject, options)
    notes = _notes(subject, options)
    if options.mask:
        mask = _placed(_scaled_plane(_cut(matte, layout.piece), layout), layout)
        return Rendered(None, mask, subject=subject, notes=notes)
    # 3. crop and scale
    colours = picture.rgb if foreground is None else foreground
    layer = _Layer(_cut(colours, layout.piece), _cut(matte, layout.piece))
    layer = _scaled(layer, layout, premultiplied=options.numerics is Numerics.REMBG)
    # 4. place on the canvas
    layer = _Layer(_placed(layer.rgb, layout), _placed(layer.alpha, layout))
    # 5. background, or what transparent pixels hide
    rendered = _FINISH[type(options.background)](_Stage(picture, matte, layout, layer, options, background))
    # 6. what belongs to the picture
    exif = picture.exif if options.keep_metadata else None
    return replace(rendered, exif=exif, subject=subject, notes=(*notes, *rendered.notes))


def subject_box(matte: Plane) -> Box | None:
    """The smallest box around everything above :data:`SUBJECT_LEVEL` but specks; ``None`` when there is nothing.

    A speck is an island of less than a four-hundredth of the largest one, seen at about 512 pixels a side: stray
    pixels in a corner must not decide how a picture is cropped.
    """
    mask = above(matte, SUBJECT_LEVEL)
    around = _without_specks(mask)
    if around is None:
        return None
    x, y, width, height = cv2.boundingRect(mask[around.top : around.bottom, around.left : around.right])
    return Box(around.left + x, around.top + y, around.left + x + width, around.top + y + height)


def _without_specks(mask: Plane) -> Box | None:
    """A box, a little too large, around every island of ``mask`` that is not a speck."""
    height, width = mask.shape
    cell = _speck_cell(max(width, height))
    seen = np.asarray(shrunk(mask, cell) > 0, np.uint8)
    _, _, islands, _ = cv2.connectedComponentsWithStats(seen)
    islands = islands[1:]  # the first is the background
    if not len(islands):
        return None
    islands = islands[islands[:, cv2.CC_STAT_AREA] >= islands[:, cv2.CC_STAT_AREA].max() * _SPECK_SHARE]
    left, top = islands[:, :2].min(0) - 1
    right, bottom = (islands[:, :2] + islands[:, 2:4]).max(0) + 1
    return Box(
        max(0, int(left) * cell),
        max(0, int(top) * cell),
        min(width, int(right) * cell),
        min(height, int(bottom) * cell),
    )


def _speck_cell(side: int) -> int:
    """The smallest power of two that leaves :data:`_SPECK_SIDE` cells of it in ``side`` pixels, up to the largest."""
    return int(min(1 << (-(-side // _SPECK_SIDE) - 1).bit_length(), LARGEST_CELL))


def _notes(subject: Box | None, options: CutoutOptions) -> tuple[str, ...]:
    wanted = options.crop or not options.position.original
    return (NOTHING_FOUND,) if subject is None and wanted else ()


# --- crop, scale, place ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    """Straight-alpha colours on their way."""

    rgb: RGB
    alpha: Plane


def _cut(pixels: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    return pixels[box.top : box.bottom, box.left : box.right]


def _scaled(layer: _Layer, layout: Layout, *, premultiplied: bool) -> _Layer:
    if not layout.scaled:
        return layer
    if premultiplied:
        return _Layer(_scaled_plane(layer.rgb, layout), _scaled_plane(layer.alpha, layout))
    return _Layer(*scale_straight(layer.rgb, layer.alpha, layout.width, layout.height))


def _scaled_plane(plane: NDArray[np.uint8], layout: Layout) -> NDArray[np.uint8]:
    return scale_plane(plane, layout.width, layout.height) if layout.scaled else plane


def _placed(plane: NDArray[np.uint8], layout: Layout) -> NDArray[np.uint8]:
    if layout.fills_canvas:
        return plane
    canvas = np.zeros((layout.canvas_height, layout.canvas_width, *plane.shape[2:]), np.uint8)
    canvas[layout.top : layout.top + layout.height, layout.left : layout.left + layout.width] = plane
    return canvas


# --- background ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Stage:
    """Everything a background may need."""

    picture: Picture
    matte: Plane
    layout: Layout
    layer: _Layer
    options: CutoutOptions
    background: Picture | None


def _on_nothing(stage: _Stage) -> Rendered:
    layer = stage.layer
    if stage.options.numerics is Numerics.REMBG:
        return Rendered(layer.rgb, layer.alpha, icc=stage.picture.icc)
    return Rendered(hide_colours(layer.rgb, layer.alpha), layer.alpha, icc=stage.picture.icc)


def _on_colour(stage: _Stage) -> Rendered:
    assert isinstance(stage.options.background, Colour)
    layer, icc = _beside_srgb(stage)
    return Rendered(*over_colour(layer.rgb, layer.alpha, stage.options.background), icc=icc)


def _on_blur(stage: _Stage) -> Rendered:
    assert isinstance(stage.options.background, Blur)
    picture, layout = stage.picture, stage.layout
    sigma = stage.options.background.radius / 100 * max(picture.width, picture.height)
    blurred = _cut(spread_colours(picture.rgb, _is_background(picture, stage.matte), sigma=sigma), layout.frame)
    backdrop, _ = _covering(blurred, None, layout)
    return Rendered(over(stage.layer.rgb, stage.layer.alpha, backdrop), None, icc=picture.icc)


def _on_image(stage: _Stage) -> Rendered:
    if stage.background is None:
        problem = "no background image came with the request"
        raise Refusal("request.option", option="background", value="image", problem=problem)
    layer, icc = _beside_srgb(stage)
    rgb, alpha = _covering(stage.background.rgb, stage.background.alpha, stage.layout)
    if stage.background.icc is not None:
        rgb = to_srgb(rgb, stage.background.icc)
    if alpha is None:
        return Rendered(over(layer.rgb, layer.alpha, rgb), None, icc=icc)
    return Rendered(*over_translucent(layer.rgb, layer.alpha, rgb, alpha), icc=icc)


_FINISH: Final = {type(None): _on_nothing, Colour: _on_colour, Blur: _on_blur, BackgroundImage: _on_image}
"""What becomes of the layer, by the kind of background that the options name."""


def _beside_srgb(stage: _Stage) -> tuple[_Layer, bytes | None]:
    """The layer in sRGB, where it can meet other colours, and no profile; rembg mixes numbers as they are."""
    icc, layer = stage.picture.icc, stage.layer
    if icc is None or stage.options.numerics is Numerics.REMBG:
        return layer, icc
    return _Layer(to_srgb(layer.rgb, icc), layer.alpha), None


def _is_background(picture: Picture, matte: Plane) -> Plane:
    """Not zero where the picture shows what is behind the subject, and is opaque enough to have a colour."""
    background = np.bitwise_not(above(matte, SUBJECT_LEVEL))
    return background if picture.alpha is None else background & above(picture.alpha, 127)


def _covering(rgb: RGB, alpha: Plane | None, layout: Layout) -> tuple[RGB, Plane | None]:
    """The middle of a picture, scaled so that it covers the whole canvas."""
    width, height = layout.canvas_width, layout.canvas_height
    part = cover_box(rgb.shape[1], rgb.shape[0], width, height)
    rgb = _cut(rgb, part)
    if alpha is None:
        return (rgb if rgb.shape[:2] == (height, width) else scale_plane(rgb, width, height)), None
    return scale_straight(rgb, _cut(alpha, part), width, height)
