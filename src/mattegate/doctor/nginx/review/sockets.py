"""What nginx stops at when it puts the servers of one socket together: two defaults, and none with a certificate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mattegate.doctor.nginx.listening import at_socket, default_server, is_tls, sockets
from mattegate.doctor.nginx.review.stopping import stopped

if TYPE_CHECKING:
    from mattegate.doctor.clue import Clue
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.listening import Servers
    from mattegate.doctor.nginx.tree import Tree


def two_defaults(servers: Servers) -> Iterator[Clue]:
    """A second ``default_server`` at the same address and port."""
    first: dict[tuple[str, int], Directive] = {}
    for server in servers:
        marked = zip(server.scope.own("listen"), server.listens, strict=False)
        for line, listen in marked:
            if not listen.default or "$" in " ".join(line.args):
                continue
            if listen.socket in first and first[listen.socket] is not line:
                yield stopped(f"a duplicate default server for {_shown(listen.socket)}", line, first[listen.socket])
            first.setdefault(listen.socket, line)


def _shown(socket: tuple[str, int]) -> str:
    """A socket as nginx names it."""
    address, port = socket
    return f"{'0.0.0.0' if address == '*' else address}:{port}"  # noqa: S104 - a name, nothing is bound


def without_certificate(tree: Tree, servers: Servers) -> Iterator[Clue]:
    """A socket with ``ssl`` whose default server has no certificate; said only where everything was read."""
    if not tree.whole or tree.unread:
        return
    for socket in sockets(servers):
        here = at_socket(servers, socket)
        server = default_server(here, socket)
        scope = server.scope
        if not is_tls(here, socket) or scope.inherited("ssl_certificate") or scope.switched_on("ssl_reject_handshake"):
            continue
        lines = [line for line in scope.own("listen") if {"ssl", "quic"}.intersection(line.args)]
        problem = 'no "ssl_certificate" is defined for the "listen ... ssl" directive'
        yield stopped(problem, *(lines[:1] or [scope.directive]))
