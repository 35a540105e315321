"""Encoding: every format is read back by another decoder, with what belongs to it and nothing else."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from mattegate.cutout.encoding import EXIF_LEFT_OUT, FLATTENED, Encoded, encode
from mattegate.cutout.rendered import Rendered
from mattegate.vocabulary.options import parse_options
from mattegate.vocabulary.refusal import Refusal

_TOLERANCE = {"png": 0.0, "webp": 3.0, "avif": 3.0, "jpeg": 3.0}
"""Mean absolute difference at quality 90, in levels."""


def _smooth(height: int = 90, width: int = 120) -> NDArray[np.uint8]:
    y, x = np.mgrid[0:height, 0:width]
    return np.dstack([x * 255 // width, y * 255 // height, (x + y) % 256 // 2]).astype(np.uint8)


def _soft(height: int = 90, width: int = 120) -> NDArray[np.uint8]:
    y, x = np.mgrid[0:height, 0:width]
    return np.asarray(np.clip(300 - 8 * np.hypot(y - height / 2, x - width / 2), 0, 255), np.uint8)


def _encoded(rendered: Rendered, **options: str) -> tuple[bytes, Encoded]:
    encoded = encode(rendered, parse_options(options), threads=2)
    return b"".join(encoded.segments), encoded


def _decoded(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return image


@pytest.mark.parametrize("kind", ["png", "webp", "avif"])
def test_cut_outs_read_back(kind: str) -> None:
    """Colours are right where they are visible and the alpha is right everywhere."""
    rgb, alpha = _smooth(), _soft()
    data, encoded = _encoded(Rendered(rgb, alpha), format=kind, quality="90")
    image = _decoded(data)
    assert encoded.media_type == f"image/{kind}" == Image.MIME[image.format or ""]
    assert image.mode == "RGBA"
    seen = np.asarray(image).astype(int)
    assert np.abs(seen[..., 3] - alpha).mean() <= _TOLERANCE[kind]
    assert np.abs(seen[..., :3] - rgb)[alpha > 0].mean() <= _TOLERANCE[kind]
    assert encoded.notes == ()


@pytest.mark.parametrize("kind", ["png", "webp", "avif", "jpeg"])
def test_opaque_pictures_read_back(kind: str) -> None:
    """A picture over a background has no alpha channel in any format."""
    image = _decoded(_encoded(Rendered(_smooth(), None), format=kind, quality="90")[0])
    assert image.mode == "RGB"
    assert np.abs(np.asarray(image).astype(int) - _smooth()).mean() <= _TOLERANCE[kind]


@pytest.mark.parametrize("kind", ["png", "webp", "avif", "jpeg"])
def test_masks_read_back(kind: str) -> None:
    """A mask alone is grey in every format."""
    image = _decoded(_encoded(Rendered(None, _soft()), format=kind, quality="90", mask="1")[0])
    assert np.abs(np.asarray(image.convert("L")).astype(int) - _soft()).mean() <= _TOLERANCE[kind]
    assert image.mode == "L" or kind in {"webp", "avif"}


@pytest.mark.parametrize("kind", ["webp", "avif", "jpeg"])
def test_quality_is_a_matter_of_size(kind: str) -> None:
    """A lower quality takes fewer bytes."""
    sizes = [len(_encoded(Rendered(_smooth(), None), format=kind, quality=quality)[0]) for quality in ("20", "95")]
    assert sizes[0] < sizes[1]


def test_webp_of_quality_100_is_lossless() -> None:
    """The best WebP is the exact one, wherever something is visible."""
    image = _decoded(_encoded(Rendered(_smooth(), _soft()), format="webp", quality="100")[0])
    seen = np.asarray(image)
    np.testing.assert_array_equal(seen[..., 3], _soft())
    np.testing.assert_array_equal(seen[_soft() > 0, :3], _smooth()[_soft() > 0])


def test_jpeg_puts_a_cut_out_on_white_and_says_so() -> None:
    """Without a background of its own the cut-out lies on white, soft edges included."""
    data, encoded = _encoded(Rendered(_smooth(), _soft()), format="jpeg", quality="95")
    assert encoded.notes == (FLATTENED,)
    share = _soft()[..., None] / 255
    expected = _smooth() * share + 255 * (1 - share)
    assert np.abs(np.asarray(_decoded(data)) - expected).mean() <= 3


def test_zip_holds_colour_and_alpha() -> None:
    """Both parts read back, are stored under fixed names and dates, and the same input gives the same bytes."""
    rendered = Rendered(_smooth(), _soft())
    data, encoded = _encoded(rendered, format="zip", quality="95")
    assert encoded.media_type == "application/zip"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["color.jpg", "alpha.png"]
        assert all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())
        colour, alpha = (np.asarray(_decoded(archive.read(name))) for name in archive.namelist())
    np.testing.assert_array_equal(alpha, _soft())
    assert np.abs(colour.astype(int) - _smooth())[_soft() > 0].mean() <= 3
    assert data == _encoded(rendered, format="zip", quality="95")[0]


def test_zip_colours_do_not_darken_at_the_edge() -> None:
    """Pixels at the hard edge of a bright subject stay bright, because its colour continues beyond it."""
    alpha = np.zeros((96, 96), np.uint8)
    alpha[29:67, 31:65] = 255
    rgb = np.where(alpha[..., None] > 0, (240, 200, 30), 0).astype(np.uint8)
    data, _ = _encoded(Rendered(rgb, alpha), format="zip", quality="85")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        colour = np.asarray(_decoded(archive.read("color.jpg"))).astype(int)
    assert np.abs(colour - (240, 200, 30))[alpha > 0].max() <= 4


def _exif(description: str = "a cup") -> bytes:
    exif = Image.Exif()
    exif[0x010E] = description
    return exif.tobytes().removeprefix(b"Exif\0\0")


def _icc() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize("kind", ["png", "webp", "avif", "jpeg"])
def test_profile_and_exif_are_kept(kind: str) -> None:
    """Each format carries the profile byte for byte, and the EXIF block."""
    image = _decoded(_encoded(Rendered(_smooth(), None, icc=_icc(), exif=_exif()), format=kind)[0])
    assert image.info["icc_profile"] == _icc()
    assert image.getexif()[0x010E] == "a cup"


@pytest.mark.parametrize("kind", ["png", "webp", "avif", "jpeg"])
def test_nothing_is_embedded_that_was_not_given(kind: str) -> None:
    """No profile and no EXIF appear by themselves."""
    image = _decoded(_encoded(Rendered(_smooth(), None), format=kind)[0])
    assert "icc_profile" not in image.info
    assert not image.getexif()


def test_a_long_profile_takes_several_jpeg_segments() -> None:
    """A profile longer than one segment is split and put together again by the decoder."""
    long = _icc() + bytes(range(256)) * 600
    image = _decoded(_encoded(Rendered(_smooth(), None, icc=long), format="jpeg")[0])
    assert image.info["icc_profile"] == long


def test_exif_too_long_for_jpeg_is_left_out_and_said() -> None:
    """What cannot be embedded is a note, not a broken file."""
    data, encoded = _encoded(Rendered(_smooth(), None, exif=_exif("x" * 70_000)), format="jpeg")
    assert encoded.notes == (EXIF_LEFT_OUT,)
    assert not _decoded(data).getexif()


@pytest.mark.parametrize(("kind", "side"), [("webp", 16_384), ("avif", 65_537), ("jpeg", 65_536), ("zip", 65_536)])
def test_what_a_format_cannot_hold_is_refused(kind: str, side: int) -> None:
    """A picture that is too long for its format is refused with the limit, and png takes it."""
    rendered = Rendered(np.zeros((1, side, 3), np.uint8), np.zeros((1, side), np.uint8))
    with pytest.raises(Refusal) as refused:
        _encoded(rendered, format=kind)
    assert refused.value.reason.code == "request.option"
    assert str(side - 1) in refused.value.detail
    assert _decoded(_encoded(rendered)[0]).size == (side, 1)


def test_the_longest_webp_is_written() -> None:
    """The limit itself is allowed."""
    rendered = Rendered(np.zeros((1, 16_383, 3), np.uint8), np.zeros((1, 16_383), np.uint8))
    assert _decoded(_encoded(rendered, format="webp")[0]).size == (16_383, 1)


def test_zip_of_an_opaque_picture_is_refused() -> None:
    """A ZIP keeps colour and alpha apart, so there must be both."""
    with pytest.raises(Refusal):
        _encoded(Rendered(_smooth(), None), format="zip")


@pytest.mark.parametrize("kind", ["png", "webp", "avif", "jpeg", "zip"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (3, 5)])
def test_the_smallest_pictures(kind: str, shape: tuple[int, int]) -> None:
    """One pixel, one row and one column are pictures too, and views of larger planes are as well."""
    rgb, alpha = _smooth()[5 : 5 + shape[0], 9 : 9 + shape[1]], _soft()[5 : 5 + shape[0], 9 : 9 + shape[1]]
    data, _ = _encoded(Rendered(rgb, alpha), format=kind)
    if kind != "zip":
        assert _decoded(data).size == (shape[1], shape[0])


def test_notes_of_composing_are_passed_on() -> None:
    """What composing has to say reaches the caller with what encoding has to say."""
    _, encoded = _encoded(Rendered(_smooth(), _soft(), notes=("first",)), format="jpeg")
    assert encoded.notes == ("first", FLATTENED)


def test_something_must_be_there_to_encode() -> None:
    """Neither colours nor a mask is a mistake of the caller."""
    with pytest.raises(ValueError, match="neither"):
        Rendered(None, None)
