"""Tokens that are worth nothing without a key or a certificate (RFC 7800; RFC 8705, section 3; RFC 9449, section 6).

A bound token is held to its binding even where no rule asks for bound ones: a bound token that comes bare was stolen.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Final

from mattegate.signing.tokens import base64url
from mattegate.signing.tokens.causes import Cause, Refused
from mattegate.signing.tokens.claims import Confirmation
from mattegate.signing.tokens.rules import Binding


@dataclass(frozen=True, slots=True)
class Possession:
    """What the caller showed beside the token: thumbprints as base64url, empty where nothing was shown."""

    key: str = ""
    """Of the key of a verified proof that came with the scheme ``DPoP``."""
    certificate: str = ""
    """Of the client certificate of this connection, which was verified before."""


NOTHING: Final = Possession()


def thumbprint_of(fingerprint: str) -> str:
    """``x5t#S256`` (RFC 8705, section 3.1) of a certificate whose SHA-256 is known in hex.

    Raises ``ValueError`` for other text.
    """
    return base64url.encode(bytes.fromhex(fingerprint))


def check_binding(bound: Confirmation, required: Binding, shown: Possession) -> None:
    """Raise ``Refused`` unless the caller showed what the token is bound to, and that is what the rule asks for."""
    if bound.other:
        raise Refused(Cause.BINDING_MISMATCH, binding="something that is not checked here")
    _check_one(bound.certificate, shown.certificate, "client certificate")
    _check_one(bound.key, shown.key, "key (DPoP)")
    if shown.key and not bound.key:
        raise Refused(Cause.BINDING_MISMATCH, binding="no key, although it came with a proof of one")
    if not meets(bound, required):
        raise Refused(Cause.BINDING_REQUIRED, required=required.value)


def _check_one(bound: str, shown: str, what: str) -> None:
    if bound and not shown:
        raise Refused(Cause.BINDING_MISSING, binding=f"a {what}")
    if bound and not hmac.compare_digest(bound.encode(), shown.encode()):
        raise Refused(Cause.BINDING_MISMATCH, binding=f"another {what} than the one that was shown")


def meets(bound: Confirmation | Possession, required: Binding) -> bool:
    """Whether a token that is bound to this, or would be, is bound as the rule asks."""
    return {
        Binding.NONE: True,
        Binding.DPOP: bool(bound.key),
        Binding.MTLS: bool(bound.certificate),
        Binding.ANY: bool(bound.key or bound.certificate),
    }[required]
