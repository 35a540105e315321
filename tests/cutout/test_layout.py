"""Where things stand: crop, margins, sizes and positions as whole numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.cutout.layout import Box, Layout, cover_box, plan_layout
from mattegate.vocabulary.options import CutoutOptions, Size, parse_options
from mattegate.vocabulary.refusal import Refusal

_SUBJECT = Box(200, 100, 400, 500)  # 200 × 400 in a picture of 1000 × 800


def _plan(**options: str) -> Layout:
    return plan_layout(1000, 800, _SUBJECT, parse_options(options))


def test_nothing_asked_changes_nothing() -> None:
    """Without options the whole picture fills a canvas of its own size."""
    layout = _plan()
    assert layout == Layout(Box(0, 0, 1000, 800), Box(0, 0, 1000, 800), 1000, 800, 1000, 800, 0, 0)
    assert layout.fills_canvas
    assert not layout.scaled


@pytest.mark.parametrize(
    ("margin", "box"),
    [
        ("0", (200, 100, 400, 500)),
        ("10px", (190, 90, 410, 510)),
        ("10%", (180, 60, 420, 540)),
        ("10px 50%", (100, 90, 500, 510)),
        ("1px 2px 3px 4px", (196, 99, 402, 503)),
        ("300px", (0, 0, 700, 800)),
    ],
)
def test_crop_margins(margin: str, box: tuple[int, int, int, int]) -> None:
    """Margins come in CSS order, percentages are of the subject's box, and the picture's border ends them."""
    layout = _plan(crop="1", crop_margin=margin)
    assert layout.piece == box
    assert (layout.canvas_width, layout.canvas_height) == (box[2] - box[0], box[3] - box[1])


def test_the_longer_side_is_never_scaled_up() -> None:
    """One number limits the longer side and leaves a smaller picture alone."""
    assert (_plan(size="500").width, _plan(size="500").height) == (500, 400)
    assert (_plan(size="2000").width, _plan(size="2000").height) == (1000, 800)


@pytest.mark.parametrize(
    ("options", "at", "piece"),
    [
        ({"size": "500x500"}, (0, 50), (500, 400)),
        ({"size": "2000x2000"}, (0, 200), (2000, 1600)),
        ({"size": "400x400", "crop": "1", "position": "center"}, (100, 0), (200, 400)),
        ({"size": "400x400", "crop": "1", "position": "0% 0%"}, (0, 0), (200, 400)),
        ({"size": "400x400", "crop": "1", "position": "100% 0%"}, (200, 0), (200, 400)),
        ({"size": "400x400", "crop": "1"}, (50, 0), (200, 400)),  # 200 of the 800 columns of room, as in the picture
        ({"position": "center"}, (400, 200), (200, 400)),
        ({"position": "100% 0%"}, (800, 0), (200, 400)),
        ({"size": "500x500", "position": "center"}, (200, 150), (100, 200)),
    ],
)
def test_sizes_and_positions(options: dict[str, str], at: tuple[int, int], piece: tuple[int, int]) -> None:
    """A canvas holds what fits inside it, put where it was or by percentages of the free room."""
    layout = _plan(**options)
    assert (layout.left, layout.top) == at
    assert (layout.width, layout.height) == piece


def test_without_a_subject_the_picture_stays_whole() -> None:
    """Nothing found means nothing to crop to or to move."""
    options = parse_options({"crop": "1", "crop_margin": "10%", "position": "0%"})
    layout = plan_layout(30, 20, None, options)
    assert layout.piece == (0, 0, 30, 20)
    assert layout.fills_canvas


def test_a_picture_larger_than_any_answer_may_grow_to_keeps_its_size() -> None:
    """An operator who lets in pictures of more pixels gets them out again."""
    layout = plan_layout(10_000, 8_000, None, CutoutOptions())
    assert (layout.canvas_width, layout.canvas_height) == (10_000, 8_000)


def test_a_gigantic_canvas_is_refused() -> None:
    """The size of the answer is limited before memory is taken for it."""
    with pytest.raises(Refusal) as refused:
        plan_layout(640, 480, None, CutoutOptions(size=Size(width=16_384, height=16_384)))
    assert refused.value.reason.code == "request.option"
    assert "268 megapixels" in refused.value.detail


_SIDE = st.integers(1, 400)


@given(
    data=st.data(), width=_SIDE, height=_SIDE, size=st.one_of(st.none(), st.tuples(_SIDE, _SIDE)), crop=st.booleans()
)
def test_the_piece_always_lies_on_the_canvas(
    data: st.DataObject, width: int, height: int, size: tuple[int, int] | None, crop: bool
) -> None:
    """Whatever is asked, the piece is not empty, lies inside the picture and inside the canvas."""
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    subject = Box(left, top, data.draw(st.integers(left + 1, width)), data.draw(st.integers(top + 1, height)))
    options = {"crop": str(crop), "position": data.draw(st.sampled_from(["original", "center", "0% 100%"]))}
    if size:
        options["size"] = f"{size[0]}x{size[1]}"
    layout = plan_layout(width, height, subject, parse_options(options))
    assert layout.width >= 1
    assert layout.height >= 1
    assert 0 <= layout.left <= layout.canvas_width - layout.width
    assert 0 <= layout.top <= layout.canvas_height - layout.height
    assert 0 <= layout.piece.left < layout.piece.right <= width
    assert 0 <= layout.piece.top < layout.piece.bottom <= height
    assert size is None or (layout.canvas_width, layout.canvas_height) == size


@given(width=_SIDE, height=_SIDE, canvas_width=_SIDE, canvas_height=_SIDE)
def test_a_cover_is_centred_and_inside(width: int, height: int, canvas_width: int, canvas_height: int) -> None:
    """The covering part touches two borders, is centred to the pixel and has the canvas's proportions."""
    box = cover_box(width, height, canvas_width, canvas_height)
    assert box.width == width or box.height == height
    assert abs(box.left - (width - box.right)) <= 1
    assert abs(box.top - (height - box.bottom)) <= 1
    assert box.width >= 1
    assert box.height >= 1
