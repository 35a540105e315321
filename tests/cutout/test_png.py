"""The PNG writer: what it writes is read back unchanged by two other decoders, and is a strictly valid datastream."""

from __future__ import annotations

import io
import struct
import zlib
from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms

from mattegate.cutout.png import (
    SIGNATURE,
    Compressor,
    Deflater,
    Segment,
    adler32_combine,
    default_deflater,
    encode_png,
    first_sound,
)

_ZLIB = Deflater("zlib", zlib, level=1)
_SIDES = st.one_of(st.sampled_from([1, 2, 3]), st.integers(4, 90))


def _written(rgb: NDArray[np.uint8] | None, alpha: NDArray[np.uint8] | None = None, **how: object) -> bytes:
    return b"".join(encode_png(rgb, alpha, **how))  # type: ignore[arg-type]  # options are passed through


def _chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    """Every chunk as kind and body; fails on a wrong length, a wrong CRC or bytes left over."""
    assert png.startswith(SIGNATURE)
    at, chunks = len(SIGNATURE), []
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        kind, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", png, at + 8 + length)[0] == zlib.crc32(kind + body)
        chunks.append((kind, body))
        at += 12 + length
    assert at == len(png)
    return chunks


def _scene(height: int, width: int, channels: int, seed: int = 0) -> NDArray[np.uint8]:
    """A gradient, a flat part and noise, so that more than one filter has a reason to win."""
    draw = np.random.default_rng(seed)
    slope = np.add.outer(np.arange(height), np.arange(width)).astype(np.uint8)
    scene = np.repeat(slope[..., None], channels, axis=2)
    scene[:, width // 2 :] += draw.integers(0, 9, scene[:, width // 2 :].shape, np.uint8)
    scene[: height // 3] = 0
    return scene


@settings(deadline=None, max_examples=60)
@given(width=_SIDES, height=_SIDES, kind=st.sampled_from(["rgb", "rgba", "l"]), threads=st.integers(1, 3))
def test_any_size_reads_back_in_pillow_and_opencv(width: int, height: int, kind: str, threads: int) -> None:
    """Every kind and size decodes to the same pixels in Pillow and OpenCV."""
    scene = _scene(height, width, 4, seed=width * 91 + height)
    rgb = None if kind == "l" else scene[..., :3].copy()
    alpha = None if kind == "rgb" else scene[..., 3].copy()
    png = _written(rgb, alpha, threads=threads)
    expected = {"rgb": scene[..., :3], "rgba": scene, "l": scene[..., 3]}[kind]
    with Image.open(io.BytesIO(png)) as image:
        assert image.mode == kind.upper()
        np.testing.assert_array_equal(np.asarray(image), expected)
    seen = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    assert seen is not None
    order = {"rgb": [2, 1, 0], "rgba": [2, 1, 0, 3]}.get(kind)
    np.testing.assert_array_equal(seen if order is None else seen[..., order], expected)


@pytest.mark.parametrize(("height", "width"), [(1, 700_000), (700_000, 1), (1200, 1100)])
def test_many_strips_are_one_stream_whatever_the_threads(height: int, width: int) -> None:
    """Pictures of several strips, the widest and the tallest too, give the same valid bytes with any threads."""
    scene = _scene(height, width, 4)
    rgb, alpha = scene[..., :3].copy(), scene[..., 3].copy()
    alone, *others = [_written(rgb, alpha, threads=threads) for threads in (1, 2, 3)]
    assert all(other == alone for other in others)
    seen = cv2.imdecode(np.frombuffer(alone, np.uint8), cv2.IMREAD_UNCHANGED)
    assert seen is not None
    np.testing.assert_array_equal(seen[..., [2, 1, 0, 3]], scene)
    raw = zlib.decompress(b"".join(body for kind, body in _chunks(alone) if kind == b"IDAT"))  # checks Adler-32
    assert len(raw) == height * (width * 4 + 1)


def test_the_datastream_is_strictly_valid() -> None:
    """Chunks come in the order of the standard, IDAT without gaps, and Pillow's own check passes."""
    scene = _scene(900, 1300, 3)
    png = _written(scene, exif=b"MM\0*\0\0\0\x08\0\0\0\0\0\0", threads=2)
    kinds = [kind for kind, _ in _chunks(png)]
    data = [number for number, kind in enumerate(kinds) if kind == b"IDAT"]
    assert kinds[:3] == [b"IHDR", b"sRGB", b"eXIf"]
    assert kinds[-1] == b"IEND"
    assert len(data) > 1
    assert all(b - a == 1 for a, b in pairwise(data))
    with Image.open(io.BytesIO(png)) as image:
        image.verify()


def test_a_crop_is_written_without_its_surroundings() -> None:
    """A view into larger planes, whose rows are not contiguous, is written as it is seen."""
    scene = _scene(80, 90, 4)
    rgb, alpha = scene[..., :3].copy()[7:51, 11:73], scene[..., 3].copy()[7:51, 11:73]
    with Image.open(io.BytesIO(_written(rgb, alpha))) as image:
        np.testing.assert_array_equal(np.asarray(image), scene[7:51, 11:73])
    with Image.open(io.BytesIO(_written(rgb))) as image:
        np.testing.assert_array_equal(np.asarray(image), scene[7:51, 11:73, :3])


@pytest.mark.parametrize("kind", ["flat", "photograph", "noise"])
def test_each_kind_of_picture_gets_a_filter_that_suits_it(kind: str) -> None:
    """A drawing is written unfiltered, a slope and noise with the filter that deflates best; all of them read back."""
    draw = np.random.default_rng(1)
    pictures = {
        "flat": np.repeat(draw.integers(0, 2, (300, 40), np.uint8) * 255, 10, axis=1),
        "photograph": np.repeat(draw.integers(0, 256, (1, 400), np.uint8), 300, axis=0),
        "noise": cv2.GaussianBlur(draw.integers(0, 256, (300, 400), np.uint8), (0, 0), 2) // 8 * 8
        + draw.integers(0, 8, (300, 400), np.uint8),
    }
    png = _written(None, np.asarray(pictures[kind], np.uint8))
    raw = zlib.decompress(b"".join(body for name, body in _chunks(png) if name == b"IDAT"))
    assert raw[0] == {"flat": 0, "photograph": 2, "noise": 3}[kind]
    with Image.open(io.BytesIO(png)) as image:
        np.testing.assert_array_equal(np.asarray(image), pictures[kind])


def test_profile_and_exif_are_embedded() -> None:
    """A profile replaces the sRGB chunk and is read back by Pillow byte for byte, and so is EXIF."""
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    exif = Image.Exif()
    exif[0x010E] = "a cup"
    png = _written(_scene(4, 5, 3), icc=icc, exif=exif.tobytes().removeprefix(b"Exif\0\0"))
    assert [kind for kind, _ in _chunks(png)] == [b"IHDR", b"iCCP", b"eXIf", b"IDAT", b"IEND"]
    with Image.open(io.BytesIO(png)) as image:
        assert image.info["icc_profile"] == icc
        assert image.getexif()[0x010E] == "a cup"


def test_a_mask_carries_no_colour_chunks() -> None:
    """A greyscale mask is data, not colour, and says nothing of sRGB."""
    assert [kind for kind, _ in _chunks(_written(None, _scene(4, 5, 1)[..., 0]))] == [b"IHDR", b"IDAT", b"IEND"]


@given(first=st.binary(max_size=70_000), second=st.binary(max_size=300), repeat=st.integers(1, 400))
@settings(deadline=None, max_examples=80)
def test_adler_sums_combine_as_in_zlib(first: bytes, second: bytes, repeat: int) -> None:
    """The combined sum is the sum of the bytes in a row, beyond the modulus too."""
    second *= repeat
    combined = adler32_combine(zlib.adler32(first), zlib.adler32(second), len(second))
    assert combined == zlib.adler32(first + second)


def test_isal_is_what_deflates_here() -> None:
    """On this machine ISA-L passes its check; where it does not, the product is right but slow."""
    assert default_deflater().name == "isal"


class _Forgetful:
    """A deflate module that loses a byte, as a miscompiled one might."""

    def compressobj(self, level: int, method: int, wbits: int, /) -> Compressor:
        return _ForgetfulStream(zlib.compressobj(level, method, wbits))

    def adler32(self, data: Segment, value: int, /) -> int:
        return zlib.adler32(data, value)

    def crc32(self, data: Segment, value: int, /) -> int:
        return zlib.crc32(data, value)


class _ForgetfulStream:
    def __init__(self, stream: Compressor) -> None:
        self._stream = stream

    def compress(self, data: Segment, /) -> bytes:
        return self._stream.compress(memoryview(data).cast("B")[:-1])

    def flush(self, mode: int, /) -> bytes:
        return self._stream.flush(mode)


def test_a_wrong_deflate_is_passed_over() -> None:
    """A deflate that zlib does not read back is not used, and the next one is."""
    assert first_sound([Deflater("forgetful", _Forgetful(), 1), _ZLIB]).name == "zlib"
    with pytest.raises(LookupError):
        first_sound([Deflater("forgetful", _Forgetful(), 1)])


def test_zlib_stands_in() -> None:
    """The same strips deflated by zlib read back as well."""
    scene = _scene(700, 900, 4)
    png = _written(scene[..., :3].copy(), scene[..., 3].copy(), deflater=_ZLIB, threads=2)
    with Image.open(io.BytesIO(png)) as image:
        np.testing.assert_array_equal(np.asarray(image), scene)


def test_no_pixels_and_unequal_planes_are_errors() -> None:
    """What no PNG can hold is refused before a byte is written."""
    with pytest.raises(ValueError, match="at least one pixel"):
        encode_png(None, None)
    with pytest.raises(ValueError, match="at least one pixel"):
        encode_png(np.zeros((0, 4, 3), np.uint8))
    with pytest.raises(ValueError, match="differ in size"):
        encode_png(np.zeros((3, 4, 3), np.uint8), np.zeros((4, 3), np.uint8))
