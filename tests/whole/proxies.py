"""Real proxies in front of the API: nginx and Caddy as processes of their own, on free loopback ports."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from getpass import getuser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest

_PATHS: Final = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"

NGINX: Final = """
user {user}; daemon off; worker_processes 1; error_log stderr info; pid {folder}/nginx.pid;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
{http}
}}
"""


def program(name: str) -> str:
    """Where a program is; skips the test where there is none."""
    found = shutil.which(name, path=_PATHS)
    if found is None:
        pytest.skip(f"there is no {name} program")
    return found


def free_port() -> int:
    """A port on which nobody listens just now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def nginx(folder: Path, port: int, http: str) -> Iterator[Path]:
    """nginx with these directives inside of ``http``, until the block ends; gives its log."""
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, http=http, user=getuser()))
    command = [program("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    with _running(command, port, folder / "nginx.log") as log:
        yield log


@contextmanager
def caddy(folder: Path, port: int, caddyfile: str) -> Iterator[Path]:
    """Caddy with this Caddyfile, until the block ends; gives its log."""
    options = "{\n\tadmin off\n\tauto_https off\n}\n"
    (folder / "Caddyfile").write_text(options + caddyfile)
    command = [program("caddy"), "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "PATH": _PATHS}
    with _running(command, port, folder / "caddy.log", home) as log:
        yield log


@contextmanager
def _running(command: list[str], port: int, log: Path, environ: dict[str, str] | None = None) -> Iterator[Path]:
    with (
        log.open("w") as errors,
        subprocess.Popen(command, stdout=errors, stderr=errors, env=environ) as process,
    ):
        try:
            _await(process, port, log)
            yield log
        finally:
            process.terminate()
            process.wait(20)


def _await(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + 15
    while True:
        with suppress(ConnectionRefusedError), closing(socket.create_connection(("127.0.0.1", port), timeout=5)):
            return
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.03)


@dataclass
class Upstream:
    """An application behind a proxy that tells what it got."""

    port: int
    seen: list[dict[str, Any]] = field(default_factory=list)
    """Method, path and headers (names in small letters) of every request, in order."""


@contextmanager
def upstream() -> Iterator[Upstream]:
    """A running application."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            told = {
                "method": self.command,
                "path": self.path,
                "bytes": len(body),
                "headers": {name.lower(): value for name, value in self.headers.items()},
            }
            running.seen.append(told)
            text = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = answer  # noqa: N815 - what http.server calls

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        running = Upstream(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield running
        finally:
            server.shutdown()
            thread.join()


@dataclass(frozen=True)
class Answer:
    """What curl got."""

    status: int
    headers: dict[str, str]
    """Names in small letters; several of one name are joined."""
    body: bytes
    failed: str = ""
    """What curl said where there was no answer."""

    @property
    def json(self) -> dict[str, Any]:
        """The body as JSON."""
        document: dict[str, Any] = json.loads(self.body)
        return document


def curl(*arguments: str) -> Answer:
    """One request by the curl program, without any proxy of the environment."""
    command = [program("curl"), "-sS", "-i", "--noproxy", "*", "--max-time", "20", "--no-alpn", *arguments]
    ended = subprocess.run(command, capture_output=True, timeout=30, check=False)
    if ended.returncode:
        return Answer(0, {}, b"", ended.stderr.decode("utf-8", "replace"))
    head, _, body = ended.stdout.partition(b"\r\n\r\n")
    while head.split(b" ", 2)[1] == b"100":
        head, _, body = body.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers: dict[str, str] = {}
    for name, _, value in (line.partition(":") for line in lines):
        before = headers.get(name.lower())
        headers[name.lower()] = value.strip() if before is None else f"{before}, {value.strip()}"
    return Answer(int(first.split(" ")[1]), headers, body)
