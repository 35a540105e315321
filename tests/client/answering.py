"""A server on loopback that answers what a test has written down, and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass
class Answering:
    """What it answers, one after the other and the last one for ever, and what it has heard."""

    answers: list[tuple[int, dict[str, str], bytes]]
    heard: list[dict[str, str]] = field(default_factory=list)
    url: str = ""


@contextmanager
def answering(*answers: tuple[int, dict[str, str], bytes]) -> Iterator[Answering]:
    """Such a server for the length of the block; status 0 closes the connection without a word."""
    state = Answering(list(answers))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            state.heard.append({name.lower(): value for name, value in self.headers.items()} | {":path": self.path})
            status, headers, body = state.answers.pop(0) if len(state.answers) > 1 else state.answers[0]
            self.close_connection = True
            if status == 0:
                return
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(body)), "Connection": "close"}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET = _answer  # noqa: N815 - the names that the handler looks for

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
