"""The product as its users meet it: ``mattegate serve`` as a process of its own, spoken to over HTTP on loopback."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Self
from urllib.parse import urlencode

from bench import processes
from bench.problems import Unmeasurable

REMOVE: Final = "/v1/remove-bg"
_START_LIMIT_S: Final = 120.0
_ESCAPED: Final = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer; header names are lower case; ``seconds`` from the first byte sent to the last received."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    @property
    def problem(self) -> Mapping[str, object]:
        """The body of a refusal; empty when it is no problem+json."""
        if not self.headers.get("content-type", "").startswith("application/problem+json"):
            return {}
        parsed: dict[str, object] = json.loads(self.body)
        return parsed

    @property
    def reason(self) -> str:
        """The reason code of a refusal, or nothing."""
        return str(self.problem.get("reason", ""))

    @property
    def request_id(self) -> str:
        """The id under which this answer is known."""
        return self.headers.get("x-request-id", "")


class Caller:
    """One keep-alive connection with a key. Raises what :mod:`http.client` and sockets raise."""

    def __init__(self, port: int, *, key: str = "", timeout_s: float = 120.0) -> None:
        self._key = {"X-API-Key": key} if key else {}
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._connection.close()

    def get(self, path: str) -> Answer:
        """GET a path."""
        return self._ask("GET", path, None, {})

    def post(self, body: bytes, *, media_type: str = "image/jpeg", **options: str) -> Answer:
        """POST a raw image to the cut-out route; options go into the query."""
        path = f"{REMOVE}?{urlencode(options)}" if options else REMOVE
        return self._ask("POST", path, body, {"Content-Type": media_type})

    def post_form(
        self, body: bytes, *, filename: str, media_type: str, raw_filename: bool = False, **options: str
    ) -> Answer:
        """POST a form with the image under a file name.

        Quotes and line ends in the name are escaped as browsers do (HTML, multipart/form-data encoding algorithm);
        ``raw_filename`` leaves them as they are, which only a hostile client does.
        """
        name = filename if raw_filename else filename.translate(_ESCAPED)
        boundary = "mattegate-bench-7f3c1d"
        head = "".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{option}"\r\n\r\n{value}\r\n'
            for option, value in options.items()
        )
        head += (
            f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n'
            f"Content-Type: {media_type}\r\n\r\n"
        )
        form = head.encode("utf-8", "surrogateescape") + body + f"\r\n--{boundary}--\r\n".encode()
        return self._ask("POST", REMOVE, form, {"Content-Type": f"multipart/form-data; boundary={boundary}"})

    def _ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        start = time.perf_counter()
        try:
            self._connection.request(method, path, body, {**self._key, **headers})
            response = self._connection.getresponse()
            received = response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()  # so that the next request opens a new connection
            raise
        seconds = time.perf_counter() - start
        return Answer(
            response.status, {name.lower(): value for name, value in response.getheaders()}, received, seconds
        )


class Service:
    """A running server; a context manager. Ready when entered.

    ``home`` holds the models; everything else that it writes lies in a home of its own, with one key of the tier
    ``vip`` that every caller bears. ``settings`` become environment variables (``upload_types="jpeg,png"`` is
    ``MATTEGATE_UPLOAD_TYPES``). Its output goes to ``log``. Raises :class:`Unmeasurable` where it does not get ready.
    """

    def __init__(self, home: Path, *, log: Path, **settings: str) -> None:
        self._models = home / "models"
        self._own = tempfile.TemporaryDirectory(prefix="mattegate-home-")
        self.home = Path(self._own.name)
        self.key = ""
        self.port = _free_port()
        self._log = log
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None

    def __enter__(self) -> Self:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MATTEGATE_")}
        own = {f"MATTEGATE_{name.upper()}": value for name, value in self._settings.items()}
        program = str(Path(sys.executable).with_name("mattegate"))
        command = [program, "serve", "--first-key", "--port", str(self.port), "--admin-port", "0"]
        if not (self.home / "models").exists():
            (self.home / "models").symlink_to(self._models.resolve())
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._output = self._log.open("ab")
        self._process = subprocess.Popen(
            command, env=inherited | own | {"MATTEGATE_HOME": str(self.home)}, stdout=self._output, stderr=self._output
        )
        try:
            self._wait_ready()
            self.key = (self.home / "first-key").read_text("ascii").strip()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()
        self._own.cleanup()

    @property
    def pid(self) -> int:
        """The server's process, above its workers."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process that was started still runs."""
        return self._process is not None and self._process.poll() is None

    def caller(self, *, timeout_s: float = 120.0) -> Caller:
        """A new keep-alive connection."""
        return Caller(self.port, key=self.key, timeout_s=timeout_s)

    def stop(self, *, limit_s: float = 45.0) -> int | None:
        """Ask it to stop, wait, kill it with all its workers where that does not help; its exit status."""
        if self._process is None:
            return None
        below = processes.descendants(self._process.pid)
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            for pid in filter(processes.alive, below):
                os.kill(pid, signal.SIGKILL)
        if self._output is not None:
            self._output.close()
        return self._process.returncode

    def tail(self, lines: int = 12) -> str:
        """The last lines of its output."""
        return "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + _START_LIMIT_S
        while time.monotonic() < deadline:
            if not self.running:
                raise Unmeasurable(f"the server ended while starting:\n{self.tail()}")
            if self._is_ready():
                return
            time.sleep(0.1)
        raise Unmeasurable(f"the server was not ready within {_START_LIMIT_S:g} s:\n{self.tail()}")

    def _is_ready(self) -> bool:
        try:
            with self.caller(timeout_s=5) as caller:
                return caller.get("/ready").status == 200
        except (OSError, http.client.HTTPException):
            return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
