"""A server that is killed without a word and started again on the same port, and callers who do not wait for it."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bench import processes
from bench.service import REMOVE, Answer

ROOT: Final = Path(__file__).parents[2]
_PATIENCE_S: Final = 60.0


def fast(config: Path, home: Path, port: int, *, pause_s: float = 0.0) -> list[str]:
    """The gate over ``home`` with an engine that answers after ``pause_s``."""
    return [sys.executable, "-m", "tests.prove.gate_server", str(config), str(home), str(port), str(pause_s)]


def product(config: Path, home: Path, port: int) -> list[str]:
    """The product as it is installed."""
    given = ["--home", str(home), "serve", "--config", str(config), "--port", str(port), "--admin-port", "0"]
    return [sys.executable, "-m", "mattegate", *given]


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class GateProcess:
    """``command`` as a process, which listens on ``port``."""

    def __init__(self, command: list[str], port: int, log: Path) -> None:
        self.port = port
        self._command = command
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it would serve."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MATTEGATE_")}
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(self._command, cwd=ROOT, stdout=output, stderr=output, env=environment)
        try:
            self._wait_ready(self._process)
        except BaseException:
            self.kill()
            raise

    def pss_mb(self) -> float:
        """The memory of it and of all below it, in megabytes."""
        assert self._process is not None
        return processes.pss_mb(self._process.pid)

    def kill(self) -> tuple[int, ...]:
        """``kill -9``; the processes that were below it."""
        assert self._process is not None
        below = processes.descendants(self._process.pid)
        self._process.kill()
        self._process.wait()
        return below

    def stop(self) -> int:
        """Ask it to end; its exit status."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        return self._process.returncode

    def output(self) -> str:
        """Everything it has printed, in all its lives."""
        return self._log.read_text(errors="replace")

    def tail(self, lines: int = 20) -> str:
        """The last lines of that."""
        return "\n".join(self.output().splitlines()[-lines:])

    def _wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not self._ready():
            assert process.poll() is None, f"the server ended while starting:\n{self.tail()}"
            assert time.monotonic() < deadline, f"the server was not ready in time:\n{self.tail()}"
            time.sleep(0.02)

    def _ready(self) -> bool:
        answer = ask(self.port, "/ready", method="GET", timeout_s=5)
        return answer is not None and answer.status == 200


def ask(
    port: int,
    path: str = REMOVE,
    *,
    method: str = "POST",
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    timeout_s: float = _PATIENCE_S,
) -> Answer | None:
    """One request over a connection of its own; ``None`` where no whole answer came back."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    started = time.perf_counter()
    try:
        connection.request(method, path, body or None, dict(headers or {}))
        response = connection.getresponse()
        received = response.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    found = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, found, received, time.perf_counter() - started)


def bearer(key: str, **more: str) -> dict[str, str]:
    """The headers of a request with a raw image, under ``key``."""
    return {"Authorization": f"Bearer {key}", "Content-Type": "image/png"} | more
