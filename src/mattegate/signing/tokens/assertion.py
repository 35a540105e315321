"""Clients that prove themselves by a signed assertion (``private_key_jwt``: RFC 7521; RFC 7523, sections 2.2 and 3)."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from mattegate.signing.tokens.algorithms import USUAL, unknown
from mattegate.signing.tokens.causes import Cause, Refused, answering, shown
from mattegate.signing.tokens.claims import check_times, moment, text
from mattegate.signing.tokens.compact import allow_algorithm, allow_type, prove, unpack
from mattegate.signing.tokens.json_object import read_object
from mattegate.signing.tokens.key_set import KeySet

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""``client_assertion_type``"""
_TYPES: Final = ("", "JWT", "client-authentication+jwt")
"""No type, the general one, or the one that the revision of RFC 7523 defines; never that of another token."""


@dataclass(frozen=True, slots=True)
class AssertionRules:
    """What is asked of assertions; raises ``ValueError`` for algorithms that are not verified here, and no audience."""

    audiences: tuple[str, ...]
    """Our token endpoint, and our issuer."""
    algorithms: tuple[str, ...] = USUAL
    max_lifetime_s: float = 300
    leeway_s: float = 30

    def __post_init__(self) -> None:
        if not self.audiences or not self.algorithms or unknown(self.algorithms):
            raise ValueError("an audience, and algorithms that are verified here, must be named")


@dataclass(frozen=True, slots=True)
class AssertedClient:
    """A client that proved itself."""

    client_id: str
    replay_key: str
    """Names its ``jti`` within this client: 64 characters. Whoever keeps nonces takes it once until ``keep_until``."""
    keep_until: float


@answering
def verify_assertion(
    assertion: str, client_id: str, keys: KeySet, rules: AssertionRules, *, at: float
) -> AssertedClient:
    """Verify the assertion of the client ``client_id`` with the keys it registered; never raises.

    Its audience must be us and nobody else: an assertion for two could be used by one of them at the other.
    """
    token = unpack(assertion)
    allow_algorithm(token, rules.algorithms)
    allow_type(token, _TYPES)
    prove(token, keys.pick(token.algorithm, token.key_id))
    members = read_object(token.payload, "payload")
    expires = moment(members, "exp")
    if expires is None:
        raise Refused(Cause.MALFORMED, problem="exp is missing")
    _check_parties(members, client_id, rules)
    check_times(expires, moment(members, "nbf"), moment(members, "iat"), rules.leeway_s, at)
    if expires - at > rules.max_lifetime_s + rules.leeway_s:
        raise Refused(Cause.LIFETIME, lifetime_s=round(expires - at), limit_s=round(rules.max_lifetime_s))
    token_id = text(members, "jti")
    if not token_id:
        raise Refused(Cause.MALFORMED, problem="jti is missing")
    replay_key = sha256(f"{client_id} {token_id}".encode()).hexdigest()
    return AssertedClient(client_id, replay_key, expires + rules.leeway_s)


def _check_parties(members: dict[str, object], client_id: str, rules: AssertionRules) -> None:
    issuer, subject = text(members, "iss"), text(members, "sub")
    if not client_id or issuer != client_id:
        raise Refused(Cause.ISSUER, issuer=issuer)
    if subject != client_id:
        raise Refused(Cause.SUBJECT)
    audience = members.get("aud")
    only = audience[0] if isinstance(audience, list) and len(audience) == 1 else audience
    if only not in rules.audiences:
        raise Refused(Cause.AUDIENCE, audience=shown(only), asked=" ".join(rules.audiences))
