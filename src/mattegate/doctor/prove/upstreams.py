"""What stands in the place of upstreams: finding where a ``proxy_pass`` leads, and taking the request there.

Rules of this file: nothing is ever sent to the real place. Each place becomes an ``upstream`` with a name that occurs
nowhere else and one Unix socket in the private folder. nginx makes ``$proxy_host`` (and so the default ``Host``), the
URI and everything else from that name just as from the real one, so putting the real name back into what the stand-in
saw is all that it takes to show what the real upstream would have seen.
"""

from __future__ import annotations

import contextlib
import re
import selectors
import socket
import ssl
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

MOST_HEAD: Final = 1_048_576
MOST_VIEWS: Final = 64
_PATH_VARIABLES: Final = "request_uri|uri|document_uri|is_args|args|query_string|arg_\\w+|request_filename|[0-9]"
_VARIABLE: Final = r"\$\{?(?!(?:" + _PATH_VARIABLES + r")\b)\w+\}?"
_UNIX: Final = re.compile(r"(?P<scheme>https?)://(?P<place>unix:[^:]*):?(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_PLACE: Final = re.compile(
    r"(?P<scheme>https?)://(?P<place>(?:" + _VARIABLE + r"|\[[0-9A-Fa-f:.]+\]|[^/?$\[\]])+)(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Destination:
    """A ``proxy_pass``, taken apart."""

    scheme: str
    place: str
    """``127.0.0.1:8000``, ``backend``, ``unix:/run/app.sock``, ``$backend``."""
    rest: str
    """The URI part; empty where there is none."""
    variables: bool
    """Whether anything in it was a variable: its URI then replaces the request's."""

    @property
    def shown(self) -> str:
        """What nginx calls it in ``$proxy_host``."""
        return "localhost" if self.place.startswith("unix:") else self.place


def destination(written: str, constants: Mapping[str, frozenset[str]]) -> Destination | None:
    """Where a ``proxy_pass`` leads; ``None`` where that is in a variable that is not known.

    ``constants`` are the values that each variable is ever given (by ``set`` or ``map``).
    """
    variables = "$" in written
    for _ in range(4):
        found = _UNIX.fullmatch(written) or _PLACE.fullmatch(written)
        head = re.match(r"\$\{?(\w+)\}?", found["place"] if found else written)
        values = constants.get(head[1], frozenset()) if head else frozenset()
        if head is None or len(values) != 1:
            break
        at = found.start("place") if found else 0
        written = written[:at] + next(iter(values)) + written[at + head.end() :]
    return Destination(found["scheme"].lower(), found["place"], found["rest"], variables) if found else None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a stand-in answers."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)

    def as_bytes(self, *, body: bool) -> bytes:
        """The answer on the wire."""
        content = b"" if self.status in {204, 304} else b"{}\n"
        lines = [f"HTTP/1.1 {self.status} Stand-in", *(f"{name}: {value}" for name, value in self.headers)]
        lines += [f"Content-Length: {len(content)}", "Connection: close"]
        if any(re.search(r"[\r\n\0]", line) for line in lines):
            raise ValueError("a header of an upstream's answer holds a line break or a NUL")
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + (content if body else b"")


@dataclass(frozen=True, slots=True)
class Stub:
    """One stand-in, ready for another process."""

    name: str
    """The name of its ``upstream``."""
    socket: str
    """The path of its socket."""
    tls: bool
    auth: bool
    """Whether it is only asked whether a request may pass (``auth_request``)."""
    answer: Answer

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Stub:
        """What ``dataclasses.asdict`` made, back from JSON."""
        answer = members["answer"]
        return cls(**{**members, "answer": Answer(answer["status"], tuple(map(tuple, answer["headers"])))})


@dataclass(frozen=True, slots=True)
class Arrived:
    """A request as it came to a stand-in."""

    stub: str
    auth: bool
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]


class Stubs:
    """All stand-ins of one experiment, on one thread, one connection at a time."""

    def __init__(self, stubs: Sequence[Stub], certificate: tuple[str, str] | None, *, seconds: float) -> None:
        self.arrived: list[Arrived] = []
        self._seconds = seconds
        self._selector = selectors.DefaultSelector()
        self._tls: ssl.SSLContext | None = None
        if certificate and any(stub.tls for stub in stubs):
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*certificate)
        for stub in stubs:
            listening = socket.socket(socket.AF_UNIX)
            listening.bind(stub.socket)
            listening.listen(16)
            self._selector.register(listening, selectors.EVENT_READ, stub)
        self._thread = threading.Thread(target=self._serve, name="stand-ins", daemon=True)

    def start(self) -> None:
        """Begins to answer; until then connections wait."""
        self._thread.start()

    def _serve(self) -> None:
        while self._selector.get_map():
            for key, _ in self._selector.select():
                assert isinstance(key.fileobj, socket.socket)
                connection, _ = key.fileobj.accept()
                with connection, contextlib.suppress(OSError, ValueError):
                    self._take(connection, key.data)  # a broken request is nginx's to tell; the next one counts

    def _take(self, plain: socket.socket, stub: Stub) -> None:
        plain.settimeout(self._seconds)
        connection = self._tls.wrap_socket(plain, server_side=True) if stub.tls and self._tls else plain
        received = bytearray()
        while b"\r\n\r\n" not in received and len(received) < MOST_HEAD:
            chunk = connection.recv(65_536)
            if not chunk:
                return
            received += chunk
        head, _, begun = bytes(received).partition(b"\r\n\r\n")
        arrived = _parsed(head.decode("latin-1"), stub)
        if len(self.arrived) < MOST_VIEWS:
            self.arrived.append(arrived)
        _discard(connection, arrived.headers, begun)
        connection.sendall(stub.answer.as_bytes(body=arrived.method != "HEAD"))
        if isinstance(connection, ssl.SSLSocket):
            with contextlib.suppress(OSError):
                connection.unwrap()


def _parsed(head: str, stub: Stub) -> Arrived:
    first, *lines = head.split("\r\n")
    method, _, rest = first.partition(" ")
    target = rest.rpartition(" ")[0]
    pairs = (line.partition(":") for line in lines)
    headers = tuple((name, value.strip()) for name, _, value in pairs)
    return Arrived(stub.name, stub.auth, method, target, headers)


def _discard(connection: socket.socket, headers: Iterable[tuple[str, str]], begun: bytes) -> None:
    """Takes the body off the connection, so that closing it does not look like a fault."""
    told = {name.lower(): value for name, value in headers}
    if told.get("transfer-encoding", "").lower() == "chunked":
        tail = begun[-5:]
        while tail != b"0\r\n\r\n" and (chunk := connection.recv(65_536)):
            tail = (tail + chunk)[-5:]
        return
    left = int(told.get("content-length", "0")) - len(begun)
    while left > 0 and (chunk := connection.recv(65_536)):
        left -= len(chunk)


def last_to_upstream(arrived: Sequence[Arrived]) -> Arrived | None:
    """The request that the upstream was to answer, not one that only asked for permission."""
    return next((each for each in reversed(arrived) if not each.auth), None)
