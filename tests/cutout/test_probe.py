"""Uploads are judged by their bytes before any decoder sees them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import skimage
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from mattegate.config.settings import UploadSettings
from mattegate.cutout.probe import Probe, check_upload, probe, sniff
from mattegate.vocabulary.formats import ImageFormat
from mattegate.vocabulary.refusal import Refusal
from tests.cutout.crafted import SIDE, bomb, corpus, encoded, pattern, seeds, traps

LIMITS = UploadSettings(types=tuple(ImageFormat))
PHOTOGRAPHS = Path(skimage.__file__).parent / "data"


def refusal(data: bytes, filename: str | None = None, limits: UploadSettings = LIMITS) -> Refusal:
    """The refusal that an upload meets; fails where it is accepted."""
    with pytest.raises(Refusal) as caught:
        check_upload(data, filename=filename, limits=limits)
    return caught.value


def answer(data: bytes) -> Probe | str:
    """The probe of the bytes, or the code of their refusal."""
    try:
        return probe(data)
    except Refusal as no:
        return no.reason.code if no.detail and no.operator_detail and no.remedy else "unexplained"


@pytest.mark.parametrize("name", ["astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg", "retina.jpg"])
def test_photographs_have_the_size_that_pillow_sees(name: str) -> None:
    """Real photographs are recognised and measured as a decoder would measure them."""
    data = (PHOTOGRAPHS / name).read_bytes()
    found = check_upload(data, filename=name, limits=UploadSettings())
    with Image.open(PHOTOGRAPHS / name) as image:
        assert (found.width, found.height) == image.size
    assert found.channels == 3


@pytest.mark.parametrize("name", sorted(seeds()))
def test_every_format_is_recognised_and_measured(name: str) -> None:
    """Each seed has the format of its name, its size, and its frames; HEIC's size is that of the coded blocks."""
    found = probe(memoryview(seeds()[name]))
    assert found.format == name.partition("-")[0]
    assert (found.width, found.height) == ((64, 64) if name == "heic" else SIDE)
    assert found.frames == (3 if name.endswith(("animated", "pages")) else 1)
    assert found.bits == {"png-deep": 16, "png-palette": 4}.get(name, 8)


def test_an_avif_sequence_counts_its_frames() -> None:
    """Frames of an AVIF sequence come from its sample table."""
    image = Image.fromarray(pattern())
    data = encoded(image, "avif", save_all=True, append_images=[image.rotate(90), image.rotate(180)])
    assert probe(data).frames == 3


def test_a_core_header_and_rows_from_the_top_are_read() -> None:
    """BMP's old 12-byte header and negative heights are sizes like any other."""
    core = b"BM" + bytes(8) + (26).to_bytes(4, "little") + (12).to_bytes(4, "little")
    core += (2).to_bytes(2, "little") * 2 + b"\x01\x00\x18\x00" + bytes(16)
    assert (probe(core).width, probe(core).height) == (2, 2)
    top_down = bytearray(seeds()["bmp"])
    top_down[22:26] = (-SIDE[1]).to_bytes(4, "little", signed=True)
    assert probe(bytes(top_down)).height == SIDE[1]


def test_bigtiff_is_read() -> None:
    """A BigTIFF has the same sizes as the TIFF of the same picture."""
    data = encoded(Image.fromarray(pattern()), "tiff", big_tiff=True)
    assert data[2:4] == b"+\0"
    assert (probe(data).width, probe(data).height) == SIDE


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"%PDF-1.7 ...", "a PDF document"),
        (b"MZ\x90\x00", "a Windows program"),
        (b"\x7fELF\x02", "an ELF program"),
        (b"PK\x03\x04....", "a ZIP archive"),
        (b"<?php system('id');", "PHP source"),
        (b"hello <?php system('id');", "PHP source"),
        (b"<!DOCTYPE html><html>", "HTML text"),
        (b'<svg xmlns="http://www.w3.org/2000/svg">', "an SVG drawing"),
        (b'<?xml version="1.0"?><svg width="1">', "an SVG drawing"),
        (b"\x00\x00\x00\x20ftypisom", "an MP4 video"),
        (b"\x00\x00\x00\x14ftypqt  ", "a QuickTime video"),
        (b'\x20\0\0\0\0\0\0\0{"a":{"dtype":"F32","shape":[1],"data', ".safetensors weights"),
        (b"iVBORw0KGgoAAAANSUhEUg", "base64 text instead of the image itself"),
        (b"data:image/png;base64,iVBOR", "a data: URL instead of the image itself"),
        (b"BMW builds motor cars and bikes.", "text"),
        ("Grüße".encode(), "text"),
        (b'{"image": "x"}', "JSON text"),
        (b"#!/bin/sh\nrm -rf /", "a script"),
        (b"II*\0\x10\0\0\0CR\x02\0", "a camera raw file"),
        (b"\x01\x02\x03", "unknown data"),
    ],
)
def test_what_is_no_image_is_named(data: bytes, found: str) -> None:
    """The refusal says what the bytes are instead."""
    no = refusal(data, "picture.png")
    assert (no.reason.code, no.facts["found"]) == ("upload.type", found)


@pytest.mark.parametrize("size", [512, 2_048, 4_096])
def test_text_is_text_wherever_the_look_ends(size: int) -> None:
    """A character cut by the end of the look does not turn text into unknown data."""
    assert refusal(("a" + "ü" * size).encode()).facts["found"] == "text"


def test_nothing_is_empty() -> None:
    """No bytes are refused as such."""
    assert refusal(b"").reason.code == "upload.empty"


def test_the_byte_limit_counts_every_byte() -> None:
    """The limit itself passes and one byte more does not."""
    data = seeds()["png"]
    assert check_upload(data, filename=None, limits=replace(LIMITS, max_bytes=len(data))).width == SIDE[0]
    assert refusal(data, limits=replace(LIMITS, max_bytes=len(data) - 1)).reason.code == "upload.too_large"


@pytest.mark.parametrize("name", ["gif", "bmp", "tiff", "avif", "heic"])
def test_other_types_are_off_by_default(name: str) -> None:
    """Types that the configuration does not name are refused, and those it names are listed."""
    no = refusal(seeds()[name], limits=UploadSettings())
    assert no.reason.code == "upload.type_disabled"
    assert no.facts["accepted"] == "JPEG, PNG, WebP"


@pytest.mark.parametrize(
    "name",
    [
        "a.php", "a.PHP", "a.php.png", "a.png.php", "a.phtml", "a.exe", "invoice.pdf.exe", "a.asp;.png", "a.php\0.png",
        "a.php%00.png", "a.php .png", "a.php.", "dir/.htaccess", "C:\\tmp\\a.jsp", "page.html", "a.svg", "run.sh",
        "a.gif", "a.jpg", "a.JPEG", "a.webp", "a.tar.tiff",
    ],
)  # fmt: skip
def test_a_name_that_lies_is_refused(name: str) -> None:
    """A PNG may not be named as a program, as a script, or as another image format."""
    assert refusal(seeds()["png"], name).reason.code == "upload.name"


@pytest.mark.parametrize(
    "name",
    [None, "", "png", "a.png", "a.PNG", "a.apng", "a", "a.bak", "v1.2.final.png", "logo.example.com.png",
     "d3.js.png", "to do list.png", "call.to.action.png",
     "my user.war photo.png", "50% off: sale.png", "C:\\fakepath\\a.png", "a b.png", "図.png", "...", "blob"],
)  # fmt: skip
def test_an_honest_or_unknown_name_passes(name: str | None) -> None:
    """Names that promise a PNG or nothing at all pass."""
    assert check_upload(seeds()["png"], filename=name, limits=LIMITS).format is ImageFormat.PNG


def test_a_name_is_shown_without_its_path_and_controls() -> None:
    """What is echoed is one short printable component."""
    no = refusal(seeds()["png"], "../../x\r\nSet-Cookie: \x1b[31m" + "a" * 500 + ".php")
    shown = str(no.facts["name"])
    assert shown.isprintable()
    assert "/" not in shown
    assert len(shown) <= 80


def test_a_bomb_meets_the_pixel_limit() -> None:
    """A PNG of 20 kB with 169 megapixels is refused by its header."""
    assert len(bomb()) < 25_000
    no = refusal(bomb())
    assert no.reason.code == "upload.pixels"
    assert "169.0" in no.detail


@pytest.mark.parametrize(
    ("trap", "code"),
    [
        ("png-zero", "upload.corrupt"), ("png-huge", "upload.side"), ("png-thin", "upload.side"),
        ("png-frames", "upload.frames"), ("png-many-chunks", "upload.corrupt"), ("jpeg-half", "upload.truncated"),
        ("jpeg-huge", "upload.side"), ("jpeg-zero", "upload.corrupt"), ("jpeg-fill-bytes", "upload.corrupt"),
        ("jpeg-empty-segments", "upload.corrupt"), ("gif-php", "upload.corrupt"), ("gif-screen", "upload.side"),
        ("gif-tiny-blocks", "upload.corrupt"), ("webp-length", "upload.truncated"), ("webp-canvas", "upload.side"),
        ("bmp-huge", "upload.truncated"), ("bmp-zero", "upload.corrupt"), ("tiff-ring", "upload.corrupt"),
        ("tiff-entries", "upload.truncated"), ("avif-box-length", "upload.truncated"),
        ("avif-nested-nothing", "upload.corrupt"),
    ],
)  # fmt: skip
def test_traps_are_refused_by_their_header(trap: str, code: str) -> None:
    """Lying, endless and empty headers meet the reason that fits them, without a decoder."""
    assert refusal(traps()[trap]).reason.code == code


@pytest.mark.parametrize("name", sorted(seeds().keys() - {"tiff-pages"}))
def test_no_truncation_passes(name: str) -> None:
    """Whatever the length at which a file is cut, the header check alone refuses it; a TIFF's later pages may miss."""
    data = seeds()[name]
    for length in range(len(data) - 1):
        assert answer(data[:length]) in ("upload.truncated", "upload.type", "upload.corrupt"), length


@given(st.binary(max_size=400))
@example(b"BM")
@example(b"\xff\xd8\xff")
@example(b"II+\0" + b"\xff" * 40)
def test_arbitrary_bytes_are_answered(data: bytes) -> None:
    """Nothing but a probe or a refusal comes out, whatever goes in."""
    assert answer(data) != "unexplained"


@given(st.sampled_from(sorted(seeds())), st.data())
def test_mutated_headers_are_answered(name: str, draws: st.DataObject) -> None:
    """Sound headers with bytes overwritten, cut and repeated are answered too."""
    data = bytearray(seeds()[name])
    for _ in range(draws.draw(st.integers(1, 6))):
        at = draws.draw(st.integers(0, min(len(data), 300) - 1))
        data[at : at + draws.draw(st.integers(0, 8))] = draws.draw(st.binary(max_size=8))
    assert answer(bytes(data)) != "unexplained"


def test_the_corpus_is_the_same_for_the_same_seed() -> None:
    """A failure found in a long proof can be made again."""
    assert list(corpus(3, 200)) == list(corpus(3, 200))
    assert list(corpus(3, 200)) != list(corpus(4, 200))


def test_sniffing_tells_formats_by_their_bytes() -> None:
    """A GIF is a GIF whatever it is called, and an empty buffer is nothing."""
    assert sniff(seeds()["gif"]) is ImageFormat.GIF
    assert sniff(b"") is None


def test_the_probe_loads_no_pixel_library() -> None:
    """The serving process may import it without a decoder coming along."""
    code = "import sys, mattegate.cutout.probe; print(*({'numpy', 'PIL', 'cv2', 'simplejpeg'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
