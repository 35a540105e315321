"""Sending one request, byte by byte as it is described, and reading what comes back.

Rules of this file: sockets only, no interpretation; an answer may come before the whole request was sent (413), so
both are done at once; everything that is read is bounded.
"""

from __future__ import annotations

import re
import select
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Headers = tuple[tuple[str, str], ...]

MOST_HEAD: Final = 65_536
_BLOCK: Final = bytes(65_536)
_CHUNK: Final = b"10000\r\n" + _BLOCK + b"\r\n"
_BAD_LINE: Final = re.compile(r"[\r\n\0]")


class Unsent(Exception):  # noqa: N818 - the state of the request
    """The request could not be put on the wire; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Wire:
    """Where and how a request is sent, ready for another process."""

    connect: str
    """An address, or the path of a Unix socket."""
    port: int
    source: str
    """The address that the connection comes from; empty for any."""
    tls: bool
    method: str
    target: str
    host: str | None
    headers: Headers
    body_bytes: int
    chunked: bool
    http_version: str
    ca: str = ""
    certificate: tuple[str, str] | None = None
    """The files of what the client shows, and its key."""

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Wire:
        """What ``dataclasses.asdict`` made, back from JSON."""
        shown = members["certificate"]
        headers = tuple((name, value) for name, value in members["headers"])
        return cls(**{**members, "headers": headers, "certificate": tuple(shown) if shown else None})


@dataclass(slots=True)
class Reply:
    """What came back; no status for a connection that was closed without an answer."""

    status: int | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)


def head_of(wire: Wire) -> bytes:
    """The request line and the headers. Raises :class:`Unsent` where one of them would end early."""
    lines = [f"{wire.method} {wire.target} HTTP/{wire.http_version}"]
    if wire.host is not None:
        lines.append(f"Host: {wire.host}")
    lines.extend(f"{name}: {value}" for name, value in wire.headers)
    told = {name.lower() for name, _ in wire.headers}
    if wire.chunked and "transfer-encoding" not in told:
        lines.append("Transfer-Encoding: chunked")
    elif not wire.chunked and wire.body_bytes and "content-length" not in told:
        lines.append(f"Content-Length: {wire.body_bytes}")
    if any(_BAD_LINE.search(line) for line in lines):
        raise Unsent("the request holds a line break or a NUL inside a header or the request line")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


def replay(wire: Wire, *, most_body: int, seconds: float) -> Reply:
    """Sends it and reads the head of the answer. Raises :class:`Unsent`, ``OSError`` or ``TimeoutError``."""
    deadline = time.monotonic() + seconds
    outgoing = _Outgoing(head_of(wire), min(wire.body_bytes, most_body), chunked=wire.chunked)
    with _connected(wire, seconds) as plain, _encrypted(plain, wire) as connection:
        return _exchange(connection, outgoing, deadline)


class _Outgoing:
    """The bytes of a request, made as they are needed."""

    def __init__(self, head: bytes, body: int, *, chunked: bool) -> None:
        self._ready, self._body, self._chunked = memoryview(head), body, chunked
        self._ended = not chunked

    def next(self) -> memoryview:
        """What to send now; empty when all was sent."""
        if not self._ready:
            self._ready = memoryview(self._more())
        return self._ready

    def sent(self, count: int) -> None:
        """``count`` of them are on their way."""
        self._ready = self._ready[count:]

    def _more(self) -> bytes:
        size = min(self._body, len(_BLOCK))
        self._body -= size
        if not self._chunked:
            return _BLOCK[:size]
        if size:
            return _CHUNK if size == len(_BLOCK) else b"%x\r\n" % size + _BLOCK[:size] + b"\r\n"
        ended, self._ended = self._ended, True
        return b"" if ended else b"0\r\n\r\n"


def _connected(wire: Wire, seconds: float) -> socket.socket:
    if not wire.port:
        connection = socket.socket(socket.AF_UNIX)
        target: Any = wire.connect
    else:
        connection = socket.socket(socket.AF_INET6 if ":" in wire.connect else socket.AF_INET)
        target = (wire.connect, wire.port)
    try:
        connection.settimeout(seconds)
        if wire.source:
            connection.bind((wire.source, 0))
        connection.connect(target)
    except OSError:
        connection.close()
        raise
    return connection


def _encrypted(plain: socket.socket, wire: Wire) -> socket.socket:
    if not wire.tls:
        return plain
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if wire.certificate:
        context.load_cert_chain(*wire.certificate)
    name = (wire.host or "").rpartition(":")[0] if re.search(r":\d+$", wire.host or "") else wire.host
    try:
        return context.wrap_socket(plain, server_hostname=name or None)
    except ValueError as error:
        raise Unsent(f"the host {wire.host!r} cannot be named in a TLS handshake: {error}") from error


def _exchange(connection: socket.socket, outgoing: _Outgoing, deadline: float) -> Reply:
    connection.setblocking(False)
    received = bytearray()
    while len(received) < MOST_HEAD:
        chunk = _step(connection, outgoing, deadline)
        if chunk is None:
            continue
        received += chunk
        while received.startswith(b"HTTP/1.1 100 ") and b"\r\n\r\n" in received:
            del received[: received.index(b"\r\n\r\n") + 4]
        if not chunk or b"\r\n\r\n" in received:
            break
    return _reply(bytes(received))


def _step(connection: socket.socket, outgoing: _Outgoing, deadline: float) -> bytes | None:
    """Reads or writes what can be now; ``None`` where nothing was read, empty at the end."""
    waiting = bool(outgoing.next())
    left = deadline - time.monotonic()
    pending = isinstance(connection, ssl.SSLSocket) and connection.pending()
    if left <= 0:
        raise TimeoutError("no answer in time")
    readable, writable, _ = select.select([connection], [connection] if waiting else [], [], 0 if pending else left)
    if readable or pending:
        try:
            return connection.recv(65_536)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            pass
        except (ConnectionError, ssl.SSLError):
            return b""
    if writable:
        _send(connection, outgoing)
    return None


def _send(connection: socket.socket, outgoing: _Outgoing) -> None:
    try:
        outgoing.sent(connection.send(outgoing.next()))
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
        return
    except (ConnectionError, ssl.SSLError):
        while outgoing.next():  # the other side has heard enough; what it said may still be there to read
            outgoing.sent(len(outgoing.next()))


def _reply(received: bytes) -> Reply:
    head, _, _ = received.decode("latin-1").partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    found = re.match(r"HTTP/1\.[01] (\d{3})", first)
    if found is None:
        return Reply()
    pairs = (line.partition(":") for line in lines)
    return Reply(int(found[1]), [(name.strip().lower(), value.strip()) for name, _, value in pairs])
