"""The access log: one JSON line for each request, cheap, unforgeable by its contents, and never in a request's way.

Rules of this file:

1. A line is pure ASCII JSON: no control character reaches a terminal, nothing a caller sends starts a second line.
2. A line is written by one ``write``. Whatever goes wrong with it costs the line, and is told; never the request.
3. Nobody is waited for: a pipe whose reader sleeps loses lines, which are counted, and told once it reads again.

Where nothing was said, lines go to the logger ``mattegate.access``; a server says :func:`send_lines_to`.
"""

from __future__ import annotations

import json
import logging
import os
import select
import socket
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from time import monotonic, time_ns
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from mattegate.ledger.form import HOLE, TEXT_HOLE, Form, json_with_holes

if TYPE_CHECKING:
    from starlette.types import Scope

    from mattegate.serving.exchange import Exchange

_LOG: Final = logging.getLogger("mattegate.access")
_LONGEST: Final = 256
"""Characters kept of anything that the caller chose."""
_PIECE: Final = 4_096
"""``PIPE_BUF`` on Linux: what a pipe that is ready takes at once. No line is longer."""
_TIGHT: Final = 48
"""Characters kept of each text of a line that would be longer."""
_LONGEST_MS: Final = 1e9
_STDERR: Final = 2
_RETRY_S: Final = 1.0
_ENCODER: Final = msgspec.json.Encoder(enc_hook=str)


class AccessLine(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What is written of one request. ``key`` is the id of the proven key, never the key."""

    time: str
    address: str
    method: str
    path: str
    status: int
    reason: str
    key: str
    identity: str
    bytes_in: int
    bytes_out: int
    ms: float
    request_id: str
    client_request_id: str
    problem: str = ""
    """The operator's sentence of a refusal."""


class Sink(Protocol):
    """Where lines go. Never raises, never waits."""

    def write(self, line: bytes) -> None:
        """Take one line, without its line break."""


class LoggerSink:
    """Lines go to the logger ``mattegate.access``, as an application around this one may want it."""

    def write(self, line: bytes) -> None:
        """One record of level INFO."""
        _LOG.info("%s", line.decode("ascii"))


class _Current:
    """The sink in force: like the registry of ``logging``, one for the process."""

    sink: Sink = LoggerSink()


def send_lines_to(sink: Sink) -> Sink:
    """Send all lines to ``sink`` from now on; returns where they went before."""
    before, _Current.sink = _Current.sink, sink
    return before


def log_access(scope: Scope, exchange: Exchange, *, now: float) -> None:
    """Write the line of one finished exchange; ``now`` by ``time.perf_counter``."""
    _Current.sink.write(encode_line(_line(scope, exchange, _now(), _ms(exchange, now), exchange.request_id)))


def log_access_again(form: Form, exchange: Exchange, *, now: float) -> None:
    """Write the line of an exchange that went like the one of ``form``."""
    _Current.sink.write(form.fill(_now().encode(), b"%a" % _ms(exchange, now), exchange.request_id.encode()))


def access_form(scope: Scope, exchange: Exchange) -> Form | None:
    """The line of an exchange, for others like it; ``None`` where it has anything unusual in it."""
    line = _line(scope, exchange, _now(), _LONGEST_MS, exchange.request_id)
    if _encode_at_once(line) is None:
        return None
    return Form(json_with_holes(msgspec.structs.replace(line, time=TEXT_HOLE, ms=HOLE, request_id=TEXT_HOLE)))


def _line(scope: Scope, exchange: Exchange, at: str, ms: float, request_id: str) -> AccessLine:
    return AccessLine(
        at,
        exchange.address or client_address(scope),
        scope["method"],
        scope["path"][:_LONGEST],
        exchange.status,
        exchange.reason,
        exchange.key_id,
        exchange.identity,
        exchange.bytes_in,
        exchange.bytes_out,
        ms,
        request_id,
        _client_request_id(scope),
        exchange.problem,
    )


def _ms(exchange: Exchange, now: float) -> float:
    return round((now - exchange.started) * 1000, 1)


def write_line(line: dict[str, object]) -> None:
    """Log one line that is no exchange's."""
    _Current.sink.write(encode_line(line))


def encode_line(line: AccessLine | dict[str, object]) -> bytes:
    """Pure ASCII JSON of at most 4096 bytes; texts that would make it longer are cut."""
    return _encode_at_once(line) or _encode_slowly(line)


def client_address(scope: Scope) -> str:
    """The address of the peer as the server saw it; empty where there is none."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def _encode_at_once(line: AccessLine | dict[str, object]) -> bytes | None:
    """``None`` for lines with anything unusual in them."""
    try:
        data = _ENCODER.encode(line)
    except (UnicodeEncodeError, OverflowError):
        return None
    return data if data.isascii() and len(data) < _PIECE and b"\x7f" not in data else None


def _encode_slowly(line: AccessLine | dict[str, object]) -> bytes:
    """For lines with anything unusual in them: ``json`` can spell all of Unicode, lone surrogates too, in ASCII."""
    values: dict[str, Any] = line if isinstance(line, dict) else msgspec.structs.asdict(line)
    for longest in (None, _LONGEST, _TIGHT, 8):
        short = {
            key: value if isinstance(value, int | float | None) else str(value)[:longest]
            for key, value in values.items()
        }
        data = json.dumps(short, separators=(",", ":")).replace("\x7f", "\\u007f").encode("ascii")
        if len(data) < _PIECE:
            break
    return data


def _client_request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return str(value[:_LONGEST].decode("latin-1"))
    return ""


class Outlet:
    """A descriptor that is somebody else's too, such as stderr: written to only while that does not block."""

    def __init__(self, descriptor: int = _STDERR) -> None:
        self._descriptor = descriptor
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self._socket = _as_socket(descriptor)
        self._regular = _is_regular(descriptor)
        self._lock = threading.Lock()
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """Lines lost since the last one that was taken."""
        return self._dropped

    def write(self, line: bytes) -> None:
        """Take one line, or count it as lost."""
        with self._lock:
            if self._dropped and self._put(_notice(f"access log: {self._dropped} lines were lost: nobody read them")):
                self._dropped = 0
            if not self._put(line):
                self._dropped += 1

    def reopen(self) -> None:
        """Nothing: what was given open stays as it is."""

    def close(self) -> None:
        """Let go of what was made for it; the descriptor itself stays open, because it is somebody else's."""
        if self._socket is not None:
            self._socket.close()

    def _put(self, line: bytes) -> bool:
        data = line + b"\n"
        try:
            if self._socket is not None:
                return self._socket.send(data, socket.MSG_DONTWAIT) == len(data)
            if not self._regular and not self._ready():
                return False
            return os.write(self._descriptor, data) == len(data)
        except OSError:
            return False  # counted by the caller; there is nobody left to tell

    def _ready(self) -> bool:
        return any(event & select.POLLOUT for _, event in self._poll.poll(0))


class AccessLog:
    """Lines go to a file, opened again by :meth:`reopen` (log rotation); to ``fallback`` while it takes nothing.

    Raises nothing: an unwritable file is told on ``fallback`` and tried again once a second.
    """

    def __init__(self, path: Path, *, fallback: Sink, clock: Callable[[], float] = monotonic) -> None:
        self._path = path
        self._fallback = fallback
        self._clock = clock
        self._descriptor = -1
        self._torn = False
        self._problem = ""
        self._retry_at = 0.0
        self._lock = threading.RLock()  # a signal may ask to reopen in the middle of a write
        self.reopen()

    @property
    def problem(self) -> str:
        """Why the file takes nothing; empty while it does."""
        return self._problem

    def write(self, line: bytes) -> None:
        """Append one line."""
        with self._lock:
            if self._descriptor < 0 and self._clock() >= self._retry_at:
                self.reopen()
            if self._descriptor < 0 or not self._append(line):
                self._fallback.write(line)

    def reopen(self) -> None:
        """Open the file by its name again."""
        with self._lock:
            self.close()
            self._retry_at = self._clock() + _RETRY_S
            try:
                self._descriptor = os.open(self._path, _FLAGS, 0o640)
            except OSError as error:
                self._tell(f"{self._path} cannot be opened: {error.strerror}")

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
            self._descriptor, self._torn = -1, False

    def _append(self, line: bytes) -> bool:
        data = b"\n" + line + b"\n" if self._torn else line + b"\n"
        try:
            taken = os.write(self._descriptor, data)
        except OSError as error:
            self._tell(f"{self._path} takes nothing: {error.strerror}")
            return False
        self._torn = taken < len(data) and (taken > 0 or self._torn)
        if taken < len(data):
            self._tell(f"{self._path} took only a part of a line: is the disk full?")
            return False
        if self._problem:
            self._tell("")
        return True

    def _tell(self, problem: str) -> None:
        """Once for each change."""
        if problem and problem != self._problem:
            self._fallback.write(_notice(f"access log: {problem}; its lines come here"))
        elif self._problem and not problem:
            self._fallback.write(_notice(f"access log: {self._path} takes lines again"))
        self._problem = problem


_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


def open_access_log(path: Path | None) -> AccessLog | Outlet:
    """The sink for ``log.file``: the file with stderr to fall back on, or stderr alone."""
    stderr = Outlet()
    return AccessLog(path, fallback=stderr) if path is not None else stderr


def _notice(problem: str) -> bytes:
    return encode_line({"time": _now(), "problem": problem})


def _now() -> str:
    """RFC 3339 in UTC, to the millisecond."""
    seconds, milliseconds = divmod(time_ns() // 1_000_000, 1_000)
    return f"{_second(seconds)}.{milliseconds:03d}+00:00"


@lru_cache(maxsize=2)
def _second(at: int) -> str:
    """Spelled once for all lines of it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _is_regular(descriptor: int) -> bool:
    try:
        return stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError:
        return False


def _as_socket(descriptor: int) -> socket.socket | None:
    """A socket of its own for a descriptor that is one, as a service manager's journal is."""
    with suppress(OSError):
        if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            return socket.socket(fileno=os.dup(descriptor))
    return None
