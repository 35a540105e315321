"""Web servers on the loopback that behave as well or as badly as a test needs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Exchange(BaseHTTPRequestHandler):
    """One request; ``site.answer`` decides what happens."""

    site: Site
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Note the request and let the site answer."""
        self.site.requests.append((self.path, dict(self.headers.items())))
        self.close_connection = True
        self.site.answer(self)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server uses
        """Be quiet."""

    def send(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer with a whole body; underscores in header names stand for hyphens."""
        self.begin(status, len(body), **headers)
        self.wfile.write(body)

    def begin(self, status: int, length: int, **headers: str) -> None:
        """Answer with the head only."""
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()


@dataclass
class Site:
    """A running server: where it is, what it answers, what it was asked."""

    answer: Callable[[Exchange], None]
    url: str = ""
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)


@contextmanager
def serving(answer: Callable[[Exchange], None]) -> Iterator[Site]:
    """Run a server on a free port for as long as the block lasts."""
    site = Site(answer)
    handler = type("Handler", (Exchange,), {"site": site})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        site.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield site
        server.shutdown()
        thread.join()


def file_server(content: bytes, *, cut_after: int = 0, etag: str = '"one"') -> Callable[[Exchange], None]:
    """Serve ``content`` with ranges; the first answer breaks off after ``cut_after`` bytes where that is set."""
    cuts = [cut_after] if cut_after else []

    def answer(exchange: Exchange) -> None:
        start = 0
        if (asked := exchange.headers.get("Range")) and exchange.headers.get("If-Range") == etag:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        rest = content[start:]
        extra = {"Content_Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        exchange.begin(206 if start else 200, len(rest), ETag=etag, **extra)
        exchange.wfile.write(rest[: cuts.pop()] if cuts else rest)

    return answer
