"""Stories of a FastAPI application behind the gate, by middleware and by dependency; real processes, real cut-outs."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from PIL import Image

from mattegate.signing.keys import mint
from mattegate.vocabulary.rulebook import Limit
from tests.examples.apps import ROOT, App, desk_of, running, why
from tests.examples.conftest import MakeKey

PHOTO = ROOT / "examples" / "photo.jpg"


@pytest.fixture(scope="module", params=["by_middleware", "by_dependency"])
def app(request: pytest.FixtureRequest, home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The example, both ways."""
    log = tmp_path_factory.mktemp("log") / "app.log"
    with running(f"fastapi_app:{request.param}", home=home, log=log, engine_workers="1") as started:
        yield started


def _post(app: App, key: str | None, *, content: bytes | None = None, name: str = "photo.jpg") -> httpx2.Response:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    files = {"file": (name, PHOTO.read_bytes() if content is None else content, "image/jpeg")}
    return httpx2.post(f"{app.url}/remove-background", headers=headers, files=files, timeout=60)


def test_the_right_key_makes_a_cutout(app: App, make_key: MakeKey) -> None:
    """The application does its work for whoever shows a key, and its answer carries an id."""
    answer = _post(app, make_key()[1])
    assert answer.status_code == 200, answer.text
    with Image.open(io.BytesIO(answer.content)) as cutout:
        assert (cutout.mode, cutout.getchannel("A").getextrema()) == ("RGBA", (0, 255))
    assert answer.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize(
    ("key", "status", "reason"),
    [
        (None, 401, "credential.missing"),
        (mint("sk_prod_").text, 403, "credential.unknown"),
        ("sk_prod_short", 401, "credential.malformed"),
    ],
    ids=["missing", "unknown", "malformed"],
)
def test_whoever_shows_no_good_key_gets_a_problem_document(app: App, key: str | None, status: int, reason: str) -> None:
    """401 and 403 as the published guide has them, each with what to do, and the record tells the same story."""
    answer = _post(app, key)
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["reason"]) == (status, status, reason)
    assert answer.headers["content-type"] == "application/problem+json"
    assert ("www-authenticate" in answer.headers) == (status == 401)
    assert problem["remedy"]
    assert problem["request_id"] == answer.headers["x-request-id"]
    told = why(app.home, problem["request_id"])
    assert (told["status"], told["layer"], told["public_code"]) == (status, "credential", reason)


def test_a_revoked_key_ends_with_the_next_request(app: App, make_key: MakeKey) -> None:
    """Nothing of a key is remembered longer than until the desk takes it back."""
    key_id, key = make_key()
    assert _post(app, key, content=b"no image").status_code == 415
    with desk_of(app.home) as desk:
        desk.revoke_key(key_id, actor="cli:test", why="left the company")
    answer = _post(app, key)
    assert (answer.status_code, answer.json()["reason"]) == (403, "credential.revoked")


def test_a_key_without_the_scope_is_told_so(app: App, make_key: MakeKey) -> None:
    """A key that was narrowed to something else proves who it is, and no more."""
    answer = _post(app, make_key(scopes=("self",))[1])
    assert (answer.status_code, answer.json()["reason"]) == (403, "policy.scope")


def test_a_quota_holds_and_counts_only_what_was_delivered(app: App, make_key: MakeKey) -> None:
    """What the application refuses is given back, what it delivers is charged, and then it is 429 for the hour."""
    key = make_key(Limit("hourly", "quota", 2, 3600))[1]
    assert _post(app, key, content=b"<?php", name="evil.php").json()["reason"] == "upload.type"
    assert [_post(app, key).status_code for _ in range(3)] == [200, 200, 429]
    refused = _post(app, key)
    assert refused.json()["reason"] == "quota.exceeded"
    assert 0 < int(refused.headers["retry-after"]) <= 3600
    assert refused.headers["ratelimit-policy"].startswith('"hourly";q=2;w=3600')
    assert why(app.home, refused.headers["x-request-id"])["layer"] == "quota"


def test_what_is_open_stays_open(app: App) -> None:
    """A public path behind the middleware, or a route that asks for nothing, answers anybody, with an id too."""
    path = "/health" if httpx2.get(f"{app.url}/").status_code == 401 else "/"
    answer = httpx2.get(app.url + path)
    assert answer.status_code == 200
    assert answer.headers["x-request-id"].startswith("req_")


def test_the_middleware_decides_before_the_body_is_read(tmp_path: Path) -> None:
    """A refusal comes back on the head alone; no path is left out but the public ones, whether it exists or not."""
    with running("fastapi_app:by_middleware", home=tmp_path, log=tmp_path / "log") as app:
        address = urlsplit(app.url)
        assert address.hostname is not None
        with socket.create_connection((address.hostname, address.port or 80), timeout=10) as peer:
            head = "POST /remove-background HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n"
            peer.sendall(head.encode())
            assert peer.recv(65_536).startswith(b"HTTP/1.1 401 ")
        for path in ("/", "/docs", "/openapi.json", "/nothing", "/health/", "//health", "/remove-background/"):
            answer = httpx2.get(app.url + path)
            assert (answer.status_code, answer.json()["reason"]) == (401, "credential.missing")
