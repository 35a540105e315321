"""Where everything stands in the answer: crop, scale and position, worked out before a pixel is touched.

Pure geometry on whole numbers; it knows no pixels and no colours. Boxes are half-open, in pixels, from the top left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from mattegate.vocabulary.options import MAX_OUTPUT_PIXELS, CutoutOptions, Margin, Size
from mattegate.vocabulary.refusal import Refusal


class Box(NamedTuple):
    """A rectangle; ``right`` and ``bottom`` are the first column and row outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Columns inside."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Rows inside."""
        return self.bottom - self.top


@dataclass(frozen=True, slots=True)
class Layout:
    """How the picture becomes the answer.

    ``piece`` of the picture is scaled to ``width`` × ``height`` and put at ``left``, ``top`` on a canvas of
    ``canvas_width`` × ``canvas_height``. ``frame`` is what of the picture the canvas shows: it contains ``piece``, and
    a background made from the picture is taken from it.
    """

    frame: Box
    piece: Box
    width: int
    height: int
    canvas_width: int
    canvas_height: int
    left: int
    top: int

    @property
    def scaled(self) -> bool:
        """Whether the piece changes its size."""
        return (self.width, self.height) != (self.piece.width, self.piece.height)

    @property
    def fills_canvas(self) -> bool:
        """Whether the piece leaves no room on the canvas."""
        return (self.width, self.height) == (self.canvas_width, self.canvas_height)


def plan_layout(width: int, height: int, subject: Box | None, options: CutoutOptions) -> Layout:
    """Work out the layout of a picture of ``width`` × ``height`` in which ``subject`` was found.

    1. frame: the subject's box with its margin where the options crop, else the whole picture;
    2. scale: by which the frame fits the size asked for;
    3. piece: the frame itself, or the subject alone where it is to stand elsewhere;
    4. place: by percentages of the free room, or, for ``original``, where the frame stood in the picture.

    Without a subject there is nothing to crop to or to move. Raises :class:`Refusal` ``request.option`` for an answer
    that is larger than what there is and has more than :data:`MAX_OUTPUT_PIXELS`.
    """
    whole = Box(0, 0, width, height)
    moved = subject is not None and not options.position.original
    frame = _with_margin(subject, options.crop_margin, whole) if subject and options.crop else whole
    scale = _scale(frame, options.size)
    canvas_width, canvas_height = _canvas(frame, options.size, scale)
    piece = subject if subject and moved and not options.crop else frame
    piece_width = min(_scaled(piece.width, scale), canvas_width)
    piece_height = min(_scaled(piece.height, scale), canvas_height)
    x = options.position.x / 100 if moved else _share(frame.left, width - frame.width)
    y = options.position.y / 100 if moved else _share(frame.top, height - frame.height)
    return Layout(
        frame=frame,
        piece=piece,
        width=piece_width,
        height=piece_height,
        canvas_width=canvas_width,
        canvas_height=canvas_height,
        left=round(x * (canvas_width - piece_width)),
        top=round(y * (canvas_height - piece_height)),
    )


def _with_margin(box: Box, margin: Margin, whole: Box) -> Box:
    """The box and the space around it, as far as the picture reaches; percentages are of the box's own sides."""
    return Box(
        max(whole.left, box.left - margin.left.pixels(box.width)),
        max(whole.top, box.top - margin.top.pixels(box.height)),
        min(whole.right, box.right + margin.right.pixels(box.width)),
        min(whole.bottom, box.bottom + margin.bottom.pixels(box.height)),
    )


def _scale(frame: Box, size: Size | None) -> float:
    if size is None:
        return 1.0
    if size.longest is not None:
        return min(1.0, size.longest / max(frame.width, frame.height))
    factors = [
        asked / side for asked, side in ((size.width, frame.width), (size.height, frame.height)) if asked is not None
    ]
    return min(factors, default=1.0)


def _canvas(frame: Box, size: Size | None, scale: float) -> tuple[int, int]:
    width, height = _scaled(frame.width, scale), _scaled(frame.height, scale)
    if size is not None and size.longest is None:
        width, height = size.width or width, size.height or height
    if width * height > max(MAX_OUTPUT_PIXELS, frame.width * frame.height):  # enlarging is limited, staying is not
        problem = (
            f"the answer would have {width * height / 1e6:.0f} megapixels; {MAX_OUTPUT_PIXELS // 10**6} is the limit"
        )
        raise Refusal("request.option", option="size", value=f"{width}x{height}", problem=problem)
    return width, height


def _scaled(side: int, scale: float) -> int:
    return max(1, round(side * scale))


def _share(offset: int, room: int) -> float:
    return offset / room if room else 0.5


def cover_box(width: int, height: int, canvas_width: int, canvas_height: int) -> Box:
    """The largest centred part of a ``width`` × ``height`` picture that has the proportions of the canvas."""
    scale = max(canvas_width / width, canvas_height / height)
    part_width = min(width, _scaled(canvas_width, 1 / scale))
    part_height = min(height, _scaled(canvas_height, 1 / scale))
    left, top = (width - part_width) // 2, (height - part_height) // 2
    return Box(left, top, left + part_width, top + part_height)
