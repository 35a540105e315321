"""A real server is asked as a page would ask it, and no more."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from mattegate.doctor.cors.fetch import PageRequest
from mattegate.doctor.cors.judge import Stage
from mattegate.doctor.cors.live import HOPS, Plain, Unanswered, ask

PAGE = "http://app.example"
Answering = Callable[[str, str], tuple[int, dict[str, str]]]


@contextmanager
def _serving(answering: Answering) -> Iterator[tuple[str, list[tuple[str, str, dict[str, str], bytes]]]]:
    seen: list[tuple[str, str, dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            seen.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            status, headers = answering(self.command, self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        do_GET = do_POST = do_OPTIONS = _answer  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_refused_preflight_ends_it() -> None:
    """The request itself is never sent, and no key with the preflight."""
    with _serving(lambda _, __: (403, {})) as (url, seen):
        [hop] = ask(PageRequest(url + "/v1", PAGE, method="POST", headers=(("X-API-Key", "k"),)), Plain(), body=b"x")
    assert (hop.judgement.stage, hop.judgement.code) == (Stage.PREFLIGHT, "cors.preflight_status")
    [(method, path, headers, body)] = seen
    assert (method, path, body) == ("OPTIONS", "/v1", b"")
    assert headers["access-control-request-headers"] == "x-api-key"
    assert headers["origin"] == PAGE
    assert "x-api-key" not in headers


def test_what_passes_is_sent_with_its_body() -> None:
    """After a good preflight the request goes out whole, and its answer is judged with the preflight's."""

    def answering(method: str, _: str) -> tuple[int, dict[str, str]]:
        if method == "OPTIONS":
            return 204, {"Access-Control-Allow-Origin": PAGE, "Access-Control-Allow-Headers": "x-api-key"}
        return 200, {}

    with _serving(answering) as (url, seen):
        [hop] = ask(PageRequest(url, PAGE, method="POST", headers=(("X-API-Key", "k"),)), Plain(), body=b"png")
    assert hop.judgement.code == "cors.only_in_preflight"
    assert [(method, body) for method, _, _, body in seen] == [("OPTIONS", b""), ("POST", b"png")]
    assert seen[1][2]["x-api-key"] == "k"


def test_redirects_are_followed_as_a_browser_would() -> None:
    """From hop to hop, and not for ever."""
    allow = {"Access-Control-Allow-Origin": PAGE}

    def answering(_: str, path: str) -> tuple[int, dict[str, str]]:
        return (200, allow) if path == "/end" else (302, allow | {"Location": "/end" if path == "/" else "/again"})

    with _serving(answering) as (url, seen):
        first, last = ask(PageRequest(url + "/", PAGE, method="POST"), Plain(), body=b"x")
        assert first.judgement.stage is Stage.REDIRECT
        assert (last.request.method, last.judgement.status) == ("GET", 200)
        assert seen[-1][3] == b""
        assert len(ask(PageRequest(url + "/again", PAGE), Plain())) == HOPS + 1


def test_silence_is_no_answer() -> None:
    """A port where nobody is, and a server that hangs up or trickles for ever, are told as unanswered."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def trickle() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while True:
                    connection.sendall(b"x")
                    time.sleep(0.02)

        thread = Thread(target=trickle)
        thread.start()
        with pytest.raises(Unanswered):
            Plain(timeout=0.3)("GET", f"http://127.0.0.1:{port}/", (), b"")
        thread.join()
    [hop] = ask(PageRequest(f"http://127.0.0.1:{port}/", PAGE), Plain())
    assert (hop.judgement.code, hop.actual) == ("cors.unanswered", None)
