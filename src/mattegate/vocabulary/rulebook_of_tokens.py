"""The part of the rulebook about tokens: whose are trusted and what they come to here, and how our own are given."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenIssuer:
    """Whose tokens are trusted, and what their claims come to here. Nothing of them is taken over untranslated."""

    name: str
    issuer: str
    """``iss``, compared letter by letter."""
    audiences: tuple[str, ...]
    """One of these must be in ``aud``."""
    algorithms: tuple[str, ...] = ("RS256", "PS256", "ES256", "EdDSA", "Ed25519")
    types: tuple[str, ...] = ("at+jwt",)
    """``typ``, without ``application/``; empty: a token that states none."""
    leeway_s: float = 60.0
    most_lifetime_s: float = 86_400.0
    """From ``iat`` to ``exp``."""
    binding: str = "none"
    """``dpop``, ``mtls`` or ``any``: how a token must be bound to its sender; ``none``: it need not be."""
    identity_claim: str = "sub"
    """The claim that tells who."""
    identities: tuple[tuple[str, str], ...] = ()
    """Values of that claim, and the identity of each, by its id or name."""
    prefix: str = ""
    """Whoever else: an identity of its own, named by this and the value; empty: nobody else."""
    tier: str = "free"
    """The tier of such identities."""
    role_claims: tuple[str, ...] = ("roles",)
    tiers: tuple[tuple[str, str], ...] = ()
    """Role and tier; the first that fits, before ``tier``."""
    scope_claims: tuple[str, ...] = ("scope", "scp")
    scopes: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("cutout", ("cutout",)),
        ("self", ("self",)),
        ("usage", ("usage",)),
    )
    """What each of their scopes and roles gives here."""
    jwks_uri: str = ""
    """Where its keys lie; empty: where its metadata says."""
    inner_hosts: tuple[str, ...] = ()
    """Names that may lead to addresses which are not on the public internet, when its keys are fetched."""
    stale_s: float = 3_600.0
    """How long expired keys go on serving while new ones cannot be had."""


@dataclass(frozen=True, slots=True)
class OwnTokens:
    """How tokens of this server are given and taken."""

    issuer: str = ""
    """``iss`` and ``aud`` of its tokens: the address under which the API is reached; empty: not known."""
    binding: str = "none"
    """As :attr:`TokenIssuer.binding`; browser tokens are bound to their origin instead."""
    scopes: tuple[str, ...] = ("cutout", "self", "usage")
    """What they may give."""
    proof_nonce: bool = False
    """Whether every proof of possession (RFC 9449) must hold a nonce of this server."""
