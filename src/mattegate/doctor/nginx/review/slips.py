"""Small slips that nginx takes as they stand: a size without its unit, a TLS port without the word that makes it one.

Nobody means what such a line says, whatever else the file does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from mattegate.doctor.answer import Certainty
from mattegate.doctor.nginx.listening import is_tls
from mattegate.doctor.nginx.review.words import clue_of

if TYPE_CHECKING:
    from mattegate.doctor.clue import Clue
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.listening import Server, Servers

_MOST_MEGABYTES: Final = 1_024
"""Up to here a bare number was meant in megabytes; 0 is no limit, and 1 is taken for a body that nobody may send."""
_HTTPS: Final = 443


def slips(servers: Servers) -> Iterator[Clue]:
    """Every such line of the servers."""
    for server in servers:
        yield from _without_unit(server.scope.directive)
        yield from _without_ssl(server, servers)
    around = servers[0].scope.parent if servers else None
    if around is not None:
        yield from map(_in_bytes, filter(_is_bare, around.own("client_max_body_size")))


def _without_unit(server: Directive) -> Iterator[Clue]:
    """``client_max_body_size 20;`` refuses every body of more than 20 bytes."""
    yield from map(_in_bytes, filter(_is_bare, server.walk()))


def _is_bare(line: Directive) -> bool:
    value = line.args[0] if line.name == "client_max_body_size" and line.args else ""
    return value.isdecimal() and 1 < int(value) <= _MOST_MEGABYTES


def _in_bytes(line: Directive) -> Clue:
    return clue_of("body.unit_missing", Certainty.LIKELY, line, limit=line.args[0], wanted=f"{line.args[0]}m")


def _without_ssl(server: Server, servers: Servers) -> Iterator[Clue]:
    """Port 443 with a certificate that is never used: what speaks TLS there is answered in plain text."""
    certificates = server.scope.own("ssl_certificate")
    if not certificates:
        return
    for line, listen in zip(server.scope.own("listen"), server.listens, strict=False):
        if listen.port == _HTTPS and not is_tls(servers, listen.socket):
            better = " ".join(("listen", *line.args, "ssl"))
            yield clue_of("tls.listen_without_ssl", Certainty.PROVEN, line, certificates[0], better=better)
            return
