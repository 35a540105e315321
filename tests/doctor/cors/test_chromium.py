"""Every judgement on every case is what a real Chromium does with it, down to the console's sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partialmethod
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final

import pytest
from playwright.sync_api import Page

from mattegate.doctor.cors.console import BLOCKED, recognise
from mattegate.doctor.cors.fetch import Dialect, PageRequest, preflight_headers, redirected
from mattegate.doctor.cors.judge import Answer, Judgement, Stage, judge_exchange
from mattegate.doctor.observation import Headers
from tests.chromium import chromium
from tests.doctor.cors.cases import Case, every_case

CASES: Final = every_case()
_BODY: Final = b"seen"
_ASK: Final = """async (requests) => {
  const bodies = {
    "": () => undefined, text: () => "text", params: () => new URLSearchParams("a=b"),
    form: () => { const form = new FormData(); form.append("image", new Blob(["x"]), "x.png"); return form; },
    image: () => new Blob(["x"], {type: "image/png"}), untyped: () => new Blob(["x"]),
  };
  const byFetch = async ({url, method, headers, body, credentials}) => {
    const answer = await fetch(url, {method, headers, credentials, body: bodies[body]()});
    return {status: answer.status, headers: [...answer.headers.keys()]};
  };
  const byXhr = ({url, method, headers, body, credentials, listener}) => new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open(method, url);
    xhr.withCredentials = credentials === "include";
    for (const [name, value] of headers) xhr.setRequestHeader(name, value);
    if (listener) xhr.upload.addEventListener("progress", () => {});
    xhr.onerror = () => reject(new TypeError("Failed to fetch"));
    xhr.onload = () => resolve({status: xhr.status, headers: [...new Headers(xhr.getAllResponseHeaders().trim()
      .split("\\r\\n").filter(Boolean).map((line) => line.split(": ", 2))).keys()]});
    xhr.send(bodies[body]());
  });
  const told = [];
  for (const request of requests) {
    try { told.push(await (request.xhr ? byXhr : byFetch)(request)); }
    catch (error) { told.push({error: String(error)}); }
  }
  return told;
}"""


@dataclass
class Seen:
    """What reached the server of one case after so many redirects."""

    preflights: list[dict[str, str]] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)
    methods: list[str] = field(default_factory=list)


@dataclass
class Rig:
    """Two servers of one mind, which are three origins: the page's, the API's, and another one."""

    ports: tuple[int, int]
    seen: dict[tuple[int, int], Seen] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """The page's."""
        return f"http://localhost:{self.ports[0]}"

    @property
    def api(self) -> str:
        """What it asks."""
        return f"http://127.0.0.1:{self.ports[0]}"

    def url(self, number: int, hop: int = 0) -> str:
        """Where a case is served."""
        return f"{self.api}/{number}/{hop}"

    def served(self, number: int, hop: int) -> tuple[Answer, Answer]:
        """What is answered there, word by word."""
        preflight, actual = CASES[number].answers(hop)
        return self._filled(preflight, number, hop), self._filled(actual, number, hop)

    def _filled(self, answer: Answer, number: int, hop: int) -> Answer:
        names = {
            "{origin}": self.origin,
            "{api}": self.api,
            "{third}": f"http://127.0.0.1:{self.ports[1]}",
            "{next}": f"/{number}/{hop + 1}",
        }
        headers = tuple((name, _replaced(value, names)) for name, value in answer.headers)
        length = () if answer.status == 204 else (("Content-Length", str(len(_BODY))),)
        return Answer(answer.status, headers + length)


def _replaced(value: str, names: dict[str, str]) -> str:
    for name, text in names.items():
        value = value.replace(name, text)
    return value


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    rig: Rig

    def _answer(self, method: str) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        found = re.fullmatch(r"/(\d+)/(\d+)", self.path)
        if found is None:
            self._send(method, Answer(200, (("Content-Type", "text/html"), ("Content-Length", str(len(_BODY))))))
            return
        place = int(found[1]), int(found[2])
        seen = self.rig.seen.setdefault(place, Seen())
        asks_first = method == "OPTIONS" and "Access-Control-Request-Method" in self.headers
        (seen.preflights if asks_first else seen.requests).append({k.lower(): v for k, v in self.headers.items()})
        if not asks_first:
            seen.methods.append(method)
        self._send(method, self.rig.served(*place)[not asks_first])

    def _send(self, method: str, answer: Answer) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.end_headers()
        if method != "HEAD" and answer.status != 204:
            self.wfile.write(_BODY)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


for _method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "patch", "X-OWN"):
    setattr(_Handler, f"do_{_method}", partialmethod(_Handler._answer, _method))


@contextmanager
def _serving() -> Iterator[Rig]:

    class Handler(_Handler):
        """One rig's own."""

    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
    Handler.rig = rig = Rig((servers[0].server_port, servers[1].server_port))
    threads = [Thread(target=server.serve_forever, args=(0.05,)) for server in servers]
    for server, thread in zip(servers, threads, strict=True):
        server.daemon_threads = True
        thread.start()
    yield rig
    for server, thread in zip(servers, threads, strict=True):
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class Watched:
    """What Chromium did with every case."""

    rig: Rig
    told: list[dict[str, Any]]
    console: list[str]

    def complaints(self, number: int) -> list[str]:
        """The console's lines on a case."""
        place = re.compile(rf":\d+/{number}/\d")
        return [line for line in self.console if BLOCKED in line and place.search(line)]


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    """One page asks for everything, one after the other."""
    with _serving() as rig, chromium() as browser:
        page, console = browser.new_page(), list[str]()
        page.on("console", lambda message: console.append(message.text))
        page.goto(rig.origin)
        told = page.evaluate(_ASK, [_script(case, rig.url(number)) for number, case in enumerate(CASES)])
        _wait_for_the_console(page, console)
        yield Watched(rig, told, console)


def _script(case: Case, url: str) -> dict[str, Any]:
    return {
        "url": url,
        "method": case.method,
        "headers": [list(header) for header in case.headers],
        "body": case.body,
        "credentials": str(case.credentials),
        "xhr": str(case.initiator) == "XMLHttpRequest",
        "listener": case.upload_listener,
    }


def _wait_for_the_console(page: Page, console: list[str]) -> None:
    page.evaluate("console.log('that was all')")
    while "that was all" not in console:
        page.wait_for_timeout(20)


@dataclass
class Predicted:
    """What the judge says of a case: a request and a judgement for every hop."""

    hops: list[tuple[PageRequest, Judgement]]

    @property
    def last(self) -> Judgement:
        """How it ends."""
        return self.hops[-1][1]


def _predicted(number: int, rig: Rig) -> Predicted:
    request = CASES[number].request(rig.url(number), rig.origin)
    hops: list[tuple[PageRequest, Judgement]] = []
    while True:
        judgement = judge_exchange(request, *rig.served(number, len(hops)))
        hops.append((request, judgement))
        if judgement.stage is not Stage.REDIRECT:
            return Predicted(hops)
        request = redirected(request, rig.served(number, len(hops) - 1)[1].status, judgement.follows)


def _differences(number: int, watched: Watched) -> Iterator[str]:
    predicted = _predicted(number, watched.rig)
    for hop, (request, judgement) in enumerate(predicted.hops):
        seen = watched.rig.seen.get((number, hop), Seen())
        if bool(seen.preflights) != bool(judgement.preflight):
            yield f"hop {hop}: preflight {judgement.preflight}, seen {seen.preflights}"
        for preflight in seen.preflights:
            yield from _preflight_differences(preflight, preflight_headers(request, Dialect.CHROMIUM))
        if bool(seen.requests) != judgement.sent:
            yield f"hop {hop}: sent {judgement.sent}, seen {seen.requests}"
        yield from (f"method {method}, not {request.method}" for method in seen.methods if method != request.method)
    yield from _ending_differences(predicted.last, watched.told[number])


def _preflight_differences(seen: dict[str, str], said: Headers) -> Iterator[str]:
    expected = dict(said)
    for name in ("access-control-request-headers", "access-control-request-method", "origin", "sec-fetch-mode"):
        if seen.get(name) != expected.get(name):
            yield f"{name}: {expected.get(name)!r}, seen {seen.get(name)!r}"


def _ending_differences(said: Judgement, told: dict[str, Any]) -> Iterator[str]:
    if said.allowed != ("status" in told):
        yield f"allowed {said.allowed}, but {told}"
    elif said.allowed and (said.status, list(said.readable)) != (told["status"], sorted(told["headers"])):
        yield f"{said.status} {said.readable}, but {told}"


def test_chromium_does_what_the_judge_says(watched: Watched) -> None:
    """Preflight or none, request sent or not, answer given or hidden, status and headers: all as predicted."""
    wrong = {
        number: differences for number in range(len(CASES)) if (differences := list(_differences(number, watched)))
    }
    assert len(CASES) >= 300
    assert not wrong, "\n".join(f"{number} {CASES[number]}: {said}" for number, said in wrong.items())


def test_chromium_says_what_the_judge_says(watched: Watched) -> None:
    """Each blocked case has one sentence in the console, and it is the predicted one word by word."""
    wrong = []
    for number in range(len(CASES)):
        said, lines = _predicted(number, watched.rig).last, watched.complaints(number)
        expected = [said.console.partition(BLOCKED)[2]] if not said.allowed else []
        if expected != [line.partition(BLOCKED)[2] for line in lines]:
            wrong.append(f"{number} {CASES[number]}: {expected} but {lines}")
    assert not wrong, "\n".join(wrong)


def test_a_console_is_read_back(watched: Watched) -> None:
    """Every sentence that Chromium wrote is recognised as the complaint it is."""
    for number in range(len(CASES)):
        said = _predicted(number, watched.rig).last
        for line in watched.complaints(number):
            blocked = recognise(line)
            assert blocked is not None
            assert blocked.name == said.complaint
            assert blocked.hint == said.facts.get("value", "") or not blocked.hint


def test_most_ways_to_be_blocked_are_met(watched: Watched) -> None:
    """The cases reach every complaint that a page can bring about between two origins of one machine."""
    met = {_predicted(number, watched.rig).last.complaint for number in range(len(CASES))}
    assert len(met - {""}) == 19, json.dumps(sorted(met))
