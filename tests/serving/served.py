"""Real server processes on free loopback ports, and how tests talk to them."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Served:
    """A server process, its base URL, and the file it logs into."""

    process: subprocess.Popen[str]
    url: str
    log: Path

    @property
    def address(self) -> tuple[str, int]:
        """Where to connect a raw socket."""
        url = httpx2.URL(self.url)
        assert url.port is not None
        return url.host, url.port

    def get(self, path: str, **kwargs: Any) -> httpx2.Response:
        """One GET."""
        return httpx2.get(self.url + path, **kwargs)

    def post(self, path: str, **kwargs: Any) -> httpx2.Response:
        """One POST."""
        return httpx2.post(self.url + path, timeout=20, **kwargs)

    def talk(self, sent: bytes, *, timeout: float = 10) -> bytes:
        """Send bytes, then read until the server closes."""
        with closing(self.connect(timeout=timeout)) as peer:
            peer.sendall(sent)
            return read_all(peer)

    def connect(self, *, timeout: float = 10) -> socket.socket:
        """A raw connection."""
        return socket.create_connection(self.address, timeout=timeout)

    def access_lines(self) -> list[dict[str, Any]]:
        """The access log so far."""
        prefix = "mattegate.access "
        lines = self.log.read_text().splitlines()
        return [json.loads(line.removeprefix(prefix)) for line in lines if line.startswith(prefix)]

    def line(self, **wanted: str) -> dict[str, Any]:
        """The newest line of the access log with these values, which is written just after its answer has gone out."""
        for _ in range(200):
            if found := [line for line in self.access_lines() if wanted.items() <= line.items()]:
                return found[-1]
            time.sleep(0.025)
        raise AssertionError(f"no line with {wanted}")


Serve = Callable[..., Served]


@contextmanager
def served(log: Path, settings: dict[str, Any], engine: dict[str, Any]) -> Iterator[Served]:
    """A server process for the length of the block."""
    command = [sys.executable, "-m", "tests.serving.run_server", json.dumps(settings), json.dumps(engine)]
    with (
        log.open("w") as errors,
        subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        try:
            assert url, f"the server did not start: {log.read_text()}"
            yield Served(process, url, log)
        finally:
            process.terminate()
            process.wait(20)


def read_all(peer: socket.socket) -> bytes:
    """Whatever the server sends until it closes; a reset after the answer still counts as its end."""
    received = bytearray()
    while True:
        try:
            chunk = peer.recv(65_536)
        except ConnectionResetError:
            return bytes(received)
        if not chunk:
            return bytes(received)
        received += chunk


def problem_in(answer: bytes) -> dict[str, Any]:
    """The problem document of a raw HTTP answer."""
    document: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return document
