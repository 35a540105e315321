"""A request as it reaches nginx's socket, and what the model says becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.scope import Scope

Headers = tuple[tuple[str, str], ...]
"""In their order, spelled as sent."""


class Certificate(StrEnum):
    """What a client shows in the TLS handshake."""

    NONE = "none"
    VALID = "valid"
    """Signed by the CA that the server trusts for clients."""
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Request:
    """One request on the wire."""

    method: str = "GET"
    target: str = "/"
    """As it stands in the request line, still encoded, with its query."""
    host: str | None = None
    """The ``Host`` header; ``None`` sends none."""
    headers: Headers = ()
    """All others; ``Content-Length`` is made from ``body_bytes``."""
    client: str = "192.0.2.10"
    """The address of whoever opened the connection, an IPv4 or IPv6 address, or ``unix:``."""
    port: int | None = None
    """The port that was connected to; ``None``: whichever port the configuration would be meant to serve it on."""
    tls: bool | None = None
    """Whether the connection is encrypted; ``None``: as the listener that is chosen has it."""
    certificate: Certificate = Certificate.NONE
    body_bytes: int = 0
    chunked: bool = False
    http_version: str = "1.1"
    label: str = ""
    """What this variant is about: ``preflight``, ``9 MB upload`` …"""

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    def header(self, name: str) -> str | None:
        """The first value of a header by its name in any case; ``None`` where it was not sent."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class Outcome(StrEnum):
    """What nginx does with a request."""

    ANSWERS = "answers"
    """nginx makes the answer itself: ``status`` is final."""
    FORWARDS = "forwards"
    """The upstream gets it and answers: ``upstream`` says what arrives there."""
    SERVES = "serves"
    """nginx serves a file or folder of its own, and nobody knows here what stands there."""
    DROPS = "drops"
    """The connection is closed without an answer (444)."""
    UNDECIDED = "undecided"
    """Something stands in the way that is not modelled or cannot be known: ``unknown`` says what."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """What reaches the upstream."""

    directive: Directive
    """The ``proxy_pass`` (or ``grpc_pass``, ``fastcgi_pass`` …)."""
    address: str
    """``http://127.0.0.1:8000``, with variables expanded where they are known; else as written."""
    method: str
    uri: str | None
    """The request target the upstream sees; ``None`` where it cannot be known."""
    headers: Headers
    """As they arrive, names as nginx writes them; a value that cannot be known is ``\\x00``."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened on the way: a phase that let it pass or ended it."""

    phase: str
    says: str
    directive: Directive | None = None
    path: str = ""
    """The file that it is about, one byte a character."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """A refusal that an ``error_page`` took the place of."""

    status: int
    mechanism: str
    decided_by: Directive | None
    page: Directive
    scope: Scope | None = None
    """The block that refused it."""
    passed_over: Directive | None = None
    """The prefix that a regular expression took the request from."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says becomes of one request."""

    request: Request
    outcome: Outcome
    status: int | None = None
    """Of an answer made by nginx; ``None`` otherwise."""
    mechanism: str = ""
    """What decided: ``access``, ``return``, ``auth_basic``, ``auth_request``, ``limit_except``, ``body_size`` …"""
    decided_by: Directive | None = None
    server: Directive | None = None
    location: Directive | None = None
    """The location whose configuration applies at the end; ``None`` for the server's own."""
    upstream: Upstream | None = None
    headers: Headers = ()
    """What nginx adds to the answer (``add_header``, ``Location``, ``WWW-Authenticate``), where it is known."""
    unknown: tuple[str, ...] = ()
    """What could not be judged on the way."""
    steps: tuple[Step, ...] = ()
    scope: Scope | None = None
    """The block whose configuration applied at the end; ``None`` where none was reached."""
    client: str = ""
    """The address that was judged."""
    dropped: tuple[str, ...] = ()
    """Names of headers that nginx threw away because of their spelling."""
    named: bool = True
    """Whether a server has the name that was asked for; otherwise the default server answers."""
    hidden: Hidden | None = None
    passed_over: Directive | None = None
    """The prefix that would serve the path, were there not the regular expression that does."""
    moved: Directive | None = None
    """The last ``rewrite`` that gave the request another path."""
    doubts: tuple[tuple[str, Directive], ...] = ()
    """What else may refuse here, which nobody can tell, each with its line."""
