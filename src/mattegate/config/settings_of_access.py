"""The settings of what a caller must prove, and of who may do what.

See :mod:`mattegate.config.settings` for its rules.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mattegate.vocabulary.rulebook_of_tokens import TokenIssuer


@dataclass(frozen=True, slots=True)
class KeySettings:
    """What keys look like and how long they live."""

    prefix_prod: str = "sk_prod_"
    """How keys for production begin."""
    prefix_test: str = "sk_test_"
    """How keys for tests begin."""
    environments: tuple[str, ...] = ("prod", "test")
    """The environments this server serves."""
    unknown_status: int = 403
    """What a well-formed but unknown key is answered with: 403 or 401."""
    remind_days: int = 90
    """The age of a key from which its owner is reminded to rotate it; 0: never."""
    unused_days: int = 180
    """How long a key may lie unused before it is disabled; 0: for ever."""
    overlap_hours: float = 24.0
    """How long a rotated key goes on working."""
    import_tier: str = "free"
    """The tier of the keys listed in the configuration under api_keys."""
    unsafe_anonymous: str = ""
    """Serve callers without a credential as this tier. Empty: nobody."""


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """Access tokens: those that this server gives, and those of the issuers under [tokens.issuers.NAME]."""

    enabled: bool = False
    """Whether this server gives tokens of its own: at /oauth2/token, and for web pages at /v1/browser-tokens."""
    issuer: str = ""
    """What its tokens name as issuer and audience: the address of the API. Empty: the first of cors.public_urls."""
    minutes: int = 10
    """How long an access token is good: at most 60."""
    scopes: tuple[str, ...] = ("cutout", "self", "usage")
    """What access tokens may give."""
    binding: str = "none"
    """What access tokens must be bound to: dpop, mtls, any, or none."""
    proof_nonce: bool = False
    """Whether every DPoP proof must hold a nonce of this server."""
    browser_minutes: int = 10
    """How long a token for a page may be good: at most 10."""
    browser_images: int = 100
    """How many images a token for a page may be for."""
    issuers: tuple[TokenIssuer, ...] = ()
    """Whose tokens are taken here: one table each, under [tokens.issuers.NAME]."""


@dataclass(frozen=True, slots=True)
class RequireSettings:
    """What requests to a route must show at once: any of key, signature, certificate. Empty: any one credential."""

    cutout: tuple[str, ...] = ()
    """Of requests for cut-outs."""
    whoami: tuple[str, ...] = ()
    """Of requests to /v1/whoami."""
    decision: tuple[str, ...] = ()
    """Of requests for one's own decisions."""
    usage: tuple[str, ...] = ()
    """Of requests for one's own usage."""
    keys: tuple[str, ...] = ()
    """Of requests that list, make, change, rotate or revoke one's own keys."""
    browser_tokens: tuple[str, ...] = ()
    """Of requests for tokens for web pages."""
    app: tuple[str, ...] = ()
    """Of requests to an application that the gate is embedded in."""
    authz: tuple[str, ...] = ()
    """Of requests that a proxy asks about at /authz."""


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """Resource policies in Cedar; they need the extra `policies`."""

    folder: Path | None = None
    """A folder of *.cedar files, below the home where it is not absolute; read again when one changes. Empty: none."""


@dataclass(frozen=True, slots=True)
class AuthorizerSettings:
    """Your own word on requests that everything else here would let pass: a Python callable, or an address."""

    callable: str = ""
    """A function of a request, as module:function, found as Python finds modules (PYTHONPATH). Empty: none."""
    url: str = field(default="", repr=False)
    """Where the question is posted as JSON. Empty: nowhere."""
    sources: tuple[str, ...] = ("identity",)
    """What an answer depends on beside the route: any of identity, key, address, origin, header:NAME."""
    ttl_s: float = 300.0
    """How long an answer is remembered that does not say so itself, and the longest that any is. 0: never."""
    timeout_s: float = 2.0
    """How long it may take; without an answer the request is refused with 503."""
    except_routes: tuple[str, ...] = ()
    """Routes not asked about: cutout, whoami, decision, usage, keys, key, key_rotate, browser_tokens, app, authz."""
