"""Which server gets a connection and its request: ``listen``, ``server_name`` and the default server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from mattegate.doctor.nginx.regex import search
from mattegate.doctor.nginx.scope import Scope
from mattegate.doctor.nginx.uri import as_bytes_text

_ANY: Final = frozenset({"*", "0.0.0.0", "[::]"})  # noqa: S104 - names of wildcards, nothing is bound


@dataclass(frozen=True, slots=True)
class Listen:
    """One ``listen`` of one server."""

    address: str
    """``*``, ``127.0.0.1``, ``[::]``, ``unix:/path`` …"""
    port: int
    tls: bool
    default: bool
    socket: tuple[str, int] = field(init=False)
    """Servers of one socket are told apart by name. It is asked for once for each server and request."""

    def __post_init__(self) -> None:
        wildcard = self.address in _ANY and not self.address.startswith("[")
        object.__setattr__(self, "socket", ("*" if wildcard else self.address, self.port))

    @property
    def ipv6(self) -> bool:
        """Whether IPv6 clients arrive there."""
        return self.address.startswith("[")


@dataclass(frozen=True, slots=True, eq=False)
class Server:
    """One ``server`` block; two that are written alike are still two."""

    scope: Scope
    listens: tuple[Listen, ...]
    names: tuple[str, ...]


Servers = tuple[Server, ...]
_CACHED: Final = lru_cache(maxsize=64)
"""Of the servers of a configuration the same is asked for each request: which share a socket, and who has a name."""


def servers_of(http: Scope) -> Servers:
    """The servers in the order of the configuration."""
    return tuple(_server(Scope(block, http)) for block in http.own("server"))


def _server(scope: Scope) -> Server:
    lines = scope.own("listen")
    all_tls = scope.switched_on("ssl")
    listens = [_listen(line.args, tls=all_tls) for line in lines] or [Listen("*", 80, all_tls, False)]
    names = [
        name.lower() if not name.startswith("~") else name for line in scope.own("server_name") for name in line.args
    ]
    return Server(scope, tuple(listens), tuple(names) or ("",))


def _listen(args: Sequence[str], *, tls: bool) -> Listen:
    address, port = _split(args[0] if args else "80")
    options = set(args[1:])
    return Listen(
        address,
        port,
        tls or "ssl" in options or "quic" in options,
        bool(options & {"default_server", "default"}),
    )


def _split(value: str) -> tuple[str, int]:
    if value.startswith("unix:"):
        return value, 0
    if value.isdecimal():
        return "*", int(value)
    if value.startswith("["):
        address, _, port = value.rpartition("]")
        return address + "]", int(port.lstrip(":") or 80)
    address, _, port = value.partition(":")
    return address or "*", int(port) if port.isdecimal() else 80


def first_name(servers: Sequence[Server]) -> str:
    """A host name that the configuration serves: the first that is written out; ``localhost`` where none is."""
    names = (name for server in servers for name in server.names)
    return next(
        (name.removeprefix(".") for name in names if name and name != "_" and not set(name) & set("*~")), "localhost"
    )


@_CACHED
def sockets(servers: Servers) -> tuple[tuple[str, int], ...]:
    """Every socket that is listened on, once, in the order of the configuration."""
    return tuple(dict.fromkeys(listen.socket for server in servers for listen in server.listens))


@_CACHED
def at_socket(servers: Servers, socket: tuple[str, int]) -> Servers:
    """The servers of one socket."""
    return tuple(server for server in servers if any(listen.socket == socket for listen in server.listens))


@_CACHED
def default_server(servers: Servers, socket: tuple[str, int]) -> Server:
    """The one marked so, or the first."""
    marked = (s for s in servers if any(listen.default and listen.socket == socket for listen in s.listens))
    return next(marked, servers[0])


@_CACHED
def is_tls(servers: Servers, socket: tuple[str, int]) -> bool:
    """Whether connections to a socket are encrypted: one ``ssl`` among its servers makes all of it so."""
    return any(listen.tls for server in servers for listen in server.listens if listen.socket == socket)


@lru_cache(maxsize=256)
def named(servers: Servers, host: str) -> tuple[Server, dict[str, str], list[str]] | None:
    """The server of a name, with the captures of a regular expression; ``None`` where only the default is left.

    Exact names first, then the longest wildcard in front, the longest behind, regular expressions in their order
    (ngx_http_find_virtual_server). Raises :class:`~mattegate.doctor.nginx.regex.Untranslated`.
    """
    for found in (_exact(servers, host), _wildcard(servers, host, _front), _wildcard(servers, host, _behind)):
        if found is not None:
            return found, {}, []
    return _by_regex(servers, host)


def _exact(servers: Sequence[Server], host: str) -> Server | None:
    wanted = {host, "." + host}
    return next((server for server in servers if wanted.intersection(server.names)), None)


def _wildcard(servers: Sequence[Server], host: str, matches: object) -> Server | None:
    assert callable(matches)
    found = [(len(name.lstrip("*")), server) for server in servers for name in server.names if matches(name, host)]
    return max(found, key=lambda pair: pair[0])[1] if found else None


def _front(name: str, host: str) -> bool:
    if name.startswith("*."):
        return host.endswith(name[1:])
    return name.startswith(".") and host.endswith(name)


def _behind(name: str, host: str) -> bool:
    return name.endswith(".*") and host.startswith(name[:-1]) and len(host) > len(name) - 1


def _by_regex(servers: Sequence[Server], host: str) -> tuple[Server, dict[str, str], list[str]] | None:
    for server in servers:
        for name in server.names:
            if name.startswith("~"):
                found = search(as_bytes_text(name[1:]), host, ignore_case=True)
                if found is not None:
                    return server, _groups(found.groupdict()), [found[0], *(group or "" for group in found.groups())]
    return None


def _groups(groups: dict[str, str | None]) -> dict[str, str]:
    return {name: value or "" for name, value in groups.items()}
