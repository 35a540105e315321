"""The installed command line with real weights and a real photograph, from the file to the cut-out."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from pathlib import Path

import pytest
import skimage
from PIL import Image

from tests.cli.processes import ENVIRONMENT, call, real

PHOTO = Path(skimage.__file__).parent / "data" / "rocket.jpg"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with a photograph and a damaged copy of it."""
    shutil.copy(PHOTO, tmp_path / "rocket.jpg")
    (tmp_path / "cut-short.jpg").write_bytes(PHOTO.read_bytes()[:20_000])
    return tmp_path


def test_a_photograph_becomes_a_transparent_cut_out(u2netp_home: Path, photos: Path) -> None:
    """Same size, an alpha channel with both ends in it, the model named."""
    ended = call(real("--home", u2netp_home, "remove", "rocket.jpg", "--json"), photos)
    assert ended.code == 0, ended.err
    report = ended.records[0]["report"]
    assert isinstance(report, dict)
    assert report["model"] == "u2netp"
    with Image.open(photos / "rocket-cutout.png") as cutout, Image.open(PHOTO) as photo:
        assert (cutout.mode, cutout.size) == ("RGBA", photo.size)
        least, most = cutout.getchannel("A").getextrema()
        assert (least, most) == (0, 255)


def test_a_damaged_photograph_fails_beside_a_good_one(u2netp_home: Path, photos: Path) -> None:
    """In a batch over a folder, with the options on the way."""
    ended = call(real("--home", u2netp_home, "batch", ".", "out", "--format", "webp", "--json"), photos)
    assert ended.code == 3, ended.err
    assert ended.summary["reasons"] == {"upload.truncated": 1}
    with Image.open(photos / "out" / "rocket-cutout.webp") as cutout:
        assert cutout.format == "WEBP"


def test_a_pipe_carries_a_real_picture(u2netp_home: Path) -> None:
    """Bytes in, bytes out, nothing else on standard output."""
    line = real("--home", u2netp_home, "remove", "-", "--mask", "--size", "100")
    ended = subprocess.run(line, input=PHOTO.read_bytes(), capture_output=True, env=ENVIRONMENT, check=True)
    with Image.open(io.BytesIO(ended.stdout)) as mask:
        assert (mask.mode, max(mask.size)) == ("L", 100)


def test_missing_weights_are_named_with_the_line_that_fetches_them(tmp_path: Path, photos: Path) -> None:
    """A fresh home: told once, with the path, and nothing written."""
    ended = call(real("--home", tmp_path / "fresh", "remove", "."), photos)
    assert ended.code == 1
    assert ended.err.count("u2netp.onnx") == 1, "neither the log nor a second file repeats it"
    assert "mattegate models pull u2netp" in ended.err
    assert not list(photos.glob("*-cutout*"))


def test_a_manifest_of_a_real_batch_goes_on(u2netp_home: Path, photos: Path) -> None:
    """A second run skips the good one and tries the damaged one again."""
    line = real("--home", u2netp_home, "batch", ".", "out", "--json")
    call(line, photos)
    ended = call(line, photos)
    assert (ended.summary["skipped"], ended.summary["failed"]) == (1, 1)
    lines = [json.loads(text) for text in (photos / "out" / "mattegate-batch.jsonl").read_text().splitlines()]
    assert {entry["model"] for entry in lines if entry.get("status") == "done"} == {"u2netp"}
