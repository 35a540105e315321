"""What strong credentials say of themselves: read from the head without any secret, and safe to keep.

Everything here is a claim of the caller until a fact says otherwise. Texts are cut to 256 characters.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class BodyCover(StrEnum):
    """How a signature covers the body."""

    NONE = "none"
    """Not at all."""
    DIGEST = "digest"
    """The head binds a digest; the body is compared with it while it streams."""
    WHOLE = "whole"
    """The signature is computed over the body's hash, so it cannot be verified before the body is there."""


@dataclass(frozen=True, slots=True)
class Stated:
    """What a signature says of itself."""

    scheme: str
    """``hmac``, ``rfc9421``, ``sigv4``, ``sigv4-query`` or ``compat-hmac``."""
    key_id: str
    created: float | None = None
    """Unix seconds."""
    expires: float | None = None
    """Unix seconds; ``None`` where only the server's window bounds it."""
    nonce: str = ""
    """What makes it one-time: a nonce, or where the scheme has none the signature's SHA-256 in hex."""
    algorithm: str = ""
    covered: tuple[str, ...] = ()
    """The components it is over, in its own order."""
    body: BodyCover = BodyCover.NONE
    digest: str = ""
    """SHA-256 of the body in lower-case hex, where the head binds one."""
    particulars: dict[str, str] = field(default_factory=dict)
    """What only this scheme has: scope, tag, label …"""


@dataclass(frozen=True, slots=True)
class StatedToken:
    """What a token says of itself (RFC 7515, section 4; RFC 7519, section 4)."""

    issuer: str = ""
    key_id: str = ""
    """``kid``."""
    algorithm: str = ""
    kind: str = ""
    """``typ``."""
    expires: float | None = None
    """Unix seconds."""
    bound: str = ""
    """``dpop`` where a DPoP proof came with it; empty otherwise."""


class CertificateFlaw(StrEnum):
    """Why a certificate proves nothing, whatever stands in it."""

    NONE = ""
    MALFORMED = "malformed"
    """What a declared proxy passed on is no certificate."""
    UNTRUSTED = "untrusted"
    """Nobody in the trust store issued it."""
    REVOKED = "revoked"
    OUTDATED = "outdated"
    """The revocation list of its issuer is older than it may be, so nobody knows."""


@dataclass(frozen=True, slots=True)
class ShownCertificate:
    """A client certificate, from our own handshake or from a declared proxy."""

    fingerprint: str = ""
    """SHA-256 of its DER, lower-case hex."""
    subject: str = ""
    matches: tuple[str, ...] = ()
    """Every text that may stand for it, the most exact first (:mod:`mattegate.signing.certificates`)."""
    not_before: float = 0.0
    not_after: float = 0.0
    client_use: bool = True
    """Whether it may be used to authenticate clients at all."""
    by_proxy: bool = False
    """Whether a declared proxy passed it on (RFC 9440) instead of our own handshake."""
    flaw: CertificateFlaw = CertificateFlaw.NONE
    problem: str = ""
    """What is wrong with it, in words for the operator."""
