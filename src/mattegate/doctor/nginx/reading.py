"""What nginx does with a request before any phase: socket, server, request line, headers, client certificate."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mattegate.doctor.nginx.addresses import parse_address
from mattegate.doctor.nginx.listening import Server, at_socket, default_server, is_tls, named, sockets
from mattegate.doctor.nginx.regex import Untranslated
from mattegate.doctor.nginx.request import Certificate, Headers, Request
from mattegate.doctor.nginx.sizes import size
from mattegate.doctor.nginx.uri import BadTarget, Target, as_bytes_text, parse_target
from mattegate.doctor.nginx.values import Undecided

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.scope import Scope

_METHOD: Final = re.compile(r"[A-Z_-]+")
_NAME: Final = re.compile(r"[A-Za-z0-9-]+")
_NAME_WITH_UNDERSCORES: Final = re.compile(r"[A-Za-z0-9_-]+")
_HOST: Final = re.compile(r"^(\[[0-9A-Fa-f:.]+\]|[^:/\\\s]*)(:\d*)?$")


@dataclass(frozen=True, slots=True)
class Refusal:
    """nginx answers before it looks for a location."""

    status: int
    """As ``error_page`` knows it: 494 to 497 are answered as 400."""
    mechanism: str
    directive: Directive | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A request whose head was read."""

    server: Server
    target: Target
    host: str
    """Small letters, without the port; empty where none was sent."""
    port: int
    tls: bool
    headers: Headers
    dropped: tuple[str, ...]
    """Names of headers that were thrown away because of their spelling."""
    named: bool = True
    """Whether the server has the name that was asked for."""
    refusal: Refusal | None = None
    names: tuple[tuple[str, str], ...] = ()
    """Named groups of a regular ``server_name``."""
    captures: tuple[str, ...] = ()


def open_request(servers: Sequence[Server], request: Request) -> Opened:
    """Read the head of a request. Raises :class:`Undecided`."""
    socket = _socket(servers, request)
    here = at_socket(servers, socket)
    first = default_server(here, socket)
    tls = is_tls(here, socket)
    target, refusal = _target(first.scope, request)
    host = _host(target, request)
    kept, dropped = _kept(first.scope, request.headers)
    by_name = _server(here, host)
    server, names, captures = by_name or (first, {}, [])
    checks = (refusal, _line_sizes(first.scope, request), _head(request, host), _tls(server, request, tls=tls))
    return Opened(
        server=server,
        target=target,
        host=host,
        port=socket[1],
        tls=tls,
        headers=kept,
        dropped=dropped,
        named=by_name is not None,
        refusal=next((check for check in checks if check is not None), None),
        names=tuple(names.items()),
        captures=tuple(captures),
    )


def _server(here: Sequence[Server], host: str) -> tuple[Server, dict[str, str], list[str]] | None:
    try:
        return named(here, host)
    except Untranslated as error:
        raise Undecided(str(error)) from error


def _socket(servers: Sequence[Server], request: Request) -> tuple[str, int]:
    """The socket a request comes in by, where it does not say: that of the server meant for its host, TLS first."""
    if not servers:
        raise Undecided("there is no server")
    fitting = [socket for socket in sockets(servers) if request.port in {None, socket[1]}]
    if not fitting:
        raise Undecided(f"nothing listens on port {request.port}")
    if request.tls is not None:
        fitting = [s for s in fitting if is_tls(at_socket(servers, s), s) is request.tls] or fitting
    return min(fitting, key=lambda socket: _distance(servers, socket, request))


def _distance(servers: Sequence[Server], socket: tuple[str, int], request: Request) -> tuple[bool, ...]:
    """Less is nearer: a server of that name; one for the client's address family; encrypted; not a Unix socket."""
    here = at_socket(servers, socket)
    host = (request.host or "").partition(":")[0].lower()
    address = parse_address(request.client)
    ipv6 = address is not None and address.version == 6
    try:
        meant = not host or named(here, host) is not None
    except Untranslated:
        meant = True
    return (not meant, socket[0].startswith("unix:"), socket[0].startswith("[") is not ipv6, not is_tls(here, socket))


def _target(scope: Scope, request: Request) -> tuple[Target, Refusal | None]:
    nowhere = Target("/", "", request.target, quoted=False)
    if not _METHOD.fullmatch(request.method):
        return nowhere, Refusal(400, "request_line")
    try:
        merge = scope.switched_on("merge_slashes", default=True)
        return parse_target(as_bytes_text(request.target), merge_slashes=merge), None
    except BadTarget:
        return nowhere, Refusal(400, "request_line")


def _host(target: Target, request: Request) -> str:
    """The host that counts: an absolute target's before the header's."""
    text = target.host if target.host is not None else as_bytes_text(request.host or "")
    found = _HOST.match(text.lower())
    return found[1].rstrip(".") if found else ""


def _kept(scope: Scope, headers: Headers) -> tuple[Headers, tuple[str, ...]]:
    ignoring = scope.switched_on("ignore_invalid_headers", default=True)
    valid = _NAME_WITH_UNDERSCORES if scope.switched_on("underscores_in_headers") else _NAME
    kept: list[tuple[str, str]] = []
    dropped: list[str] = []
    for name, value in headers:
        if ignoring and not valid.fullmatch(name):
            dropped.append(name)
        elif name.lower() != "host":
            kept.append((name, as_bytes_text(value.strip(" "))))
    return tuple(kept), tuple(dropped)


def _line_sizes(scope: Scope, request: Request) -> Refusal | None:
    """A line must fit into one of the large buffers, and all of them together into all of these."""
    lines = scope.inherited("large_client_header_buffers")
    number, each = (int(lines[-1].args[0]), size(lines[-1].args[1])) if lines else (4, 8192)
    directive = lines[-1] if lines else None
    first = size(scope.value("client_header_buffer_size", "1k"))
    request_line = len(request.method) + len(request.target.encode()) + len(" HTTP/1.1") + 3
    if request_line > max(each, first):
        return Refusal(414, "uri_size", directive)
    longest = max((len(f"{name}: {value}".encode()) + 2 for name, value in request.headers), default=0)
    total = sum(len(f"{name}: {value}".encode()) + 2 for name, value in request.headers)
    if longest > max(each, first) or total > number * each + first:
        return Refusal(494, "header_size", directive)
    return None


def _head(request: Request, host: str) -> Refusal | None:
    if request.host is None and request.http_version not in {"1.0", "0.9"}:
        return Refusal(400, "host_missing")
    if request.host and not host:
        return Refusal(400, "host_invalid")
    if any(name.lower() == "host" for name, _ in request.headers):
        return Refusal(400, "host_doubled")
    if request.method in {"TRACE", "CONNECT"}:
        return Refusal(405, "method")
    return None


def _tls(server: Server, request: Request, *, tls: bool) -> Refusal | None:
    if tls and request.tls is False:
        return Refusal(497, "plain_http")
    verify = server.scope.inherited("ssl_verify_client")
    mode = verify[-1].args[0] if verify and verify[-1].args else "off"
    if not tls or mode == "off":
        return None
    if request.certificate is Certificate.INVALID and mode != "optional_no_ca":
        return Refusal(495, "client_certificate", verify[-1])
    if request.certificate is Certificate.NONE and mode == "on":
        return Refusal(496, "client_certificate", verify[-1])
    return None
