"""What tests on the wire share: a server process over a home of its own, keys to it, raw requests, and its records."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

from mattegate.config.secrets import load_secrets
from mattegate.config.settings import Settings
from mattegate.gate.replay import replay
from mattegate.gate.rules import Rules
from mattegate.ledger.opening import Accounts, open_accounts
from mattegate.ledger.protocols import Record, Sealed
from mattegate.ledger.records_reading import RecordReader
from mattegate.signing.keys import checksum
from mattegate.vocabulary.reasons import REASONS
from tests.serving.served import Served
from tests.wire.run_gate import settings_of

_ROOT = Path(__file__).parents[2]
_REQUEST_ID = re.compile(r"req_[0-9A-HJKMNP-TV-Z]{26}")

ALLOWED = "https://shop.example"
"""The one page that may call."""

CALM = {"unproven_per_minute": 1_000_000, "failures_per_minute": 1_000_000, "verifications_per_minute": 1_000_000}
"""Flood rules that are counted by and never refuse."""


@dataclass(frozen=True)
class Answered:
    """One HTTP answer as it came."""

    status: int
    headers: tuple[tuple[str, str], ...]
    """Names in small letters."""
    body: bytes

    def header(self, name: str) -> str:
        """The one value of a header; empty where it does not stand there."""
        values = [value for key, value in self.headers if key == name]
        assert len(values) <= 1, f"{name} stands there {len(values)} times: {values}"
        return values[0] if values else ""

    @property
    def request_id(self) -> str:
        """``X-Request-Id``."""
        return self.header("x-request-id")

    @property
    def reason(self) -> str:
        """The public code that explains a refusal."""
        return self.header("x-mattegate-reason")

    @property
    def problem(self) -> dict[str, Any]:
        """The body as a problem document."""
        document: dict[str, Any] = json.loads(self.body)
        return document

    def without_ids(self, *texts: str) -> tuple[int, tuple[tuple[str, str], ...], str]:
        """What must not tell two answers apart: everything but date, ids, and the ``texts`` that the caller sent."""
        headers = [pair for pair in self.headers if pair[0] not in {"date", "x-request-id", "content-length"}]
        body = self.body.decode()
        if self.header("content-type") == "application/problem+json" and body:
            body = json.dumps(self.problem | {"request_id": "", "instance": ""})
        for text in texts:
            body = body.replace(text, "~")
        return self.status, tuple(headers), body


@dataclass
class Wire:
    """A running server, its home, and raw access to both."""

    served: Served
    settings: Settings
    _rules: dict[str, Rules] = field(default_factory=dict)

    @cached_property
    def reader(self) -> RecordReader:
        """The records as another process sees them."""
        return RecordReader(self.settings.ledger_dir, seal_key=load_secrets(self.settings.secrets_dir, {}).seal_key)

    @contextmanager
    def accounts(self) -> Iterator[Accounts]:
        """Identities and keys, beside the running server."""
        with open_accounts(self.settings) as accounts:
            yield accounts

    def key(self, name: str, *, tier: str = "vip", scopes: tuple[str, ...] = ("*",), **options: Any) -> str:
        """A new key of a new identity."""
        with self.accounts() as accounts:
            identity = accounts.desk.create_identity(name, tier=tier, actor="cli:test", scopes=scopes)
            return accounts.desk.create_key(identity.view.id, actor="cli:test", **options).text

    def send(self, request: bytes, *, method: str = "GET", timeout: float = 15) -> Answered:
        """Send bytes, stop sending, and read one answer."""
        with closing(self.served.connect(timeout=timeout)) as peer:
            peer.sendall(request)
            return read_answer(peer, method)

    def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Answered:
        """One request."""
        return self.send(spell(method, path, list((headers or {}).items()), body), method=method)

    def every_answer(self, request: bytes, *, timeout: float = 15) -> bytes:
        """Send bytes and read until the server closes."""
        return self.served.talk(request, timeout=timeout)

    def found(self, request_id: str) -> Record | Sealed | None:
        """What the records tell of an id."""
        return self.reader.find(request_id)

    def replayed(self, record: Record) -> object:
        """The record decided again by its own rulebook."""
        if record.revision not in self._rules:
            rulebook = self.reader.rulebook(record.revision)
            assert rulebook is not None, f"the rulebook {record.revision} is gone"
            self._rules[record.revision] = Rules.of(rulebook)
        return replay(record.attempt, record.facts, record.findings, self._rules[record.revision])

    def explained(self, answer: Answered) -> Record:
        """The record of a refusal, which must tell the same as the answer did, and again when it is replayed."""
        assert _REQUEST_ID.fullmatch(answer.request_id), answer
        record = self.found(answer.request_id)
        assert isinstance(record, Record), (
            f"{answer.status} {answer.request_id} is not on record: {answer.body[:300]!r}"
        )
        assert record.status == answer.status, (record, answer)
        assert record.reason, record
        assert REASONS[record.reason].public == answer.reason, (record.reason, answer)
        assert self.replayed(record) == "same", (self.replayed(record), record)
        return record

    def line(self, request_id: str) -> dict[str, Any]:
        """The line of the access log about one answer, which is written just after that answer."""
        for _ in range(100):
            lines = {line["request_id"]: line for line in self.served.access_lines()}
            if request_id in lines:
                return lines[request_id]
            time.sleep(0.05)
        raise AssertionError(f"{request_id} is not in the access log")

    def everything_kept(self) -> bytes:
        """Every byte that the server wrote but for its secrets: ledger, spool, log."""
        files = [path for path in self.settings.home.rglob("*") if path.is_file() and "secrets" not in path.parts]
        return b"".join(path.read_bytes() for path in (*files, self.served.log))


def spell(method: str, path: str, headers: list[tuple[str, str]], body: bytes = b"", *, host: str = "gate") -> bytes:
    """A request as bytes; the connection ends with its answer."""
    given = {name.lower() for name, _ in headers}
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"Host: {host}"] if "host" not in given else []
    lines += [f"{name}: {value}" for name, value in headers]
    lines += [f"Content-Length: {len(body)}"] if body and not given & {"content-length", "transfer-encoding"} else []
    lines += ["Connection: close"] if "connection" not in given else []
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def read_answer(peer: socket.socket, method: str = "GET") -> Answered:
    """The next final answer on a connection. Raises ``HTTPException`` or ``OSError`` where there is none."""
    response = HTTPResponse(peer, method=method)
    with closing(response):
        response.begin()
        body = response.read()
        headers = tuple((name.lower(), value) for name, value in response.getheaders())
        return Answered(response.status, headers, body)


def any_answer(wire: Wire, request: bytes, method: str = "GET") -> Answered | None:
    """The answer to bytes that may be no request; ``None`` where the server closed without one."""
    try:
        return wire.send(request, method=method, timeout=10)
    except (HTTPException, ConnectionError):
        return None


def wrong_secret(key: str) -> str:
    """The same public id with another secret and a right checksum."""
    head, letter = key[:-7], key[-7]
    text = head + ("b" if letter == "a" else "a")
    return text + checksum(text)


def unknown_key(key: str) -> str:
    """A key of the same shape that nobody ever made."""
    prefix, body = key[:-51], key[-51:]
    text = prefix + ("A" if body[0] != "A" else "B") + body[1:-6]
    return text + checksum(text)


def bearer(key: str, **more: str) -> dict[str, str]:
    """Headers with a key, underscores in further names standing for hyphens."""
    return {"Authorization": f"Bearer {key}"} | {name.replace("_", "-"): value for name, value in more.items()}


@contextmanager
def wired(
    folder: Path, given: Mapping[str, Any] | None = None, engine: Mapping[str, Any] | None = None, *,
    program: str = "tests.wire.run_gate",
) -> Iterator[Wire]:  # fmt: skip
    """A server process over ``folder``/home for the length of the block; ``engine`` is what ``program`` takes next."""
    settings = {"home": str(folder / "home"), **(given or {})}
    command = [sys.executable, "-m", program, json.dumps(settings), json.dumps(engine or {})]
    log = folder / "server.log"
    with (
        log.open("a") as errors,
        subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        try:
            assert url, f"the server did not start: {log.read_text()}"
            wire = Wire(Served(process, url, log), settings_of(settings))
            yield wire
            wire.reader.close()
        finally:
            process.terminate()
            process.wait(20)
