"""What nginx does with a request before any phase: socket, server, request line, headers, client certificate.

``Host`` is taken to stand before the other headers, as every client sends it: from there on the named server's settings
hold, for headers too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from mattegate.doctor.nginx.addresses import parse_address
from mattegate.doctor.nginx.listening import Server, Servers, at_socket, default_server, is_tls, named, sockets
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
_HOST: Final = re.compile(r"^(\[[^\]]*\]|[^:/\\\x00-\x20\x7f]*)(:.*)?$")
_UNIQUE: Final = frozenset(
    {"if-modified-since", "if-unmodified-since", "if-match", "if-none-match", "if-range", "content-length",
     "content-range", "transfer-encoding", "expect", "authorization"}
)  # fmt: skip
"""Headers that nginx refuses to see twice."""
_READING_STOPPED: Final = frozenset(
    {"request_line", "uri_size", "host_invalid", "host_doubled", "header_line", "header_size", "header_doubled",
     "body_length", "transfer_coding"}
)  # fmt: skip
"""Refusals in the middle of the head: what stands behind it is never read."""
_MALFORMED_NAME: Final = re.compile(r"[\x00-\x20\x7f]|^:")


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
    head_read: bool = True
    """Whether the headers were read before the refusal."""
    names: tuple[tuple[str, str], ...] = ()
    """Named groups of a regular ``server_name``."""
    captures: tuple[str, ...] = ()


def open_request(servers: Servers, request: Request) -> Opened:
    """Read the head of a request. Raises :class:`Undecided`."""
    request = _with_host(request)
    socket = _socket(servers, request)
    here = at_socket(servers, socket)
    first = default_server(here, socket)
    tls = is_tls(here, socket)
    target, refusal = _target(first.scope, request)
    host = _host(target, request)
    line = refusal or _request_line_size(first.scope, request)
    by_name = _server(here, host) if line is None and (host or _reads_all(first.scope, request)) else None
    server, names, captures = by_name or (first, {}, [])
    kept, dropped = _kept(server.scope, request.headers)
    checks = (line, _header_size(server.scope, request), _head(request), _tls(server, request, tls=tls))
    found = next((check for check in checks if check is not None), None)
    head_read = found is None or found.mechanism not in _READING_STOPPED
    return Opened(
        server=server,
        target=target,
        host=host,
        port=socket[1],
        tls=tls,
        headers=kept if head_read else (),
        head_read=head_read,
        dropped=dropped,
        named=by_name is not None,
        refusal=found,
        names=tuple(names.items()),
        captures=tuple(captures),
    )


def readable_method(request: Request) -> str:
    """The method; empty where nginx cannot read it."""
    return request.method if _METHOD.fullmatch(request.method) else ""


def _with_host(request: Request) -> Request:
    """The request, with a ``Host`` that stands among the other headers in its own place."""
    host = request.header("Host")
    if request.host is not None or host is None:
        return request
    at = next(at for at, (name, _) in enumerate(request.headers) if name.lower() == "host")
    return replace(request, host=host, headers=request.headers[:at] + request.headers[at + 1 :])


def _server(here: Servers, host: str) -> tuple[Server, dict[str, str], list[str]] | None:
    try:
        return named(here, host)
    except Untranslated as error:
        raise Undecided(str(error)) from error


def _socket(servers: Servers, request: Request) -> tuple[str, int]:
    """The socket a request comes in by, where it does not say: that of the server meant for its host, TLS first."""
    if not servers:
        raise Undecided("there is no server")
    by_unix = [socket for socket in sockets(servers) if socket[0].startswith("unix:")]
    fitting = [socket for socket in sockets(servers) if request.port in {None, socket[1]}]
    if request.client == "unix:" and by_unix:
        fitting = by_unix
    if not fitting:
        raise Undecided(f"nothing listens on port {request.port}")
    fitting = _of_family(fitting, request.client)
    if request.tls is not None:
        fitting = [s for s in fitting if is_tls(at_socket(servers, s), s) is request.tls] or fitting
    return min(fitting, key=lambda socket: _distance(servers, socket, request))


def _of_family(fitting: list[tuple[str, int]], client: str) -> list[tuple[str, int]]:
    """The sockets an IPv6 client can come in by, where there are any."""
    address = parse_address(client)
    if address is None or address.version != 6:
        return fitting
    return [socket for socket in fitting if socket[0].startswith("[")] or fitting


def _distance(servers: Servers, socket: tuple[str, int], request: Request) -> tuple[bool, ...]:
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
    nowhere = Target("", "", "", quoted=False)
    if not _METHOD.fullmatch(request.method):
        return nowhere, Refusal(400, "request_line")
    try:
        merge = scope.switched_on("merge_slashes", default=True)
        return parse_target(as_bytes_text(request.target), merge_slashes=merge), None
    except BadTarget:
        return nowhere, Refusal(400, "request_line")


def _host(target: Target, request: Request) -> str:
    """The host that counts: an absolute target's before the header's."""
    return _host_of(target.host if target.host is not None else request.host or "")


def _host_of(text: str) -> str:
    """A host name without its port; empty where it is malformed."""
    found = _HOST.match(as_bytes_text(text).lower())
    name = found[1] if found else ""
    return "" if ".." in name else name.removesuffix(".")


def _reads_all(scope: Scope, request: Request) -> bool:
    """Whether a request without a ``Host`` gets as far as the server without a name: to the end of its headers."""
    if request.host is not None or _header_size(scope, request) is not None:
        return False
    refusal = _framing(request)
    return refusal is None or refusal.mechanism not in {"header_line", "header_doubled"}


def _kept(scope: Scope, headers: Headers) -> tuple[Headers, tuple[str, ...]]:
    ignoring = scope.switched_on("ignore_invalid_headers", default=True)
    valid = _NAME_WITH_UNDERSCORES if scope.switched_on("underscores_in_headers") else _NAME
    kept: list[tuple[str, str]] = []
    dropped: list[str] = []
    for name, value in map(_as_read, headers):
        if ignoring and not valid.fullmatch(name):
            dropped.append(name)
        elif name.lower() != "host":
            kept.append((name, as_bytes_text(value.strip(" "))))
    return tuple(kept), tuple(dropped)


def _as_read(header: tuple[str, str]) -> tuple[str, str]:
    """A name ends at the first colon, wherever whoever sent it meant it to end."""
    name, colon, rest = header[0].partition(":")
    return (name, f"{rest}: {header[1]}") if colon else header


def _buffers(scope: Scope) -> tuple[Directive | None, int, int, int]:
    """The line that says so, the number of large buffers, the size of each, and that of the first small one."""
    lines = scope.inherited("large_client_header_buffers")
    number, each = (int(lines[-1].args[0]), size(lines[-1].args[1])) if lines else (4, 8192)
    return (lines[-1] if lines else None), number, each, size(scope.value("client_header_buffer_size", "1k"))


def _request_line_size(scope: Scope, request: Request) -> Refusal | None:
    directive, _, each, first = _buffers(scope)
    length = len(request.method) + len(request.target.encode()) + len(" HTTP/1.1") + 3
    return Refusal(414, "uri_size", directive) if length > max(each, first) else None


def _header_size(scope: Scope, request: Request) -> Refusal | None:
    """A line must fit into one of the large buffers, and all of them together into all of these."""
    directive, number, each, first = _buffers(scope)
    sizes = [len(f"{name}: {value}".encode()) + 2 for name, value in request.headers]
    if max(sizes, default=0) > max(each, first) or sum(sizes) > number * each + first:
        return Refusal(494, "header_size", directive)
    return None


def _head(request: Request) -> Refusal | None:
    checks = (_host_line(request), _framing(request))
    found = next((check for check in checks if check is not None), None)
    if found is None and request.method in {"TRACE", "CONNECT"}:
        return Refusal(405, "method")
    return found


def _host_line(request: Request) -> Refusal | None:
    if request.host is None and request.http_version not in {"1.0", "0.9"}:
        return Refusal(400, "host_missing")
    if request.host is not None and not _host_of(request.host):
        return Refusal(400, "host_invalid")
    if any(name.lower() == "host" for name, _ in request.headers):
        return Refusal(400, "host_doubled")
    return None


def _framing(request: Request) -> Refusal | None:
    if any(_MALFORMED_NAME.search(name) or not name for name, _ in request.headers):
        return Refusal(400, "header_line")
    names = [name.lower() for name, _ in request.headers]
    names += ["transfer-encoding"] if request.chunked else ["content-length"] if request.body_bytes else []
    if any(names.count(name) > 1 for name in _UNIQUE):
        return Refusal(400, "header_doubled")
    coding = "chunked" if request.chunked else request.header("Transfer-Encoding")
    if coding is None:
        return None
    if request.http_version == "1.0":
        return Refusal(400, "body_length")
    if coding.lower() != "chunked":
        return Refusal(501, "transfer_coding")
    return Refusal(400, "body_length") if "content-length" in names else None


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
