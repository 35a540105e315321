"""The second step: a connection, or the exact way in which there is none.

A packet filter, a security group or a missing port can refuse, reset or drop a connection. It cannot answer HTTP: a
status needs a TCP connection first, and somebody behind it who speaks HTTP.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mattegate.doctor.answer import Certainty
from mattegate.doctor.clue import Clue
from mattegate.doctor.probe.dns import Address
from mattegate.doctor.probe.target import DEFAULT_PORTS, Scope, Target

NO_STATUS: Final = "No HTTP status comes from here: a status needs a completed TCP connection, and there was none."
EXCLUDES_FILTER: Final = "The TCP connection was completed, so a packet filter or security group is not what refuses."

_KINDS: Final = {
    errno.ECONNREFUSED: "refused",
    errno.ETIMEDOUT: "timed_out",
    errno.ECONNRESET: "reset",
    errno.EPIPE: "reset",
    errno.ECONNABORTED: "reset",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.EADDRNOTAVAIL: "unreachable",
    errno.EAFNOSUPPORT: "unreachable",
    errno.EPERM: "blocked_locally",
    errno.EACCES: "blocked_locally",
}
_SAID: Final = {
    "refused": "Connection refused",
    "timed_out": "Connection timed out",
    "reset": "Connection reset by peer",
    "unreachable": "No route to host",
    "blocked_locally": "Operation not permitted",
}


@dataclass(frozen=True, slots=True)
class Opening:
    """What became of one attempt to connect."""

    address: Address
    port: int
    failure: str = ""
    """``refused``, ``timed_out``, ``reset``, ``unreachable``, ``blocked_locally``, ``other``; empty: open."""
    message: str = ""

    @property
    def open(self) -> bool:
        """Whether somebody listens."""
        return not self.failure

    @property
    def at(self) -> str:
        """``192.0.2.1 port 443``."""
        return f"{self.address.text} port {self.port}"


def connect(address: Address, port: int, seconds: float) -> socket.socket:
    """A connection. Raises :class:`OSError`."""
    sock = socket.socket(socket.AddressFamily(address.family), socket.SOCK_STREAM)
    try:
        sock.settimeout(seconds)
        sock.connect((address.text, port))
    except BaseException:
        sock.close()
        raise
    return sock


def try_port(address: Address, port: int, seconds: float) -> Opening:
    """Connect and hang up again."""
    try:
        connect(address, port, seconds).close()
    except OSError as error:
        kind = failure_kind(error)
        return Opening(address, port, kind, _SAID.get(kind) or str(error))
    return Opening(address, port)


def failure_kind(error: OSError) -> str:
    """The name of what went wrong."""
    if isinstance(error, TimeoutError):
        return "timed_out"
    return _KINDS.get(error.errno or 0, "other")


def tcp_clues(target: Target, openings: tuple[Opening, ...], other: tuple[Opening, ...] = ()) -> Iterator[Clue]:
    """What the attempts on a target's own port tell, ``other`` being those on 80 or 443 for comparison."""
    failed = [opening for opening in openings if not opening.open]
    if not failed:
        return
    facts = {"host": target.host, "port": str(target.port), "address": failed[0].address.text}
    said = tuple(f"{opening.at}: {opening.message}" for opening in failed)
    if len(failed) < len(openings):
        yield from _by_family(openings, facts, said)
        return
    kind = failed[0].failure
    cause = f"tcp.{kind}" if kind in _SAID else "tcp.unreachable"
    compared = tuple(_compared(opening) for opening in other)
    yield Clue(cause, Certainty.PROVEN, "probe tcp", (*said, *compared, NO_STATUS), facts)


def _by_family(openings: tuple[Opening, ...], facts: dict[str, str], said: tuple[str, ...]) -> Iterator[Clue]:
    """Some addresses work and some do not: then it depends on which a client happens to take."""
    works = next(opening for opening in openings if opening.open)
    broken = [opening for opening in openings if not opening.open and opening.failure != "unreachable"]
    if not broken:
        return  # this machine has no way to that family of addresses at all, which says nothing about the server
    if works.address.scope is Scope.LOOPBACK and works.address.kind != broken[0].address.kind:
        return  # localhost is two addresses, and most programs listen on one of them
    open_too = f"{works.at} is open"
    facts = {**facts, "address": broken[0].address.text, "works": works.address.text}
    yield Clue("tcp.address_differs", Certainty.LIKELY, "probe tcp", (*said, open_too), facts)


def _compared(opening: Opening) -> str:
    return f"{opening.at}: {'open' if opening.open else opening.message}"


def compared_port(target: Target) -> int | None:
    """The port to compare with: 443 for 80 and the reverse; ``None`` for a port of one's own."""
    ports = DEFAULT_PORTS.values()
    return next((port for port in ports if port != target.port), None) if target.port in ports else None
