"""Real processes of the server around an application of a few lines, and certificates for them."""

from __future__ import annotations

import json
import shutil
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
import pytest

from tests.serving.served import read_all

ROOT = Path(__file__).parents[2]
MIRROR = b"GET /mirror HTTP/1.1\r\nHost: x\r\n\r\n"


@dataclass(frozen=True)
class BareServer:
    """A server process and where it listens."""

    process: subprocess.Popen[str]
    url: str
    admin_url: str
    log: Path

    @property
    def port(self) -> int:
        """The data plane's."""
        port = httpx2.URL(self.url).port
        assert port
        return port

    def connect(self, host: str = "127.0.0.1", port: int = 0) -> socket.socket:
        """A raw connection."""
        return socket.create_connection((host, port or self.port), timeout=10)

    def talk(self, sent: bytes, port: int = 0) -> bytes:
        """Send bytes, then read until the server closes."""
        with closing(self.connect(port=port)) as peer:
            peer.sendall(sent)
            return read_all(peer)

    def refusals(self) -> list[str]:
        """The reasons in the access log so far."""
        prefix = "mattegate.access "
        lines = [line for line in self.log.read_text().splitlines() if line.startswith(prefix)]
        return [json.loads(line.removeprefix(prefix))["reason"] for line in lines]

    def says(self, words: str) -> bool:
        """Whether the log holds these words."""
        return words in self.log.read_text()


Bare = Callable[..., BareServer]


@contextmanager
def bare_server(folder: Path, **settings: Any) -> Iterator[BareServer]:
    """A server process for the length of the block."""
    log = folder / "bare.log"
    command = [sys.executable, "-m", "tests.serving.run_bare", json.dumps(settings, default=str)]
    with (
        log.open("w") as errors,
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        assert process.stdout is not None
        admin_url, url = process.stdout.readline().strip(), process.stdout.readline().strip()
        try:
            assert url, f"the server did not start: {log.read_text()}"
            yield BareServer(process, url, admin_url, log)
        finally:
            process.terminate()
            process.wait(20)


def until(true: Callable[[], object], seconds: float = 15.0) -> None:
    """Wait for something to become true; fail after ``seconds``."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    certificate: Path
    key: Path

    def replace_by(self, other: Pair) -> None:
        """As a renewal does: new files under the old names."""
        for ours, theirs in ((self.key, other.key), (self.certificate, other.certificate)):
            aside = ours.with_suffix(".new")
            shutil.copy(theirs, aside)
            aside.replace(ours)


def make_pair(folder: Path, name: str, *, days: int = 30, password: str = "") -> Pair:
    """A self-signed certificate for localhost, made by the openssl program."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed")
    pair = Pair(folder / f"{name}.crt", folder / f"{name}.key")
    passing = ["-passout", f"pass:{password}"] if password else ["-nodes"]
    subprocess.run(
        [
            program, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", str(days),
            "-keyout", pair.key, "-out", pair.certificate, *passing,
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return pair
