"""Stories of web pages that call the API from another origin, in a real browser: who may, and what the others are told.

The page of ``examples/two-origins`` is served under two names of this machine, which to a browser are two origins:
``http://localhost:PORT``, which is allowed, and ``http://127.0.0.1:PORT``, which is not. The API listens on a port of
its own. Its gate, its ledger and its server are the product's; the engine answers every image with its own bytes.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page

from mattegate.signing.keys import mint
from mattegate.vocabulary.rulebook import Limit
from tests.chromium import chromium
from tests.whole.apis import Api, serving

ROOT: Final = Path(__file__).parents[2]
PNG: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63606060000000040001f61738"
    "550000000049454e44ae426082"
)
FAILED: Final = "TypeError: Failed to fetch"
_ASK: Final = """async ({image, ...request}) => {
  const {ask} = await import("./page.js");
  const bytes = Uint8Array.from(atob(image), (char) => char.charCodeAt(0));
  const {blob, ...told} = await ask({picture: new File([bytes], "picture.png", {type: "image/png"}), ...request});
  return told;
}"""


@dataclass(frozen=True)
class Site:
    """The page's server, by both its names."""

    port: int

    @property
    def allowed(self) -> str:
        """The origin that the APIs of these stories list."""
        return f"http://localhost:{self.port}"

    @property
    def refused(self) -> str:
        """The origin that they do not."""
        return f"http://127.0.0.1:{self.port}"


@dataclass
class Visit:
    """An open page, and what the browser's own tools show of its requests."""

    page: Page
    _blocked: list[str] = field(default_factory=list)
    _asked: list[str] = field(default_factory=list)
    _answers: dict[str, dict[str, Any]] = field(default_factory=dict)

    def ask(self, api: Api, *, image: bytes = PNG, **request: Any) -> dict[str, Any]:
        """Let the page ask."""
        told: dict[str, Any] = self.page.evaluate(_ASK, {"api": api.url, "image": b64encode(image).decode()} | request)
        return told

    def preflights(self) -> list[dict[str, Any]]:
        """The answers to preflights so far: status, and headers in lower case."""
        while not self._answers.keys() >= set(self._asked):
            self.page.wait_for_timeout(20)
        return [self._answers[one] for one in self._asked]

    def blocked(self) -> str:
        """Why the browser kept the first answer from the page."""
        while not self._blocked:
            self.page.wait_for_timeout(20)
        return self._blocked[0]

    def watch(self) -> None:
        """Listen to what the network panel would show; preflights are seen nowhere else."""
        tools = self.page.context.new_cdp_session(self.page)
        tools.on("Network.requestWillBeSent", self._sent)
        tools.on("Network.responseReceivedExtraInfo", self._answered)
        tools.on("Network.loadingFailed", self._failed)
        tools.send("Network.enable")

    def _sent(self, event: dict[str, Any]) -> None:
        if event["request"]["method"] == "OPTIONS":
            self._asked.append(event["requestId"])

    def _answered(self, event: dict[str, Any]) -> None:
        headers = {name.lower(): value for name, value in event["headers"].items()}
        self._answers[event["requestId"]] = {"status": event["statusCode"], "headers": headers}

    def _failed(self, event: dict[str, Any]) -> None:
        self._blocked.append((event.get("corsErrorStatus") or {}).get("corsError", event["errorText"]))


Visiting = Callable[..., Visit]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """The two lines of examples/README.md: a static server over the example's folder."""
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory"]
    with subprocess.Popen(
        [*command, str(ROOT / "examples" / "two-origins")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        found = re.search(r"port (\d+)", process.stdout.readline())
        assert found
        yield Site(int(found[1]))
        process.terminate()


@pytest.fixture(scope="module")
def api(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An API that lists one origin."""
    with serving(
        tmp_path_factory.mktemp("api"), cors={"allowed_origins": [site.allowed]}, upload={"max_bytes": 100_000}
    ) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for all of these stories."""
    with chromium() as launched:
        yield launched


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visiting]:
    """Opens the page under an origin, in a browser that remembers nothing of other stories."""
    with ExitStack() as stack:

        def open_at(origin: str) -> Visit:
            page = stack.enter_context(browser.new_context()).new_page()
            page.goto(origin)
            opened = Visit(page)
            opened.watch()
            return opened

        yield open_at


@pytest.mark.parametrize("carrier", ["X-API-Key", "Authorization"])
@pytest.mark.parametrize("how", ["form", "progress", "json", "raw"])
def test_an_allowed_page_gets_its_cutout(site: Site, api: Api, visit: Visiting, how: str, carrier: str) -> None:
    """Every body and both headers work from a listed origin, and the page reads the answer's id and timings."""
    told = visit(site.allowed).ask(api, key=api.key(f"{how} {carrier}"), how=how, carrier=carrier)
    assert told["status"] == 200
    assert told["headers"]["X-Request-Id"].startswith("req_")
    assert "total;dur=" in told["headers"]["Server-Timing"]
    assert (told["progress"] > 0) == (how == "progress")


@pytest.mark.parametrize(
    ("request_", "asks_first"),
    [
        ({"how": "form"}, False),
        ({"how": "form", "key": "k", "carrier": "X-API-Key"}, True),
        ({"how": "form", "key": "k", "carrier": "Authorization"}, True),
        ({"how": "progress"}, True),
        ({"how": "json"}, True),
        ({"how": "raw"}, True),
    ],
    ids=["form", "form with X-API-Key", "form with Authorization", "form with an upload listener", "json", "image"],
)
def test_what_the_browser_asks_about_first(
    site: Site, api: Api, visit: Visiting, request_: dict[str, Any], asks_first: bool
) -> None:
    """A form alone is sent without a preflight; a key, JSON, an image type or an upload listener bring one about."""
    page = visit(site.allowed)
    assert page.ask(api, **request_)["status"] == 401
    assert [preflight["status"] for preflight in page.preflights()] == [204] * asks_first


def test_a_preflight_is_remembered(site: Site, api: Api, visit: Visiting) -> None:
    """Two requests cost one preflight, which has no body, names what may be sent, and varies on what it depends on."""
    page, key = visit(site.allowed), api.key("remembering")
    assert [page.ask(api, key=key)["status"] for _ in range(2)] == [200, 200]
    [preflight] = page.preflights()
    headers = preflight["headers"]
    assert headers["access-control-allow-origin"] == site.allowed
    assert {"authorization", "x-api-key", "content-type"} <= set(headers["access-control-allow-headers"].split(", "))
    assert headers["access-control-max-age"] == "600"
    assert headers["vary"].startswith("Origin")
    assert not {"content-type", "content-length", "access-control-allow-credentials"} & headers.keys()


def test_a_refused_page_learns_nothing_and_the_network_panel_everything(site: Site, api: Api, visit: Visiting) -> None:
    """Script sees a TypeError and no status; the preflight is a 403 with reason, id and link, and no POST follows."""
    page, since = visit(site.refused), time.time()
    assert page.ask(api, key=api.key("shut out")) == {"error": FAILED}
    [preflight] = page.preflights()
    headers = preflight["headers"]
    assert (preflight["status"], headers["x-mattegate-reason"]) == (403, "origin.not_allowed")
    assert headers["link"] == '</docs/reasons#origin-not-allowed>; rel="help"'
    assert "access-control-allow-origin" not in headers
    assert page.blocked() == "PreflightMissingAllowOriginHeader"
    [record] = api.records(since)
    assert (record.request_id, record.attempt.method) == (headers["x-request-id"], "OPTIONS")
    assert (record.status, record.reason, record.attempt.origin) == (403, "origin.not_allowed", site.refused)


def test_a_form_is_sent_unasked_and_refused_before_anything_is_done(site: Site, api: Api, visit: Visiting) -> None:
    """Without a preflight the request arrives; the browser hides the answer, the record tells that it was refused."""
    page, since = visit(site.refused), time.time()
    assert page.ask(api, how="form") == {"error": FAILED}
    assert page.preflights() == []
    assert page.blocked() == "MissingAllowOriginHeader"
    [record] = api.records(since)
    assert (record.attempt.method, record.status, record.reason) == ("POST", 403, "origin.not_allowed")
    assert record.facts.claim is None


def test_a_header_that_is_not_listed_is_named_to_the_operator(site: Site, api: Api, visit: Visiting) -> None:
    """An allowed page that sends what it may not is stopped at the preflight, under a reason of its own."""
    page, since = visit(site.allowed), time.time()
    assert page.ask(api, headers={"X-Tracing": "1"}) == {"error": FAILED}
    assert page.preflights()[0]["headers"]["x-mattegate-reason"] == "origin.header_not_allowed"
    [record] = api.records(since)
    assert next(finding for finding in record.findings if finding.reason).facts["header"] == "x-tracing"


def test_a_preflight_tells_nothing_of_paths(site: Site, api: Api, visit: Visiting) -> None:
    """It is the same for a path that does not exist, which only a caller with a key is told."""
    page = visit(site.allowed)
    told = page.ask(api, path="/nothing", how="json")
    assert (told["status"], told["headers"]["X-Mattegate-Reason"]) == (401, "credential.missing")
    told = page.ask(api, path="/nothing", key=api.key("explorer"))
    assert (told["status"], told["headers"]["X-Mattegate-Reason"]) == (404, "route.unknown")
    assert {preflight["status"] for preflight in page.preflights()} == {204}


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "credential.missing"),
        (403, "credential.unknown"),
        (413, "upload.too_large"),
        (429, "quota.exceeded"),
        (422, "upload.truncated"),
    ],
)
def test_a_page_reads_why_it_was_refused(site: Site, api: Api, visit: Visiting, status: int, reason: str) -> None:
    """Status, reason, id and problem document of every refusal reach the script, and of a limit when to come back."""
    page = visit(site.allowed)
    request: dict[str, Any] = {"key": api.key(reason, Limit("hourly", "quota", 1, 3600))}
    if status == 401:
        request = {"how": "json"}
    elif status == 403:
        request["key"] = mint("sk_prod_").text
    elif status == 413:
        request["image"] = PNG + bytes(1_000_000)
    elif status == 422:
        request["image"] = PNG[:30]
    else:
        assert page.ask(api, **request)["status"] == 200
    told = page.ask(api, **request)
    headers, problem = told["headers"], told["problem"]
    assert (told["status"], headers["X-Mattegate-Reason"], problem["reason"]) == (status, reason, reason)
    assert problem["request_id"] == headers["X-Request-Id"]
    assert ("WWW-Authenticate" in headers) == (status == 401)
    if status == 429:
        assert int(headers["Retry-After"]) > 0
        assert headers["RateLimit"].startswith('"hourly";r=0;t=')
        assert headers["RateLimit-Policy"] == '"hourly";q=1;w=3600'


def test_a_page_reads_that_there_is_no_room(site: Site, visit: Visiting, tmp_path: Path) -> None:
    """A full queue is a 503 with Retry-After, which a page can read too."""
    with serving(tmp_path / "busy", cors={"allowed_origins": [site.allowed]}, echo={"queue": 0}) as busy:
        told = visit(site.allowed).ask(busy, key=busy.key("late"))
    assert (told["status"], told["headers"]["X-Mattegate-Reason"]) == (503, "capacity.queue_full")
    assert int(told["headers"]["Retry-After"]) > 0


def test_cookies_need_a_setting_of_their_own(site: Site, api: Api, visit: Visiting, tmp_path: Path) -> None:
    """A request with credentials is kept from the page unless the API grants them; a key is none in that sense."""
    page = visit(site.allowed)
    assert page.ask(api, key=api.key("cookies"), credentials=True) == {"error": FAILED}
    assert page.blocked() == "PreflightInvalidAllowCredentials"
    with serving(tmp_path / "cookies", cors={"allowed_origins": [site.allowed], "credentials": True}) as granting:
        assert page.ask(granting, key=granting.key("cookies"), credentials=True)["status"] == 200
        assert page.preflights()[-1]["headers"]["access-control-allow-credentials"] == "true"
        assert page.ask(granting, credentials=True)["problem"]["reason"] == "credential.missing"


def test_the_page_itself_may_be_told(site: Site, visit: Visiting, tmp_path: Path) -> None:
    """With cors.explain a refused page reads its own 403, while nothing is processed, charged or looked up for it."""
    with serving(tmp_path / "explain", cors={"allowed_origins": [site.allowed], "explain": True}) as api:
        key = api.key("explained", Limit("hourly", "quota", 1, 3600))
        page, since = visit(site.refused), time.time()
        for how in ("form", "json"):
            told = page.ask(api, key=key, how=how)
            assert (told["status"], told["problem"]["reason"]) == (403, "origin.not_allowed")
            assert told["problem"]["request_id"] == told["headers"]["X-Request-Id"]
        assert {preflight["status"] for preflight in page.preflights()} == {204}
        posts = [record for record in api.records(since) if record.attempt.method == "POST"]
        assert [(record.facts.credential, record.facts.claim) for record in posts] == [(None, None)] * 2
        assert visit(site.allowed).ask(api, key=key)["status"] == 200


def test_every_origin_may_be_let_in_with_keys(site: Site, visit: Visiting, tmp_path: Path) -> None:
    """With * any page may send Authorization, no credential in the browser's sense; null and cookies stay out."""
    with serving(tmp_path / "star", cors={"allowed_origins": ["*"]}) as api:
        key = api.key("anywhere")
        bound = api.key("at home only", origins=(site.allowed,))
        for origin in (site.allowed, site.refused):
            page = visit(origin)
            assert page.ask(api, key=key, carrier="Authorization")["status"] == 200
            assert page.preflights()[0]["headers"]["access-control-allow-origin"] == origin
        assert page.ask(api, key=bound)["problem"]["reason"] == "policy.origin"
        assert page.ask(api, key=key, credentials=True) == {"error": FAILED}
        assert _from_a_sandbox(page, api, key) == FAILED


def test_every_origin_with_cookies_does_not_start(tmp_path: Path) -> None:
    """Browsers refuse * with credentials, so the server says what to write instead, and where it stands."""
    config = tmp_path / "mattegate.toml"
    config.write_text('[cors]\nallowed_origins = ["*"]\ncredentials = true\n')
    line = [sys.executable, "-m", "mattegate", "--home", str(tmp_path), "serve", "--config", str(config), "--port", "0"]
    ended = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 2
    assert "cors.credentials" in ended.stderr
    assert f"{config}:" in ended.stderr.replace("\n", "")


def test_an_origin_may_be_a_pattern(site: Site, visit: Visiting, tmp_path: Path) -> None:
    """http://localhost:* lets in whatever port a developer's page has, and no other name."""
    with serving(tmp_path / "pattern", cors={"allowed_origins": ["http://localhost:*"]}) as api:
        key = api.key("developer")
        page = visit(site.allowed)
        assert page.ask(api, key=key)["status"] == 200
        assert page.preflights()[0]["headers"]["access-control-allow-origin"] == site.allowed
        assert visit(site.refused).ask(api, key=key) == {"error": FAILED}


def test_a_sandboxed_frame_is_nobody(site: Site, api: Api, visit: Visiting) -> None:
    """Its origin is null, which any page can give itself, so it is refused even inside an allowed page."""
    page, since = visit(site.allowed), time.time()
    assert _from_a_sandbox(page, api, api.key("boxed")) == FAILED
    assert [(record.attempt.origin, record.reason) for record in api.records(since)] == [("null", "origin.not_allowed")]


def test_a_local_file_is_nobody(site: Site, api: Api, visit: Visiting) -> None:
    """A page opened from the disk has the origin null too; what it needs is the static server of the example."""
    page = visit((ROOT / "examples" / "two-origins" / "index.html").as_uri())
    assert page.page.evaluate(_PLAIN, [api.url, api.key("from disk")]) == FAILED
    assert page.preflights()[0]["headers"]["x-mattegate-reason"] == "origin.not_allowed"


def test_the_examples_form_shows_both_ends(site: Site, api: Api, visit: Visiting, tmp_path: Path) -> None:
    """By hand it shows the cut-out, the explained refusal, and what to look for where the browser tells nothing."""
    picture = tmp_path / "picture.png"
    picture.write_bytes(PNG)
    for origin, key, verdict in (
        (site.allowed, api.key("by hand"), "200"),
        (site.allowed, "sk_prod_nonsense", "401 "),
        (site.refused, "", "TypeError"),
    ):
        page = visit(origin).page
        page.get_by_label("API", exact=True).fill(api.url)
        page.get_by_label("Key", exact=True).fill(key)
        page.get_by_label("Picture").set_input_files(picture)
        page.get_by_role("button", name="Send").click()
        page.wait_for_function(
            "(start) => document.getElementById('verdict').textContent.startsWith(start)", arg=verdict
        )
        assert page.locator("#cutout").is_visible() == (verdict == "200")


_PLAIN: Final = """async ([url, key]) => {
  try { return (await fetch(url + "/v1/remove-bg", {method: "POST", headers: {"X-API-Key": key}})).status; }
  catch (error) { return `${error.name}: ${error.message}`; }
}"""


def _from_a_sandbox(visit: Visit, api: Api, key: str) -> str:
    """What a frame with an opaque origin gets to hear."""
    script = f"({_PLAIN})({json.dumps([api.url, key])}).then((told) => parent.postMessage(told, '*'))"
    told = visit.page.evaluate(
        """(script) => new Promise((resolve) => {
          addEventListener("message", (event) => resolve(event.data), {once: true});
          const frame = document.createElement("iframe");
          frame.sandbox = "allow-scripts";
          frame.srcdoc = `<script>${script}</` + "script>";
          document.body.append(frame);
        })""",
        script,
    )
    return str(told)
