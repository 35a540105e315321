"""One bounded HTTP exchange over a socket. Whatever the network does becomes an observation; nothing raises.

It sends exactly what it is given: no header is added but ``Content-Length``, none is respelled. While it sends, it
listens: a server that refuses early is heard, which is the point of asking.
"""

from __future__ import annotations

import re
import ssl
import time
from base64 import b64encode
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from mattegate.doctor.observation import Headers, Observation, Place
from mattegate.doctor.probe.message import AnswerReader, Cut, NotHttp, Received, decoded
from mattegate.doctor.probe.target import BadTarget
from mattegate.doctor.probe.tcp import connect, failure_kind
from mattegate.doctor.probe.tls import ClientCertificate, context, failed_handshake
from mattegate.doctor.probe.wire import Wire

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from mattegate.doctor.probe.dns import Address
    from mattegate.doctor.probe.veil import Veil

SHOWN_BODY: Final = 16_384
_EXPECT_S: Final = 1.0
"""How long to wait for ``100 Continue``, as curl does."""
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TEXT: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one exchange may take."""

    connect_s: float = 5.0
    answer_s: float = 10.0
    body_bytes: int = 65_536


@dataclass(frozen=True, slots=True)
class ForwardProxy:
    """A proxy of the client's own side."""

    host: str
    port: int
    address: Address
    credentials: str = ""
    """``user:password``, where it wants them."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where to knock: one address, and how to speak there."""

    address: Address
    port: int
    tls: bool = False
    server_name: str = ""
    """For SNI and verification."""
    verify: bool = True
    ca: Path | None = None
    shown: ClientCertificate | None = None
    forward: ForwardProxy | None = None
    authority: str = ""
    """``host:port`` as a forward proxy is told it."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, spelled as it goes out."""

    method: str = "GET"
    target: str = "/"
    headers: Headers = ()
    """In their order, ``Host`` among them."""
    body: bytes = b""
    padding: int = 0
    """So many more bytes after the body: spaces behind JSON, zeros behind everything else."""
    http_version: str = "1.1"

    @property
    def size(self) -> int:
        """The length of the whole body."""
        return len(self.body) + self.padding

    def header(self, name: str) -> str | None:
        """The first value of a header by its name in any case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def with_header(self, name: str, value: str | None) -> Ask:
        """With one header set where it stood, added at the end where it did not, or left out."""
        kept = [(key, old) for key, old in self.headers if key.lower() != name.lower()]
        if value is None:
            return replace(self, headers=tuple(kept))
        at = next((at for at, (key, _) in enumerate(self.headers) if key.lower() == name.lower()), len(kept))
        kept.insert(at, (name, value))
        return replace(self, headers=tuple(kept))

    def checked(self) -> Ask:
        """Itself. Raises :class:`BadTarget` where it would not be one request on the wire."""
        if not _NAME.fullmatch(self.method):
            raise BadTarget("a method is one word")
        if not re.fullmatch(r"[\x21-\x7e\x80-\xff]+", self.target):
            raise BadTarget("a path must not contain spaces or control characters")
        for name, value in self.headers:
            if not _NAME.fullmatch(name) or not _TEXT.fullmatch(value):
                raise BadTarget(f"the header {name[:40]!r} cannot be sent: its name or value is not one line of text")
            if any(ord(char) > 255 for char in value):
                raise BadTarget(f"the header {name[:40]!r} has characters that HTTP cannot carry")
        return self


@dataclass(slots=True)
class _Trace:
    """What is known about an exchange while it goes on."""

    step: str = "connect"
    sent: int = 0
    fields: dict[str, str] = field(default_factory=dict)


def exchange(door: Door, ask: Ask, *, veil: Veil, limits: Limits | None = None, via: str = "") -> Observation:
    """Send one request to one address, and tell what came of it."""
    return exchange_raw(door, ask, veil=veil, limits=limits, via=via)[0]


def exchange_raw(
    door: Door, ask: Ask, *, veil: Veil, limits: Limits | None = None, via: str = ""
) -> tuple[Observation, bytes]:
    """The same with the body as it came, for those who parse it; it may repeat a secret, so it must not be shown."""
    limits = limits or Limits()
    trace = _Trace(fields={"address": door.address.text, "port": str(door.port)})
    began, clock = time.time(), time.monotonic()
    seen = _seen(door, ask, veil, via, began)
    try:
        with closing(_open(door, limits, trace)) as sock:
            received = _ask(Wire(sock, limits.answer_s), door, ask, limits, trace)
    except _ProxyRefused as refused:
        trace.fields["connect_refused"] = "yes"
        seen = replace(seen, method="CONNECT", path="")
        received = refused.received
    except (OSError, NotHttp, Cut) as error:
        return _failed(seen, _failure(error, trace, limits), trace, clock), b""
    return _answered(seen, received, trace, clock, veil), received.body


class _ProxyRefused(Exception):  # noqa: N818 - an answer, carried past the handshake that it prevents
    def __init__(self, received: Received) -> None:
        self.received = received


def _open(door: Door, limits: Limits, trace: _Trace) -> socket.socket:
    if not door.forward:
        plain = connect(door.address, door.port, limits.connect_s)
    else:
        trace.fields["forward_proxy"] = f"{door.forward.host}:{door.forward.port}"
        plain = connect(door.forward.address, door.forward.port, limits.connect_s)
    try:
        if door.forward and door.tls:
            trace.step = "tunnel"
            _tunnel(plain, door, door.forward, limits)
        return _secured(plain, door, limits, trace) if door.tls else plain
    except BaseException:
        plain.close()
        raise


def _tunnel(plain: socket.socket, door: Door, forward: ForwardProxy, limits: Limits) -> None:
    wire = Wire(plain, limits.answer_s)
    lines = [f"CONNECT {door.authority} HTTP/1.1", f"Host: {door.authority}", *_proxy_authorization(forward)]
    _send_all(wire, "\r\n".join([*lines, "", ""]).encode("latin-1"))
    received = AnswerReader(wire.receive).final("CONNECT", limits.body_bytes)
    if not 200 <= received.head.status < 300:
        raise _ProxyRefused(received)


def _proxy_authorization(forward: ForwardProxy) -> list[str]:
    if not forward.credentials:
        return []
    return [f"Proxy-Authorization: Basic {b64encode(forward.credentials.encode()).decode()}"]


def _secured(plain: socket.socket, door: Door, limits: Limits, trace: _Trace) -> socket.socket:
    trace.step = "tls"
    plain.settimeout(limits.connect_s)
    base = context(verify=door.verify, shown=door.shown, ca=door.ca)
    sock = base.wrap_socket(plain, server_hostname=door.server_name)
    trace.fields |= {"tls_version": sock.version() or "", "tls_verified": "yes" if door.verify else "no"}
    return sock


def _send_all(wire: Wire, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[wire.send(left) :]


def _ask(wire: Wire, door: Door, ask: Ask, limits: Limits, trace: _Trace) -> Received:
    trace.step = "send"
    early = _sent(wire, door, ask, trace)
    trace.step = "answer"
    return AnswerReader(wire.receive, early).final(ask.method, limits.body_bytes)


def _sent(wire: Wire, door: Door, ask: Ask, trace: _Trace) -> bytes:
    """Send head and body; whatever the server already said meanwhile, which also ends the sending."""
    try:
        _send_all(wire, _head(door, ask))
        early = b""
        if ask.size and (ask.header("expect") or "").lower() == "100-continue":
            early = wire.wait_for_answer(_EXPECT_S) or b""
            if early and not early.startswith((b"HTTP/1.1 100", b"HTTP/1.0 100")):
                return early
        return early + _body_sent(wire, ask, trace)
    except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
        trace.fields["cut_while_sending"] = str(trace.sent)
        return b""  # the answer may have come before the cut: reading tells


def _body_sent(wire: Wire, ask: Ask, trace: _Trace) -> bytes:
    for part in _parts(ask):
        left = memoryview(part)
        while left:
            said = wire.look()
            if said is not None:
                trace.fields["answered_after"] = str(trace.sent)
                return said
            count = wire.send(left)
            trace.sent += count
            left = left[count:]
    return b""


def _parts(ask: Ask) -> list[bytes]:
    block = (b" " if "json" in (ask.header("content-type") or "").lower() else b"\0") * 65_536
    whole, rest = divmod(ask.padding, len(block))
    return [part for part in (ask.body, *([block] * whole), block[:rest]) if part]


def _head(door: Door, ask: Ask) -> bytes:
    absolute = door.forward and not door.tls
    target = f"http://{door.authority}{ask.target}" if absolute else ask.target
    lines = [f"{ask.method} {target} HTTP/{ask.http_version}"]
    lines += [f"{name}: {value}" if value else f"{name}:" for name, value in ask.headers]
    if absolute and door.forward:
        lines += _proxy_authorization(door.forward)
    if ask.size or ask.method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {ask.size}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _seen(door: Door, ask: Ask, veil: Veil, via: str, began: float) -> Observation:
    return Observation(
        format="client-error",
        place=Place("probe"),
        at=began,
        method=ask.method,
        scheme="https" if door.tls else "http",
        host=veil.text(ask.header("host") or ""),
        path=veil.text(_without_values(ask.target)),
        http_version=ask.http_version,
        request_headers=veil.headers(ask.headers),
        via=via,
    )


def _without_values(target: str) -> str:
    path, mark, query = target.partition("?")
    named = "&".join(f"{pair.partition('=')[0]}=…" if "=" in pair else pair for pair in query.split("&"))
    return path + mark + named


def _answered(seen: Observation, received: Received, trace: _Trace, clock: float, veil: Veil) -> Observation:
    head = received.head
    body = decoded(received.body, head.header("content-encoding"), SHOWN_BODY + 4)
    text = veil.text(body.decode("utf-8", "replace"))[:SHOWN_BODY]
    return replace(
        seen,
        format="exchange",
        http_version=head.version,
        status=head.status,
        reason_phrase=veil.text(head.phrase),
        response_headers=veil.headers(head.headers),
        body=text,
        fields=trace.fields | _measured(trace, clock) | {"whole": "yes" if received.complete else "no"},
    )


def _failed(seen: Observation, failure: tuple[str, str], trace: _Trace, clock: float) -> Observation:
    kind, message = failure
    fields = trace.fields | _measured(trace, clock) | {"kind": kind, "step": trace.step}
    return replace(seen, message=message, fields=fields)


def _measured(trace: _Trace, clock: float) -> dict[str, str]:
    return {"took_ms": str(round((time.monotonic() - clock) * 1_000)), "sent_bytes": str(trace.sent)}


def _failure(error: OSError | NotHttp | Cut, trace: _Trace, limits: Limits) -> tuple[str, str]:
    """A word and a sentence; the sentences hold the words that curl and the C library use."""
    if isinstance(error, Cut):
        if error.partial:
            return "cut", "the connection was closed in the middle of the answer's head"
        return "empty", "Empty reply from server: the connection was closed without an answer"
    if isinstance(error, NotHttp):
        return "not_http", str(error)
    if isinstance(error, ssl.SSLError):
        handshake = failed_handshake(error)
        return handshake.failure, f"TLS: {handshake.message}"
    kind = failure_kind(error)
    if kind == "timed_out" and trace.step in ("answer", "send"):
        return "no_answer", f"Operation timed out: connected, but no answer within {limits.answer_s:g} s"
    said = {
        "refused": "Connection refused",
        "timed_out": f"Connection timed out after {limits.connect_s:g} s",
        "reset": "Connection reset by peer",
    }
    return kind, said.get(kind) or str(error)
