"""Lines that no request ever reaches: nginx takes them, and goes by others.

Rules of this file:

1. Told is only what lies dead for everybody, by the lines alone: a path without its slash, a name that no ``Host`` can
   have, a server whose names are all taken, an ``allow`` behind a ``deny`` that takes in the same addresses.
2. What lies dead and changes nothing is not told: a second name of the server that answers anyway.
3. What is still to be filled in (``$name``, ``{name}``, ``<name>``) is not judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from mattegate.doctor.answer import Certainty
from mattegate.doctor.nginx.addresses import parse_network
from mattegate.doctor.nginx.listening import at_socket, default_server
from mattegate.doctor.nginx.locating import HANDLERS, pattern_of
from mattegate.doctor.nginx.review.words import clue_of

if TYPE_CHECKING:
    from mattegate.doctor.clue import Clue
    from mattegate.doctor.nginx.addresses import Network
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.listening import Server, Servers
    from mattegate.doctor.nginx.scope import Scope

_TO_FILL_IN: Final = re.compile(r"[${}<>%@]")
_PATTERN: Final = re.compile(r"\^|\*$|\.[*+]|\(.*[|*].*\)|\[[^\]]+\][+*]|\$$")
"""Signs that a prefix was meant to be a pattern: no path of an API is spelled with them."""
_ANYBODYS: Final = frozenset({"", "_", "localhost"})
"""Names that stand for no name: several servers have them, and the default answers."""
_NOT_OF_A_HOST: Final = re.compile(r"[/,:;]")


def unreached(servers: Servers) -> Iterator[Clue]:
    """Every such line."""
    for server in servers:
        yield from _misspelled_names(server, servers)
        yield from _taken(server, servers)
        for scope in _inside(server.scope):
            yield from _never_matches(scope)
            yield from _behind_a_deny(scope)


def _inside(scope: Scope) -> Iterator[Scope]:
    yield scope
    for location in scope.locations:
        yield from _inside(location)


# --- locations ---------------------------------------------------------------------------------------------------


def _never_matches(scope: Scope) -> Iterator[Clue]:
    """A prefix that no path begins with: every path begins with a slash, and none has the signs of a pattern."""
    if scope.kind != "location" or not scope.directive.line or not scope.directive.args:
        return
    pattern = pattern_of(scope)
    if pattern.regex or pattern.modifier == "@" or not pattern.name:
        return
    literal = _TO_FILL_IN.sub("", pattern.name.removesuffix("$")) == pattern.name.removesuffix("$")
    if not literal or (pattern.name.startswith("/") and not _PATTERN.search(pattern.name)):
        return
    yield clue_of("location.never_matches", Certainty.LIKELY, scope.directive, name=pattern.name, better=_meant(scope))


def _meant(scope: Scope) -> str:
    name = pattern_of(scope).name
    if not _PATTERN.search(name):
        return f"location /{name}"
    return f"location ~ {'^' if name.startswith('/') else ''}{name}"


# --- names -------------------------------------------------------------------------------------------------------


def _misspelled_names(server: Server, servers: Servers) -> Iterator[Clue]:
    """A name with more than a host in it: ``https://…``, a path, a port, a comma."""
    if _answers_anyway(server, servers):
        return
    for line in server.scope.own("server_name"):
        wrong = [name for name in line.args if _is_no_host(name)]
        meant = [_host_in(name) for name in wrong]
        if line.line and wrong and not set(meant).issubset(server.names):
            better = " ".join(_host_in(name) if name in wrong else name for name in line.args)
            yield clue_of("server_name.never_matches", Certainty.PROVEN, line, name=wrong[0], better=better)


def _is_no_host(name: str) -> bool:
    return not name.startswith(("~", "[")) and not _TO_FILL_IN.search(name) and bool(_NOT_OF_A_HOST.search(name))


def _host_in(name: str) -> str:
    return _NOT_OF_A_HOST.split(name.rpartition("://")[2])[0].lower()


def _answers_anyway(server: Server, servers: Servers) -> bool:
    """Whether it is the default wherever it listens, so that it needs no name."""
    return all(default_server(at_socket(servers, listen.socket), listen.socket) is server for listen in server.listens)


def _taken(server: Server, servers: Servers) -> Iterator[Clue]:
    """A server that passes requests on and gets none: earlier ones have its names wherever it listens."""
    names = [name for name in server.names if name not in _ANYBODYS]
    passes = any(line.name in HANDLERS for line in server.scope.directive.walk())
    if not passes or len(names) != len(server.names) or any(name.startswith("~") for name in names):
        return
    earlier = [_earlier(name, listen.socket, server, servers) for name in names for listen in server.listens]
    first = earlier[0]
    if first is None or None in earlier or _alike(first, server):
        return
    lines = (server.scope.own("server_name")[0], first.scope.own("server_name")[0])
    yield clue_of("server_name.taken", Certainty.PROVEN, *lines, name=names[0], port=server.listens[0].port)


def _alike(one: Server, other: Server) -> bool:
    """Whether two servers are written alike, as where a file is included twice."""
    return [line.text for line in one.scope.directive.walk()] == [line.text for line in other.scope.directive.walk()]


def _earlier(name: str, socket: tuple[str, int], server: Server, servers: Servers) -> Server | None:
    """The server that has the name at the socket, where it is not this one."""
    here = at_socket(servers, socket)
    if default_server(here, socket) is server:
        return None
    first = next((other for other in here if name in other.names), server)
    return first if first is not server else None


# --- address rules -----------------------------------------------------------------------------------------------


def _behind_a_deny(scope: Scope) -> Iterator[Clue]:
    """An ``allow`` whose addresses an earlier ``deny`` of the block has already refused."""
    refused: list[Directive] = []
    for rule in scope.own("allow", "deny"):
        if not rule.line or not rule.args:
            continue
        if rule.name == "deny":
            refused.append(rule)
            continue
        before = next((line for line in refused if _takes_in(line, rule)), None)
        if before is not None:
            yield clue_of("access.allow_unreached", Certainty.PROVEN, rule, before, denies=before.text)
            return


def _takes_in(deny: Directive, allow: Directive) -> bool:
    if allow.args == ("all",) or _TO_FILL_IN.search(allow.args[0]):
        return False
    outer, inner = parse_network(deny.args[0]), parse_network(allow.args[0])
    return deny.args == ("all",) or (outer is not None and inner is not None and _within(inner, outer))


def _within(inner: Network, outer: Network) -> bool:
    if inner.version != outer.version or inner.prefixlen < outer.prefixlen:
        return False
    return inner.network_address in outer
