"""Why nothing was fetched: one stable cause for whoever decides, and a sentence for the operator alone.

What an outgoing request meets inside a network is nobody's business who only named the address, so the text of the
exception is the cause and nothing else. Hosts, addresses and statuses stand in `Blocked.problem` and `Blocked.facts`,
which belong into records and logs; a path or a query, which may be a secret, stands nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

Fact = str | int | float
"""What a fact of a refusal can be."""


class Cause(StrEnum):
    """What stopped a request, in the order in which it can happen."""

    URL = "url"
    """No address at all: a user name inside, characters that no address has, too long."""
    SCHEME = "scheme"
    """Neither http nor https, or http where only https is allowed."""
    HOST = "host"
    """A host in a spelling that readers disagree on, or one that the rules do not name."""
    PORT = "port"
    RESOLVE = "resolve"
    """The name has no address."""
    ADDRESS = "address"
    """The host leads, or may lead, to an address that is not on the public internet."""
    CONNECT = "connect"
    """Nobody listens there, or the connection broke."""
    TLS = "tls"
    TIMEOUT = "timeout"
    PROTOCOL = "protocol"
    """What came back is no HTTP/1.1, or breaks off."""
    REDIRECT = "redirect"
    """Too many, to nowhere, or from https to http."""
    STATUS = "status"
    TOO_LARGE = "too_large"
    ENCODING = "encoding"
    """Compressed, although that was not asked for."""
    TYPE = "type"
    """Another kind of content than was asked for."""

    @property
    def public(self) -> Cause:
        """What a stranger may be told: whether a name exists only inside is not for him to learn."""
        return Cause.RESOLVE if self is Cause.ADDRESS else self


class Blocked(Exception):  # noqa: N818 - what became of the request
    """A request that was not made, or whose answer is not used."""

    def __init__(self, cause: Cause, problem: str, **facts: Fact) -> None:
        super().__init__(cause.value)
        self.cause = cause
        self.problem = problem
        """For the operator; names hosts and addresses, never a path."""
        self.facts: Mapping[str, Fact] = facts
        """For the record: ``host``, ``address``, ``kind``, ``port``, ``status``, ``hop``, ``limit`` …"""
