"""What is decoded is the whole picture, upright, in 8-bit RGB with straight alpha; anything less is refused."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
import skimage
from numpy.typing import NDArray
from PIL import Image, ImageOps

from mattegate.config.settings import UploadSettings
from mattegate.cutout.decoding import open_source
from mattegate.cutout.picture import Picture
from mattegate.cutout.probe import Probe, check_upload, probe
from mattegate.vocabulary.formats import ImageFormat
from mattegate.vocabulary.refusal import Refusal
from tests.cutout import profiles
from tests.cutout.crafted import SIDE, chunk, corpus, encoded, pattern, png, seeds, traps

LIMITS = UploadSettings(types=tuple(ImageFormat))
PHOTOGRAPHS = Path(skimage.__file__).parent / "data"


def decoded(data: bytes) -> Picture:
    """The picture, if probe and decoder accept it; its invariants are checked on the way."""
    picture = open_source(data, check_upload(data, filename=None, limits=LIMITS)).decode()
    assert picture.rgb.dtype == np.uint8
    assert picture.rgb.flags.c_contiguous
    assert picture.rgb.shape == (picture.height, picture.width, 3)
    if picture.alpha is not None:
        assert picture.alpha.shape == picture.rgb.shape[:2]
        assert picture.alpha.flags.c_contiguous
    return picture


def refused(data: bytes) -> Refusal:
    """The refusal by probe or decoder; fails where the bytes are accepted."""
    with pytest.raises(Refusal) as caught:
        decoded(data)
    return caught.value


def rgb_of(image: Image.Image) -> NDArray[np.uint8]:
    """What Pillow makes of an image."""
    return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("name", ["astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg", "retina.jpg", "logo.png"])
def test_photographs_decode_as_in_pillow(name: str) -> None:
    """The quick decoders agree with Pillow on real photographs, pixel by pixel."""
    picture = decoded((PHOTOGRAPHS / name).read_bytes())
    with Image.open(PHOTOGRAPHS / name) as image:
        assert (picture.rgb == rgb_of(image)).all()


@pytest.mark.parametrize("options", [{"quality": 80}, {"lossless": True}, {"quality": 60, "exact": True}])
@pytest.mark.parametrize("channels", [3, 4])
def test_webp_decodes_as_in_pillow(options: dict[str, object], channels: int) -> None:
    """Lossy and lossless WebP, with and without alpha, equal Pillow's pixels."""
    data = encoded(Image.fromarray(pattern(channels=channels)), "webp", **options)
    picture = decoded(data)
    expected = np.asarray(Image.open(BytesIO(data)))
    assert (picture.rgb == expected[..., :3]).all()
    assert (picture.alpha is not None) == (channels == 4)
    if picture.alpha is not None:
        assert (picture.alpha == expected[..., 3]).all()


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_every_kind_of_jpeg_decodes_as_in_pillow(subsampling: int, progressive: bool) -> None:
    """Subsampled chroma is upsampled the same way in both, baseline and progressive."""
    data = encoded(Image.fromarray(pattern(131, 77)), "jpeg", subsampling=subsampling, progressive=progressive)
    assert (decoded(data).rgb == rgb_of(Image.open(BytesIO(data)))).all()


@pytest.mark.parametrize("image_format", ["jpeg", "png", "webp", "avif", "tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_come_upright(image_format: str, orientation: int) -> None:
    """All eight orientations are applied once, in every container that knows them."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(
        Image.fromarray(pattern()), image_format, exif=exif, **({"quality": 95} if "f" in image_format else {})
    )
    flat = encoded(Image.fromarray(pattern()), image_format, **({"quality": 95} if "f" in image_format else {}))
    upright = Image.open(BytesIO(flat)).convert("RGB")
    upright.getexif()[0x0112] = orientation
    picture = decoded(data)
    assert np.abs(picture.rgb.astype(int) - np.asarray(ImageOps.exif_transpose(upright))).mean() < 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_heic_is_turned_once(orientation: int) -> None:
    """The HEIF library turns the picture itself, so that the EXIF orientation must not turn it again."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(pattern(96, 64))
    picture = decoded(encoded(image, "heic", exif=exif.tobytes(), quality=95))
    image.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(image)).astype(int)
    assert picture.rgb.shape == expected.shape
    assert np.abs(picture.rgb - expected).mean() < 12


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_deep_tiff_is_turned_like_any_other(orientation: int) -> None:
    """The second decoder that reads 16-bit TIFF agrees with the first on which way is up."""
    shallow = decoded(_tiff(pattern(), orientation)).rgb
    deep = decoded(_tiff(pattern().astype(np.uint16) * 257, orientation))
    assert (deep.rgb == shallow).all()
    assert deep.notes == ("16 bits per channel were reduced to 8",)


@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
def test_exif_behind_the_pixels_of_a_png_counts(mode: str) -> None:
    """PNG lets eXIf follow the picture data, and ImageMagick writes it there."""
    exif = Image.Exif()
    exif[0x0112] = 6
    plain = encoded(Image.fromarray(pattern()).convert(mode), "png")
    behind = plain[:-12] + chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")) + plain[-12:]
    assert (decoded(behind).rgb == np.rot90(decoded(plain).rgb, -1)).all()


def test_exif_is_kept_upright_and_damage_to_it_is_noted() -> None:
    """The block can be written again; a broken one costs a note and never the picture."""
    kept = decoded(seeds()["jpeg"]).exif
    assert kept is not None
    reread = Image.Exif()
    reread.load(kept)
    assert (reread[0x0112], reread[0x010F]) == (1, "Maker")
    broken = decoded(encoded(Image.fromarray(pattern()), "png", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"))
    assert broken.exif is None
    assert broken.notes == ("the EXIF data is damaged and was dropped",)


def test_what_a_tiff_says_about_itself_is_kept() -> None:
    """TIFF has no EXIF block around its tags, so its descriptive tags become one."""
    kept = decoded(encoded(Image.fromarray(pattern()), "tiff", artist="A. Painter")).exif
    assert kept is not None
    reread = Image.Exif()
    reread.load(kept)
    assert dict(reread) == {0x013B: "A. Painter"}


def test_profiles_travel_only_where_they_matter() -> None:
    """A wide RGB profile stays with the picture, sRGB and damaged ones do not, and damage is noted."""
    image, wide = Image.fromarray(pattern()), profiles.display_p3()
    assert decoded(encoded(image, "png", icc_profile=wide)).icc == wide
    assert decoded(encoded(image, "jpeg", icc_profile=wide)).icc == wide
    broken = decoded(encoded(image, "jpeg", icc_profile=wide[:100]))
    assert (broken.icc, broken.notes) == (None, ("the colour profile is damaged or of another kind and was ignored",))


def test_grey_goes_through_its_profile() -> None:
    """Linear grey is converted; grey that carries an RGB profile keeps it for the answer."""
    grey = Image.fromarray(np.full((8, 8), 55, np.uint8))
    assert abs(int(decoded(encoded(grey, "png", icc_profile=profiles.grey())).rgb[0, 0, 0]) - 128) <= 2
    wide = decoded(encoded(grey, "jpeg", icc_profile=profiles.display_p3()))
    assert wide.icc == profiles.display_p3()
    assert wide.rgb[0, 0].tolist() == [55, 55, 55]


@pytest.mark.parametrize("image_format", ["jpeg", "tiff"])
def test_cmyk_becomes_rgb(image_format: str) -> None:
    """CMYK is converted by formula or profile, Adobe's inverted JPEG among it, and said so."""
    image = Image.fromarray(pattern()).convert("CMYK")
    plain = decoded(encoded(image, image_format))
    assert np.abs(plain.rgb.astype(int) - pattern()).mean() < 6
    assert plain.notes == ("CMYK was converted to sRGB without a profile",)
    managed = decoded(encoded(image, image_format, icc_profile=profiles.cmyk()))
    assert managed.notes == ("CMYK was converted to sRGB",)
    assert managed.icc is None
    assert np.ptp(managed.rgb.astype(int), axis=2).max() <= 2


def test_palettes_and_bits_become_rgb() -> None:
    """Palette with and without transparency, and bilevel, keep their colours."""
    rgba = Image.fromarray(pattern(channels=4))
    rgba.putalpha(Image.fromarray(np.where(np.indices(SIDE[::-1])[1] < 20, 0, 255).astype(np.uint8)))
    for data in (encoded(rgba.quantize(32), "png"), encoded(rgba, "gif")):
        expected = np.asarray(Image.open(BytesIO(data)).convert("RGBA"))
        picture = decoded(data)
        assert (picture.rgb == expected[..., :3]).all()
        assert picture.alpha is not None
        assert (picture.alpha == expected[..., 3]).all()
    opaque = Image.fromarray(pattern()).quantize(32)
    assert (decoded(encoded(opaque, "bmp")).rgb == rgb_of(opaque)).all()
    bilevel = opaque.convert("1")
    assert (decoded(encoded(bilevel, "png")).rgb == rgb_of(bilevel)).all()
    assert decoded(encoded(bilevel, "tiff")).alpha is None


@pytest.mark.parametrize(("bits", "level"), [(1, 1), (2, 2), (4, 9), (8, 200), (16, 1_000)])
def test_a_grey_colour_key_is_transparent(bits: int, level: int) -> None:
    """PNG's tRNS is compared at the depth of the file, whatever the decoder makes of the pixels."""
    row = np.array([level, level ^ 1], ">u2")
    packed = int("".join(f"{int(value):0{bits}b}" for value in row).ljust(-2 * bits % 8 + 2 * bits, "0"), 2)
    data = b"\0" + packed.to_bytes((2 * bits + 7) // 8, "big")
    picture = decoded(png(2, 1, data, chunk(b"tRNS", struct.pack(">H", level)), bits=bits, kind=0))
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[0, 255]]


@pytest.mark.parametrize("bits", [8, 16])
def test_a_colour_key_is_transparent(bits: int) -> None:
    """The one RGB colour that tRNS names is transparent, and its neighbour is not, at 16 bits too."""
    form = ">6B" if bits == 8 else ">6H"
    row = b"\0" + struct.pack(form, 10, 20, 30, 11, 20, 30)
    picture = decoded(png(2, 1, row, chunk(b"tRNS", struct.pack(">3H", 10, 20, 30)), bits=bits))
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[0, 255]]


@pytest.mark.parametrize(("kind", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_16_bits_are_rounded_and_noted(kind: int, channels: int) -> None:
    """16-bit samples become the nearest 8-bit ones instead of being cut, in every kind of PNG but the palette."""
    values = np.linspace(0, 65_535, 64 * channels).astype(">u2").reshape(1, 64, channels)
    picture = decoded(png(64, 1, b"\0" + values.tobytes(), bits=16, kind=kind))
    expected = np.rint(values.astype(float) / 257).astype(int)
    assert (picture.rgb[..., 0] == expected[..., 0]).all()
    if channels in (2, 4):
        assert picture.alpha is not None
        assert (picture.alpha == expected[..., -1]).all()
    assert picture.notes == ("16 bits per channel were reduced to 8",)


def test_an_opaque_alpha_is_none() -> None:
    """An alpha channel that is full everywhere is dropped."""
    image = Image.fromarray(pattern())
    image.putalpha(255)
    assert decoded(encoded(image, "png")).alpha is None
    grey = Image.fromarray(pattern()[..., 0])
    grey.putalpha(100)
    picture = decoded(encoded(grey, "png"))
    assert picture.alpha is not None
    assert np.unique(picture.alpha).tolist() == [100]


@pytest.mark.parametrize("name", ["png-animated", "webp-animated", "gif-animated", "tiff-pages"])
def test_the_first_frame_is_used_and_said_so(name: str) -> None:
    """Of an animation the first frame comes, with a note that counts the frames."""
    picture = decoded(seeds()[name])
    assert picture.notes == ("the first of 3 frames was used",)
    assert np.abs(picture.rgb.astype(int) - pattern()).mean() < 12


def test_floating_point_is_not_supported() -> None:
    """Samples without an 8-bit meaning are refused by name."""
    no = refused(encoded(Image.fromarray(np.zeros((4, 4), np.float32)), "tiff"))
    assert (no.reason.code, no.facts["feature"]) == ("upload.unsupported", "floating-point samples")


@pytest.mark.parametrize("name", sorted(seeds()))
def test_no_cut_gives_a_picture_that_lacks_rows(name: str) -> None:
    """A file cut anywhere is refused, or it is the very same picture."""
    data = seeds()[name]
    whole = decoded(data).rgb
    for length in range(1, len(data), max(1, len(data) // 60)):
        if (rows := _decoded_or_none(data[:length])) is not None:
            assert (rows == whole).all(), length


@pytest.mark.parametrize("name", ["rocket.jpg", "retina.jpg", "astronaut.png"])
def test_half_a_photograph_is_refused_even_with_its_ending(name: str) -> None:
    """Half a JPEG or PNG does not pass by gluing the format's last bytes to it."""
    data = (PHOTOGRAPHS / name).read_bytes()
    ending = b"\xff\xd9" if name.endswith("jpg") else chunk(b"IEND")
    assert refused(data[: len(data) // 2]).reason.code == "upload.truncated"
    assert refused(data[: len(data) // 2] + ending).reason.layer == "upload"


@pytest.mark.parametrize("kind", [0, 2, 3, 4, 6])
@pytest.mark.parametrize("interlaced", [False, True])
def test_a_png_whose_data_ends_before_its_rows_is_refused(kind: int, interlaced: bool) -> None:
    """A stream that is sound in itself but too short is damage, in every colour type."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    palette = (chunk(b"PLTE", bytes(range(6))),) if kind == 3 else ()
    size = 9 + 8 * 8 * channels if not interlaced else 15 + 64 * channels
    for missing, accepted in ((0, True), (1, False), (size // 2, False)):
        data = bytearray(png(8, 8, bytes(size - missing), *palette, kind=kind))
        data[28] = interlaced
        data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
        assert (_decoded_or_none(bytes(data)) is not None) == (accepted or (missing == 1 and not interlaced)), missing


def test_stray_bytes_before_the_end_of_a_jpeg_are_forgiven() -> None:
    """Some cameras leave them; the picture is whole, so it is taken with a note."""
    data = seeds()["jpeg-progressive"]
    picture = decoded(data[:-2] + b"\0\0\0\0" + data[-2:])
    assert (picture.rgb == decoded(data).rgb).all()
    assert picture.notes == ("stray bytes at the end of the JPEG data were skipped",)


@pytest.mark.parametrize("change", [(1, 0), (0, 1), (-1, 0)])
def test_a_decoder_that_sees_another_size_is_not_believed(change: tuple[int, int]) -> None:
    """Header and decoder must agree about the size."""
    found = probe(seeds()["png"])
    lying = Probe(found.format, found.width + change[0], found.height + change[1], channels=3)
    with pytest.raises(Refusal) as caught:
        open_source(seeds()["png"], lying)
    assert caught.value.reason.code == "upload.corrupt"
    assert "header says" in caught.value.operator_detail


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_preview_is_the_picture_made_small(orientation: int) -> None:
    """The preview of a large JPEG is upright, large enough, much smaller, and looks like the picture."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    with Image.open(PHOTOGRAPHS / "rocket.jpg") as rocket:
        data = encoded(rocket.resize((2_560, 1_708)), "jpeg", exif=exif)
    source = open_source(data, probe(data))
    small, full = source.preview(320), source.decode()
    assert small is not None
    assert 320 <= min(small.shape[:2]) < 700
    assert small.flags.c_contiguous
    resized = Image.fromarray(full.rgb).resize((small.shape[1], small.shape[0]), Image.Resampling.BOX)
    assert np.abs(np.asarray(resized).astype(int) - small).mean() < 2


def test_there_is_no_preview_where_it_would_not_pay() -> None:
    """Small pictures, other formats, grey, and sides close to the full size have none."""
    for name in ("jpeg", "png", "webp"):
        assert open_source(seeds()[name], probe(seeds()[name])).preview(16) is None
    large = simplejpeg.encode_jpeg(np.zeros((2_000, 2_200, 3), np.uint8))
    assert open_source(large, probe(large)).preview(1_024) is None
    grey = simplejpeg.encode_jpeg(np.zeros((2_000, 2_200, 1), np.uint8), colorspace="GRAY")
    assert open_source(grey, probe(grey)).preview(320) is None


def test_a_memoryview_is_as_good_as_bytes() -> None:
    """Uploads may lie in shared memory, read-only."""
    for data in seeds().values():
        view = memoryview(data).toreadonly()
        assert (open_source(view, probe(view)).decode().rgb == decoded(data).rgb).all()


@pytest.mark.parametrize("name", ["png-wrong-checksum", "png-taller-than-its-rows", "png-text-bomb", "jpeg-half-ended"])
def test_traps_that_pass_the_header_are_refused_by_the_decoder(name: str) -> None:
    """What looks sound from outside is refused with a type when it is decoded."""
    assert refused(traps()[name]).reason.code in ("upload.corrupt", "upload.truncated")


def test_the_corpus_is_answered_with_pictures_or_refusals() -> None:
    """A slice of the hostile corpus meets the limits and then the decoders, and nothing else comes out."""
    codes = set()
    for _, filename, data in corpus(11, 300):
        try:
            open_source(data, check_upload(data, filename=filename, limits=LIMITS)).decode()
        except Refusal as no:
            codes.add(no.reason.code)
    assert {"upload.truncated", "upload.corrupt", "upload.name", "upload.type", "upload.pixels"} <= codes
    assert {code.partition(".")[0] for code in codes} == {"upload"}


def test_heic_without_its_extra_says_what_is_missing() -> None:
    """Where pillow-heif is not installed, a HEIC is refused with the extra's name; the rest works without it."""
    code = (
        "import sys; sys.modules['pillow_heif'] = None\n"
        "from mattegate.cutout.decoding import open_source\n"
        "from mattegate.cutout.probe import probe\n"
        "from mattegate.vocabulary.refusal import Refusal\n"
        "data = sys.stdin.buffer.read()\n"
        "try: open_source(data, probe(data))\n"
        "except Refusal as no: print(no.reason.code, no.facts['extra'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], input=seeds()["heic"], capture_output=True, check=True)
    assert done.stdout.decode().split() == ["option.extra_missing", "heic"]


def test_pictures_decode_side_by_side() -> None:
    """Several threads decode every format at once and get what one alone gets; previews run beside full decodes."""
    alone = {name: decoded(data).rgb for name, data in seeds().items()}
    large = simplejpeg.encode_jpeg(np.ascontiguousarray(pattern(2_400, 1_800)))
    source = open_source(large, probe(large))
    with ThreadPoolExecutor(4) as pool:
        full, small = pool.submit(source.decode), pool.submit(source.preview, 320)
        together = pool.map(lambda name: (name, decoded(seeds()[name]).rgb), sorted(seeds()) * 4)
        assert all((rgb == alone[name]).all() for name, rgb in together)
        assert full.result().width == 2_400
        assert small.result() is not None


def _decoded_or_none(data: bytes) -> NDArray[np.uint8] | None:
    try:
        return decoded(data).rgb
    except Refusal:
        return None


def _tiff(pixels: NDArray[np.unsignedinteger], orientation: int) -> bytes:
    """An uncompressed TIFF of RGB pixels with 8 or 16 bits, in one strip."""
    height, width, channels = pixels.shape
    body = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    bits = pixels.dtype.itemsize * 8
    start = 8 + 2 + 12 * 10 + 4
    tags = [(256, 3, 1, width), (257, 3, 1, height), (258, 3, channels, start), (259, 3, 1, 1), (262, 3, 1, 2),
            (273, 4, 1, start + 6), (274, 3, 1, orientation), (277, 3, 1, channels), (278, 3, 1, height),
            (279, 4, 1, len(body))]  # fmt: skip
    directory = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + directory + bytes(4) + struct.pack("<3H", *[bits] * 3) + body
