"""Stories of a Gradio application behind the gate, in the environment that its lock file makes."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Error

from mattegate.signing.keys import mint
from mattegate.vocabulary.rulebook import Limit
from tests.chromium import chromium
from tests.examples.apps import CACHE, ROOT, App, desk_of, running, why
from tests.examples.conftest import MakeKey

pytestmark = pytest.mark.timeout(600)  # the first run fetches Gradio

LOCK = ROOT / "requirements" / "gradio.lock"


@pytest.fixture(scope="session")
def gradio_python() -> Path:
    """The interpreter of an environment with the locked Gradio, and mattegate without its dependencies."""
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:
        pytest.skip("uv is not installed (pip install uv)")
    folder = CACHE / f"gradio-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        _run(uv, "venv", "--clear", "--python", sys.executable, folder)
        _run(uv, "pip", "sync", "--python", python, "--require-hashes", LOCK)
        (folder / "complete").touch()
    _run(uv, "pip", "install", "--python", python, "--no-deps", "--reinstall-package", "mattegate", ROOT)
    return python


def _run(*command: str | Path) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500, cwd=ROOT / "examples")
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def app(gradio_python: Path, home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The example."""
    log = tmp_path_factory.mktemp("log") / "app.log"
    with running("gradio_app:app", home=home, log=log, python=gradio_python) as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for all of these stories."""
    with chromium() as launched:
        yield launched


def _called(python: Path, app: App, headers: dict[str, str]) -> dict[str, Any]:
    script = ROOT / "tests" / "examples" / "gradio_calls.py"
    told: dict[str, Any] = json.loads(_run(python, script, app.url, json.dumps(headers), ROOT / "examples/photo.jpg"))
    return told


def _get(app: App, path: str, key: str | None) -> httpx2.Response:
    return httpx2.get(app.url + path, headers={"X-API-Key": key} if key else {}, timeout=30)


def test_the_environment_has_no_model_runtime(gradio_python: Path) -> None:
    """The gate imports and works where nothing of what makes cut-outs is installed."""
    asked = "import importlib.util as i; print([n for n in ('onnxruntime', 'cv2', 'simplejpeg') if i.find_spec(n)])"
    assert _run(gradio_python, "-c", asked).strip() == "[]"


def test_a_program_with_a_key_uses_gradio_as_ever(app: App, gradio_python: Path, make_key: MakeKey) -> None:
    """Uploads, answers in pieces and results pass the gate, and the application knows whose request it is."""
    told = _called(gradio_python, app, {"X-API-Key": make_key()[1]})
    assert told["pieces"] == ["1 of 3", "2 of 3", "3 of 3"], told
    assert told["whoami"].startswith("test_a_program_with_a_key")
    assert told["mirrored"]


@pytest.mark.parametrize("path", ["/", "/config", "/gradio_api/info", "/gradio_api/startup-events", "/nothing"])
def test_nothing_of_gradio_is_seen_without_a_key(app: App, path: str) -> None:
    """Page, configuration and interface alike are explained refusals, whose record tells the same."""
    answer = _get(app, path, None)
    problem = answer.json()
    assert (answer.status_code, problem["reason"]) == (401, "credential.missing")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers.get_list("www-authenticate")[-1] == 'Basic realm="mattegate", charset="UTF-8"'
    assert why(app.home, problem["request_id"])["public_code"] == "credential.missing"


def test_a_client_with_an_unknown_key_does_not_get_through(app: App, gradio_python: Path) -> None:
    """A key that nobody made is no key; with this example's setting it is asked for again, with 401."""
    key = mint("sk_prod_").text
    assert "error" in _called(gradio_python, app, {"X-API-Key": key})
    answer = _get(app, "/config", key)
    assert (answer.status_code, answer.json()["reason"]) == (401, "credential.unknown")


def test_a_revoked_key_ends_with_the_next_request(app: App, make_key: MakeKey) -> None:
    """Also in the middle of a session."""
    key_id, key = make_key()
    assert _get(app, "/config", key).status_code == 200
    with desk_of(app.home) as desk:
        desk.revoke_key(key_id, actor="cli:test")
    answer = _get(app, "/config", key)
    assert (answer.status_code, answer.json()["reason"]) == (403, "credential.revoked")


def test_work_counts_and_the_page_does_not(app: App, make_key: MakeKey) -> None:
    """What begins work is metered; looking at the page fifty times is not."""
    key = make_key(Limit("hourly", "quota", 2, 3600))[1]
    calls = [
        httpx2.post(f"{app.url}/gradio_api/call/whoami", headers={"X-API-Key": key}, json={"data": []}, timeout=30)
        for _ in range(3)
    ]
    assert [answer.status_code for answer in calls] == [200, 200, 429]
    assert calls[2].json()["reason"] == "quota.exceeded"
    assert {_get(app, "/config", key).status_code for _ in range(5)} == {200}


def test_a_person_logs_in_with_the_key_as_password(app: App, browser: Browser, make_key: MakeKey) -> None:
    """The browser asks, the key is the password, and the page works with all its streams."""
    with browser.new_context(http_credentials={"username": "me", "password": make_key()[1]}) as context:
        page = context.new_page()
        page.goto(app.url)
        page.get_by_role("button", name="Count").click()
        page.wait_for_function("[...document.querySelectorAll('textarea, input')].some((e) => e.value === '5 of 5')")
        page.get_by_role("button", name="Who am I?").click()
        page.wait_for_function(
            "[...document.querySelectorAll('textarea, input')].some((e) => e.value.startsWith('test_a'))"
        )


def test_a_person_without_a_key_sees_no_page(app: App, browser: Browser) -> None:
    """Cancelling the question leaves the explanation, not the application."""
    with browser.new_context() as context:
        page = context.new_page()
        with pytest.raises(Error, match="ERR_INVALID_AUTH_CREDENTIALS"):  # nobody answered Chromium's question
            page.goto(app.url)
        assert page.get_by_role("button", name="Count").count() == 0


def test_another_sites_page_cannot_use_a_persons_login(app: App, make_key: MakeKey) -> None:
    """A browser sends the password along for whoever asks; the origin of the asking page does not pass the gate."""
    headers = {"Origin": "https://evil.example"}
    answer = httpx2.post(
        f"{app.url}/gradio_api/call/whoami", headers=headers, auth=("me", make_key()[1]), json={"data": []}
    )
    assert (answer.status_code, answer.json()["reason"]) == (403, "origin.not_allowed")
