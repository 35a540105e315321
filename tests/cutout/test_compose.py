"""Composing: crop, scale, place and background give what was asked, and no fringe of the old background."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms

from mattegate.cutout.compose import NOTHING_FOUND, compose, subject_box
from mattegate.cutout.picture import Picture
from mattegate.cutout.rendered import Rendered
from mattegate.vocabulary.options import parse_options
from mattegate.vocabulary.refusal import Refusal

_RED, _BLUE = (210, 20, 15), (10, 20, 230)


def _disc(height: int = 120, width: int = 160, softness: float = 3.0) -> NDArray[np.uint8]:
    """A soft disc left of the middle."""
    y, x = np.mgrid[0:height, 0:width]
    distance = np.hypot(y - height * 0.5, x - width * 0.35) - min(height, width) * 0.25
    return np.asarray(np.clip(0.5 - distance / softness, 0, 1) * 255, np.uint8)


def _red_on_blue(matte: NDArray[np.uint8]) -> tuple[Picture, NDArray[np.uint8]]:
    """A photograph of something red before something blue, and the red alone as a decontaminator estimates it."""
    share = matte[..., None] / 255
    photo = np.rint(np.array(_RED) * share + np.array(_BLUE) * (1 - share)).astype(np.uint8)
    foreground = np.where(matte[..., None] > 0, _RED, photo).astype(np.uint8)
    return Picture(photo), foreground


def _composed(matte: NDArray[np.uint8] | None = None, /, **options: str) -> Rendered:
    matte = _disc() if matte is None else matte
    picture, foreground = _red_on_blue(matte)
    return compose(picture, matte, parse_options(options), foreground=foreground)


def _seen_over(rendered: Rendered, colour: tuple[int, int, int]) -> NDArray[np.float64]:
    """The cut-out as a viewer shows it over a colour."""
    assert rendered.rgb is not None
    assert rendered.alpha is not None
    share = rendered.alpha[..., None] / 255
    return np.asarray(rendered.rgb * share + np.array(colour) * (1 - share), np.float64)


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (0, 255, 0)])
@pytest.mark.parametrize(
    "options",
    [{}, {"crop": "1", "crop_margin": "5%"}, {"size": "60"}, {"crop": "1", "size": "300x340"}, {"size": "31x77"}],
)
def test_no_fringe_over_any_colour(colour: tuple[int, int, int], options: dict[str, str]) -> None:
    """Every pixel of a red subject over white, black and green lies between the two colours: no blue, no dark rim."""
    shown = _seen_over(_composed(**options), colour)
    low, high = np.minimum(_RED, colour), np.maximum(_RED, colour)
    assert (shown >= low - 1.5).all()
    assert (shown <= high + 1.5).all()


def test_the_edge_keeps_its_softness_and_its_colour() -> None:
    """Scaled down, half-transparent pixels are as red as the middle."""
    rendered = _composed(size="50")
    assert rendered.rgb is not None
    assert rendered.alpha is not None
    soft = (rendered.alpha >= 16) & (rendered.alpha < 255)
    assert soft.sum() > 20
    assert np.abs(rendered.rgb[soft].astype(int) - _RED).max() <= 1


@pytest.mark.parametrize("options", [{}, {"crop": "1"}, {"size": "70x70"}, {"position": "center"}])
def test_the_removed_background_cannot_be_brought_back(options: dict[str, str]) -> None:
    """Where the answer is transparent its colours are the subject's or black, never the old background's."""
    rendered = _composed(**options)
    assert rendered.rgb is not None
    assert rendered.alpha is not None
    hidden = rendered.rgb[rendered.alpha == 0].astype(int)
    is_black = ~hidden.any(1)
    is_red = np.abs(hidden - _RED).max(1) <= 2
    assert (is_black | is_red).all()
    assert is_black.any()


def test_straight_alpha_by_default() -> None:
    """The colours are the subject's own, the alpha is the matte."""
    rendered = _composed()
    np.testing.assert_array_equal(rendered.alpha, _disc())
    assert rendered.rgb is not None
    assert (rendered.rgb[_disc() > 0] == _RED).all()
    assert rendered.subject == subject_box(_disc())


def test_without_a_foreground_the_picture_gives_the_colours() -> None:
    """A caller that estimates no foreground gets the photograph's pixels where they are visible."""
    picture, _ = _red_on_blue(_disc())
    rendered = compose(picture, _disc(), parse_options({}))
    assert rendered.rgb is not None
    np.testing.assert_array_equal(rendered.rgb[_disc() > 0], picture.rgb[_disc() > 0])


def test_rembg_colours_are_not_touched() -> None:
    """Under the parity profile premultiplied colours pass as they are, and a background is laid as rembg lays it."""
    matte = _disc()
    picture, _ = _red_on_blue(matte)
    premultiplied = (picture.rgb.astype(np.uint16) * matte[..., None] // 255).astype(np.uint8)
    plain = compose(picture, matte, parse_options({"numerics": "rembg"}), foreground=premultiplied)
    np.testing.assert_array_equal(plain.rgb, premultiplied)
    options = parse_options({"numerics": "rembg", "background": "white"})
    white = compose(picture, matte, options, foreground=premultiplied)
    cutout = Image.fromarray(np.dstack([premultiplied, matte]))
    theirs = Image.alpha_composite(Image.new("RGBA", cutout.size, "white"), cutout).convert("RGB")
    assert white.rgb is not None
    assert np.abs(white.rgb.astype(int) - np.asarray(theirs, int)).max() <= 1


def test_rembg_scales_its_planes_alike() -> None:
    """Premultiplied colours are resampled as they are, which is right for them."""
    matte = _disc()
    premultiplied = (np.array(_RED) * (matte[..., None] / 255)).astype(np.uint8)
    options = parse_options({"numerics": "rembg", "size": "40"})
    rendered = compose(_red_on_blue(matte)[0], matte, options, foreground=premultiplied)
    assert rendered.rgb is not None
    assert rendered.alpha is not None
    expected = np.array(_RED) * (rendered.alpha[..., None] / 255)
    assert np.abs(rendered.rgb - expected).max() <= 2


# --- the subject's box -----------------------------------------------------------------------------------------


def test_the_box_is_exact() -> None:
    """The box holds every pixel above the level, and no row or column more, in a large picture too."""
    matte = np.zeros((1500, 2100), np.uint8)
    matte[301:1203, 77:1999] = 9
    matte[280, 500:900] = 8
    assert subject_box(matte) == (77, 301, 1999, 1203)


def test_specks_do_not_widen_the_box() -> None:
    """Stray pixels in the corners of a photograph with a subject do not decide the crop."""
    matte = np.zeros((900, 1200), np.uint8)
    matte[300:600, 400:700] = 255
    matte[2:5, 2:5] = 255
    matte[890, 1190] = 60
    assert subject_box(matte) == (400, 300, 700, 600)


def test_two_subjects_share_a_box() -> None:
    """A second, smaller subject is not a speck."""
    matte = np.zeros((900, 1200), np.uint8)
    matte[300:600, 400:700] = 255
    matte[100:160, 1000:1060] = 255
    assert subject_box(matte) == (400, 100, 1060, 600)


@pytest.mark.parametrize(
    ("shape", "row", "column"), [((31, 1400), 30, 0), ((1400, 31), 0, 30), ((1025, 1025), 1024, 1024)]
)
def test_a_single_pixel_at_the_far_border_is_found(shape: tuple[int, int], row: int, column: int) -> None:
    """What is left over of the cells that specks are looked for in belongs to the picture too."""
    matte = np.zeros(shape, np.uint8)
    matte[row, column] = 255
    assert subject_box(matte) == (column, row, column + 1, row + 1)


@settings(deadline=None, max_examples=80)
@given(width=st.integers(1, 1400), height=st.integers(1, 40), turned=st.booleans(), data=st.data())
def test_one_rectangle_is_its_own_box(width: int, height: int, turned: bool, data: st.DataObject) -> None:
    """A filled rectangle anywhere, at the borders and in thin pictures too, is found to the pixel."""
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    right, bottom = data.draw(st.integers(left + 1, width)), data.draw(st.integers(top + 1, height))
    matte = np.zeros((height, width), np.uint8)
    matte[top:bottom, left:right] = 255
    expected = (left, top, right, bottom)
    if turned:
        matte, expected = matte.T.copy(), (top, left, bottom, right)
    assert subject_box(matte) == expected


def test_nothing_found_is_said() -> None:
    """An empty matte has no box, and whoever asked for a crop is told that there was nothing to crop to."""
    empty = np.full((20, 30), 8, np.uint8)
    assert subject_box(empty) is None
    rendered = _composed(empty, crop="1")
    assert rendered.notes == (NOTHING_FOUND,)
    assert rendered.shape == (20, 30)
    assert _composed(empty).notes == ()


# --- crop, size, position on pixels ----------------------------------------------------------------------------


def test_a_crop_shows_the_subject_alone() -> None:
    """The cropped answer has the box's size and the matte's pixels."""
    box = subject_box(_disc())
    assert box is not None
    rendered = _composed(crop="1")
    np.testing.assert_array_equal(rendered.alpha, _disc()[box.top : box.bottom, box.left : box.right])


def test_a_moved_subject_stands_where_it_was_asked() -> None:
    """Centred, the subject's box is in the middle of the canvas; at 100 % it touches the far borders."""
    middle = _composed(position="center").alpha
    assert middle is not None
    box = subject_box(middle)
    assert box is not None
    assert abs(box.left + box.right - 160) <= 1
    assert abs(box.top + box.bottom - 120) <= 1
    corner = _composed(position="100% 100%").alpha
    assert corner is not None
    moved = subject_box(corner)
    assert moved is not None
    assert (moved.right, moved.bottom) == (160, 120)


def test_a_canvas_is_transparent_around_the_piece() -> None:
    """Room that the picture does not fill is transparent and black."""
    rendered = _composed(size="200x300")
    assert rendered.rgb is not None
    assert rendered.alpha is not None
    assert rendered.alpha.shape == (300, 200)
    assert not rendered.alpha[:70].any()
    assert not rendered.rgb[:70].any()


def test_a_mask_is_cropped_and_scaled_alike() -> None:
    """The mask alone follows the same layout as the cut-out."""
    mask = _composed(mask="1", crop="1", size="64x64")
    full = _composed(crop="1", size="64x64")
    assert mask.rgb is None
    assert mask.icc is None
    assert mask.alpha is not None
    assert full.alpha is not None
    assert np.abs(mask.alpha.astype(int) - full.alpha).max() <= 1


@settings(deadline=None, max_examples=40)
@given(
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    size=st.sampled_from(["", "1", "7", "1x1", "33x5"]),
    crop=st.booleans(),
    background=st.sampled_from(["", "red", "#0f08", "blur", "image"]),
    seed=st.integers(0, 99),
)
def test_every_combination_gives_a_picture(
    width: int, height: int, size: str, crop: bool, background: str, seed: int
) -> None:
    """Options in any combination, on pictures down to one pixel, give planes of one size."""
    draw = np.random.default_rng(seed)
    matte = draw.integers(0, 256, (height, width), np.uint8) * np.uint8(seed % 2)
    picture = Picture(draw.integers(0, 256, (height, width, 3), np.uint8))
    behind = Picture(
        draw.integers(0, 256, (5, 9, 3), np.uint8), matte[:5, :9] if matte[:5, :9].shape == (5, 9) else None
    )
    options = parse_options({"size": size, "crop": str(crop), "background": background})
    rendered = compose(picture, matte, options, background=behind)
    assert rendered.rgb is not None
    assert rendered.rgb.dtype == np.uint8
    assert rendered.alpha is None or rendered.alpha.shape == rendered.rgb.shape[:2]
    if "x" in size:
        assert f"{rendered.width}x{rendered.height}" == size


# --- backgrounds -----------------------------------------------------------------------------------------------


def test_a_colour_fills_the_canvas() -> None:
    """An opaque colour leaves an opaque picture; a translucent one stays translucent."""
    opaque = _composed(background="#00ff00", size="200x300")
    assert opaque.alpha is None
    assert opaque.rgb is not None
    assert (opaque.rgb[0, 0] == (0, 255, 0)).all()
    translucent = _composed(background="#00ff0080")
    assert translucent.alpha is not None
    assert translucent.alpha[0, 0] == 128
    assert translucent.alpha[60, 56] == 255


def test_a_blurred_background_has_no_halo() -> None:
    """The blurred picture behind the subject is the background's own blue right up to the subject."""
    rendered = _composed(background="blur:4")
    assert rendered.alpha is None
    assert rendered.rgb is not None
    beside = rendered.rgb[_disc() == 0].astype(int)
    assert np.abs(beside - _BLUE).max() <= 6


def test_a_blurred_background_covers_a_canvas_of_other_proportions() -> None:
    """A canvas that the picture does not fill is blurred background up to its corners."""
    rendered = _composed(background="blur", size="100x300")
    assert rendered.rgb is not None
    assert rendered.rgb.shape == (300, 100, 3)
    assert np.abs(rendered.rgb[0, 0].astype(int) - _BLUE).max() <= 6


def test_an_image_covers_the_canvas_from_its_centre() -> None:
    """A wide background is cut at its sides, not squeezed."""
    wide = np.zeros((50, 300, 3), np.uint8)
    wide[:, 100:200] = (0, 200, 0)
    rendered = compose(
        Picture(np.zeros((100, 100, 3), np.uint8)),
        np.zeros((100, 100), np.uint8),
        parse_options({"background": "image"}),
        background=Picture(wide),
    )
    assert rendered.rgb is not None
    assert (rendered.rgb == (0, 200, 0)).all()


def test_a_background_image_keeps_its_own_alpha() -> None:
    """Where neither the subject nor the background shows anything, the answer is transparent."""
    alpha = np.zeros((120, 160), np.uint8)
    alpha[:, 80:] = 255
    behind = Picture(np.full((120, 160, 3), 77, np.uint8), alpha)
    rendered = compose(*_picture_and_matte(), parse_options({"background": "image"}), background=behind)
    assert rendered.alpha is not None
    assert rendered.alpha[0, 0] == 0
    assert rendered.alpha[0, 159] == 255
    assert rendered.alpha[60, 56] == 255


def _picture_and_matte() -> tuple[Picture, NDArray[np.uint8]]:
    return _red_on_blue(_disc())[0], _disc()


def test_a_background_image_that_was_not_sent_is_refused() -> None:
    """Naming an image without sending one is a bad option, not a transparent answer."""
    with pytest.raises(Refusal) as refused:
        compose(*_picture_and_matte(), parse_options({"background": "image"}))
    assert refused.value.reason.code == "request.option"


# --- profile and EXIF ------------------------------------------------------------------------------------------


def _wide_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def test_the_profile_stays_with_its_colours() -> None:
    """A cut-out keeps its profile; once it lies on an sRGB colour, it is sRGB itself."""
    picture = Picture(np.full((8, 8, 3), 99, np.uint8), icc=_wide_profile())
    matte = np.full((8, 8), 255, np.uint8)
    assert compose(picture, matte, parse_options({})).icc == picture.icc
    assert compose(picture, matte, parse_options({"background": "blur"})).icc == picture.icc
    assert compose(picture, matte, parse_options({"background": "red"})).icc is None


def test_exif_only_when_asked() -> None:
    """EXIF passes only under keep_metadata, whatever the background."""
    picture = Picture(np.zeros((8, 8, 3), np.uint8), exif=b"MM\0*")
    matte = np.full((8, 8), 255, np.uint8)
    assert compose(picture, matte, parse_options({})).exif is None
    assert compose(picture, matte, parse_options({"keep_metadata": "1"})).exif == b"MM\0*"
    kept = compose(picture, matte, parse_options({"keep_metadata": "1", "background": "red"}))
    assert kept.exif == b"MM\0*"
