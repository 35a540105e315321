"""What a caller presented: everything a decision may look at, and never a secret.

An attempt is stored with every decision and judged again by ``why``, so whatever is in it must be safe to keep. The
parts of the request that prove something (the secret of a key) stay with the driver; what is left of a credential
here is :class:`Presented`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mattegate.vocabulary.proofs import ShownCertificate, Stated, StatedToken


class Channel(StrEnum):
    """Where in the request a credential stood."""

    BEARER = "bearer"
    """``Authorization: Bearer KEY`` (RFC 6750, section 2.1)."""
    API_KEY = "x-api-key"
    """``X-API-Key: KEY``."""
    BASIC = "basic"
    """``Authorization: Basic``, the key as password (RFC 7617)."""
    QUERY = "query"
    """In the query string; never accepted, and the key counts as leaked."""
    AUTHORIZATION = "authorization"
    """``Authorization`` with a scheme that is not read here."""
    SIGNATURE = "signature"
    """A signature over the request, in whichever headers its scheme has."""
    PRESIGNED = "presigned"
    """A signature in the query string."""
    TOKEN = "token"  # noqa: S105 - a name
    """``Authorization: Bearer TOKEN``, a JSON Web Token."""
    DPOP = "dpop"
    """``Authorization: DPoP TOKEN`` with its proof (RFC 9449, section 7.1)."""


CUT: Final = "\N{HORIZONTAL ELLIPSIS}"
"""The last character of a text of the caller's that was longer, so that no part of it passes for the whole."""
SIGNED: Final = frozenset({Channel.SIGNATURE, Channel.PRESIGNED})
TOKENS: Final = frozenset({Channel.TOKEN, Channel.DPOP})


class Flaw(StrEnum):
    """What is wrong with a credential by its looks alone; each is the last word of a ``credential.*`` reason."""

    NONE = ""
    EMPTY = "empty"
    SCHEME = "scheme"
    SPACES = "spaces"
    QUOTES = "quotes"
    CASE = "case"
    PREFIX = "prefix"
    ENVIRONMENT = "environment"
    CHECKSUM = "checksum"
    MALFORMED = "malformed"
    IN_QUERY = "in_query"


@dataclass(frozen=True, slots=True)
class Presented:
    """One credential without its secret."""

    channel: Channel
    flaw: Flaw = Flaw.NONE
    prefix: str = ""
    """The known prefix it begins with, or (for ``prefix``, ``case``, ``environment``) the one it should begin with."""
    environment: str = ""
    """``prod``, ``test`` or whatever the prefix stands for; empty where it cannot be told."""
    key_id: str = ""
    """The public id inside a key of our own making; empty for imported keys, which carry none."""
    scheme: str = ""
    """The scheme of ``Authorization`` as it was sent, at most 32 characters; for the hint."""
    length: int = 0
    """How many characters were presented."""


@dataclass(frozen=True, slots=True)
class RouteView:
    """The route that path and method lead to, as far as a decision cares."""

    name: str
    """``cutout``, ``whoami`` …; empty for a path that does not exist."""
    methods: tuple[str, ...] = ()
    """What the path answers."""
    public: bool = False
    """Whether it answers without a credential."""
    scope: str = ""
    """The scope a credential needs here; empty for none."""
    metered: bool = False
    """Whether it takes from rate and quota."""
    staged: bool = False
    """Whether a body follows that the walk reads, probes and works on."""


UNKNOWN_ROUTE = RouteView("")
ADMIN_ROUTE = RouteView("admin", public=True)
"""Whatever is asked on the admin plane: none of the data plane's layers has a say in it."""


@dataclass(frozen=True, slots=True)
class Preflight:
    """A CORS preflight (Fetch, section 4.8)."""

    method: str
    headers: tuple[str, ...] = ()
    """Lower case."""


@dataclass(frozen=True, slots=True)
class Flawed:
    """Something that the reading of the head objected to: a reason and its facts."""

    code: str
    facts: dict[str, str | int | float | bool | None]


@dataclass(frozen=True, slots=True)
class Behalf:
    """That a proxy asks on behalf of a request which it holds: the attempt is that request, without its body."""

    proxy: str
    """The way it asks in (:class:`mattegate.vocabulary.admission.Proxy`)."""
    problem: str = ""
    """Why the request that it means cannot be told."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request as it was presented. Texts that the caller chose are cut to 256 characters."""

    request_id: str
    at: float
    """Unix time in seconds, read once when the request came in."""
    method: str
    path: str
    """Decoded, as routed."""
    route: RouteView = UNKNOWN_ROUTE
    peer: str = ""
    """The address that opened the connection; empty for a Unix socket."""
    tls: bool = False
    """Whether this connection is encrypted."""
    host: str = ""
    """The ``Host`` header, as sent."""
    forwarded_for: tuple[str, ...] = ()
    """The values of ``X-Forwarded-For``, one an element, leftmost first."""
    forwarded: tuple[str, ...] = ()
    """The elements of ``Forwarded`` (RFC 7239), leftmost first, unparsed."""
    forwarded_proto: str = ""
    """``X-Forwarded-Proto``."""
    forwarded_host: str = ""
    """``X-Forwarded-Host``."""
    real_ip: str = ""
    """``X-Real-IP``."""
    origin: str | None = None
    """``Origin``; ``"null"`` as sent."""
    preflight: Preflight | None = None
    credentials: tuple[Presented, ...] = ()
    doubled: tuple[str, ...] = ()
    """Names of headers that must stand once and stood more often."""
    flawed: Flawed | None = None
    """What the surface objected to in the head (an option, a content type …); judged after the route."""
    model: str = ""
    """The model named in the head; empty where none is."""
    declared_bytes: int | None = None
    """``Content-Length``."""
    idempotency_key: str = ""
    user_agent: str = ""
    client_request_id: str = ""
    original_uri: str = ""
    """``X-Original-URI``: what a proxy says that it received, before it rewrote the path. Told, never believed."""
    signature: Stated | None = None
    token: StatedToken | None = None
    certificate: ShownCertificate | None = None
    unreadable: Flawed | None = None
    """What is wrong with the signature or the token by its looks alone."""
    behalf: Behalf | None = None
    """Whether a proxy asks about it; ``None``: whoever connected is whoever asks."""

    @property
    def administrative(self) -> bool:
        """Whether it came over the admin plane."""
        return self.route.name == ADMIN_ROUTE.name
