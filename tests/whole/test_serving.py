"""The whole product as its users meet it: the real command, real worker processes, real weights, over real HTTP."""

from __future__ import annotations

import io
import itertools
import json
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from PIL import Image

from bench.service import Service

ROOT = Path(__file__).parents[2]
PHOTO = ROOT / "examples" / "photo.jpg"
_NO_NETWORK = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")


@pytest.fixture
def own_home(u2netp_home: Path, tmp_path: Path) -> Path:
    """A home of this test alone, with u2netp in it."""
    home = tmp_path / "home"
    (home / "models").mkdir(parents=True)
    for name in ("u2netp.onnx", "manifest.json"):
        shutil.copy(u2netp_home / "models" / name, home / "models" / name)
    return home


@pytest.fixture(scope="module")
def service(u2netp_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The product, ready; shared by the tests that leave it as it is."""
    with Service(u2netp_home, log=tmp_path_factory.mktemp("service") / "log") as running:
        yield running


def _opened(source: Path | bytes) -> Image.Image:
    with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
        image.load()
    return image


def _tree(*folders: Path) -> Mapping[str, int]:
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    return {str(file): file.stat().st_size for file in files}


def _logged(service: Service, request_id: str) -> Mapping[str, str]:
    """The line of a request in the access log, which is written just after the answer has gone out."""
    for _ in range(100):
        for text in service.tail(50).splitlines():
            if request_id in text and text.startswith("{"):
                line: dict[str, str] = json.loads(text)
                return line
        time.sleep(0.05)
    raise AssertionError(f"{request_id} is not in the log")


def test_the_printed_lines_make_a_cutout_and_a_refusal(own_home: Path, tmp_path: Path) -> None:
    """Whoever pastes the lines has a cut-out by the first, and by the second is told of the letter that was changed."""
    command = [sys.executable, "-m", "mattegate", "--home", str(own_home), "serve", "--pull", "--first-key"]
    command += ["--port", "0", "--admin-port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT) as server:
        assert server.stdout is not None
        good, bad = itertools.islice((text.strip() for text in server.stdout if "curl" in text), 2)
        cutout = tmp_path / "cutout.png"
        subprocess.run(
            good.replace("cutout.png", shlex.quote(str(cutout))), shell=True, check=True, cwd=ROOT, timeout=60
        )
        refused = subprocess.run(bad, shell=True, check=True, cwd=ROOT, timeout=60, capture_output=True, text=True)
        server.send_signal(signal.SIGTERM)
        server.stdout.read()
    assert server.returncode == 0
    picture = _opened(cutout)
    assert (picture.mode, picture.size) == ("RGBA", _opened(PHOTO).size)
    assert picture.getchannel("A").getextrema() == (0, 255)
    assert json.loads(refused.stdout)["reason"] == "credential.checksum"


def test_nothing_of_an_image_is_kept(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After cut-outs and refusals no file has appeared in the home or the temporary folder."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    with Service(own_home, log=tmp_path / "log") as service, service.caller() as caller:
        before = _tree(own_home, scratch)
        assert caller.post(PHOTO.read_bytes()).status == 200
        assert caller.post(PHOTO.read_bytes()[:5000]).reason == "upload.truncated"
        assert _tree(own_home, scratch) == before


def test_cutouts_need_no_network(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With every proxy pointing nowhere, installed weights are all it takes."""
    for name, value in _NO_NETWORK.items():
        monkeypatch.setenv(name, value)
    with Service(own_home, log=tmp_path / "log") as service, service.caller() as caller:
        assert caller.post(PHOTO.read_bytes()).status == 200


def test_half_a_jpeg_is_refused_not_half_cut_out(service: Service) -> None:
    """What Pillow's verify() lets pass is caught before anybody gets a grey lower half."""
    with service.caller() as caller:
        answer = caller.post(PHOTO.read_bytes()[: PHOTO.stat().st_size // 2])
    assert (answer.status, answer.reason) == (422, "upload.truncated")


@pytest.mark.parametrize(
    ("name", "kind", "status", "reason"),
    [
        ("shell.php", "JPEG", 415, "upload.name"),
        ("setup.exe", "JPEG", 415, "upload.name"),
        ("photo.png", "GIF", 415, "upload.type_disabled"),
        ("photo.png", "JPEG", 415, "upload.name"),
        ("photo.jpg", "JPEG", 200, ""),
    ],
)
def test_the_content_decides_and_a_lying_name_is_refused(
    service: Service, name: str, kind: str, status: int, reason: str
) -> None:
    """A file name is a claim, and a claim that does not hold is told."""
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), "red").save(buffer, kind)
    with service.caller() as caller:
        answer = caller.post_form(buffer.getvalue(), filename=name, media_type="image/jpeg")
    assert (answer.status, answer.reason) == (status, reason)


def test_every_answer_is_logged_without_its_picture(service: Service) -> None:
    """The access log has one JSON line for each request, which tells the reason of a refusal."""
    with service.caller() as caller:
        refused = caller.post(b"MZ" + bytes(64))
    line = _logged(service, refused.request_id)
    assert (int(line["status"]), line["reason"]) == (415, "upload.type")
    assert "a Windows program" in line["problem"]


def test_each_output_format_is_what_it_says(service: Service) -> None:
    """Every format answers with its own media type and can be read again."""
    with service.caller() as caller:
        for kind in ("png", "webp", "avif", "jpeg"):
            answer = caller.post(PHOTO.read_bytes(), format=kind)
            assert answer.headers["content-type"] == f"image/{kind}"
            assert _opened(answer.body).format == kind.upper()
        archive = caller.post(PHOTO.read_bytes(), format="zip")
    assert archive.headers["content-type"] == "application/zip"
    assert archive.body.startswith(b"PK")


def test_ready_names_the_folder_and_the_user_that_bar_the_weights(u2netp_home: Path) -> None:
    """A server whose models folder is closed to it is up, not ready, and says which component bars which user."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        home.chmod(0o755)
        (home / "models").mkdir()
        shutil.copy(u2netp_home / "models" / "u2netp.onnx", home / "models")
        (home / "models").chmod(0)
        program = "from tests.whole.unprivileged import ready; ready()"
        ended = subprocess.run(
            [sys.executable, "-c", program, str(home)],
            capture_output=True,
            text=True,
            timeout=100,
            cwd=ROOT,
            check=True,
        )
        (home / "models").chmod(0o755)
    answer = json.loads(ended.stdout.splitlines()[-1])
    assert (answer["status"], answer["health"]) == (503, 200)
    assert str(home / "models") in answer["detail"]
    assert "cannot be entered by user" in answer["detail"]
