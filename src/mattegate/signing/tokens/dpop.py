"""Proofs that a caller holds the key its token is bound to (RFC 9449): verifying them, and making them for the client.

A proof brings its own public key, so its signature alone proves nothing about anybody: only its thumbprint, compared
with the token's ``cnf.jkt``, does (:mod:`.binding`).
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Final

from mattegate.signing.message import Message, Verdict
from mattegate.signing.tokens import base64url
from mattegate.signing.tokens.address import normal_address
from mattegate.signing.tokens.algorithms import unknown
from mattegate.signing.tokens.causes import Cause, Refused, answering, shown
from mattegate.signing.tokens.claims import moment, stamp, text
from mattegate.signing.tokens.compact import Compact, allow_algorithm, allow_type, prove, unpack
from mattegate.signing.tokens.json_object import read_object
from mattegate.signing.tokens.jwk import JsonWebKey, Unusable, read_key
from mattegate.signing.tokens.rules import PROOF
from mattegate.signing.tokens.signing_keys import SigningKey, sign_compact

_NONCE_LABEL: Final = b"mattegate proof nonce 1\0"


@dataclass(frozen=True, slots=True)
class ProofRules:
    """What is asked of proofs; raises ``ValueError`` for algorithms that are not verified here."""

    algorithms: tuple[str, ...] = ("ES256", "EdDSA", "Ed25519")
    max_age_s: float = 120
    leeway_s: float = 30
    """How far a client's clock may run ahead."""

    def __post_init__(self) -> None:
        if not self.algorithms or unknown(self.algorithms):
            raise ValueError(f"no signature algorithms that are verified here: {', '.join(unknown(self.algorithms))}")


@dataclass(frozen=True, slots=True)
class Proof:
    """A verified proof."""

    thumbprint: str
    """Of the key that made it, as base64url (RFC 7638)."""
    replay_key: str
    """Names its ``jti`` within this key: 64 characters. Whoever keeps nonces takes it once until ``keep_until``."""
    keep_until: float
    """Unix seconds; later the proof is stale anyhow."""


@answering
def verify_proof(
    message: Message, token: str | None, rules: ProofRules, *, at: float, nonces: tuple[str, ...] | None = None
) -> Proof:
    """Verify the header ``DPoP`` of ``message``, which goes with ``token`` (``None``: at the token endpoint).

    Never raises. ``nonces``: those of which it must hold one; ``None``: none is asked for. RFC 9449, section 4.3.
    """
    try:
        return _verified(message, token, rules, at, nonces)
    except Refused as refused:
        raise _about_proof(refused.verdict) from None


def make_proof(
    key: SigningKey, method: str, address: str, *, at: float, token_id: str, token: str = "", nonce: str = ""
) -> str:
    """The value of ``DPoP`` for a request. ``token_id`` must be fresh and random (RFC 9449, section 4.2: 96 bits)."""
    optional = {"ath": _hashed(token) if token else "", "nonce": nonce}
    claims = {"jti": token_id, "htm": method, "htu": address.partition("?")[0].partition("#")[0], "iat": int(at)}
    header = {"typ": PROOF, "jwk": dict(key.public.numbers)}
    return sign_compact(key, header, claims | {name: value for name, value in optional.items() if value})


def proof_nonces(secret: bytes, at: float, period_s: float = 300) -> tuple[str, str]:
    """The nonce to give out at ``at``, and the one before it, which still counts. Nothing has to be kept for them."""
    slot = int(at // period_s)
    current, previous = (
        base64url.encode(hmac.digest(secret, _NONCE_LABEL + str(one).encode(), "sha256")[:16])
        for one in (slot, slot - 1)
    )
    return current, previous


def _only_one(message: Message) -> str:
    values = message.values(b"dpop")
    if not values:
        raise Refused(Cause.PROOF_MISSING)
    if len(values) > 1:
        raise Refused(Cause.PROOF_MALFORMED, problem="there are several")
    return values[0].decode("latin-1").strip(" \t")


def _verified(
    message: Message, token: str | None, rules: ProofRules, at: float, nonces: tuple[str, ...] | None
) -> Proof:
    proof = unpack(_only_one(message), brings_key=True)
    allow_type(proof, (PROOF,))
    allow_algorithm(proof, rules.algorithms)
    key = _own_key(proof)
    prove(proof, key)
    claims = read_object(proof.payload, "payload")
    _check_request(claims, message)
    issued = _check_age(claims, rules, at)
    _check_nonce(claims, nonces)
    _check_token(claims, token)
    return Proof(key.thumbprint, _replay_key(claims, key), issued + rules.max_age_s)


_OF_PROOFS: Final[Mapping[str, Cause]] = MappingProxyType(
    {
        Cause.ALGORITHM: Cause.PROOF_ALGORITHM,
        Cause.UNSIGNED: Cause.PROOF_ALGORITHM,
        Cause.SYMMETRIC: Cause.PROOF_ALGORITHM,
        Cause.SIGNATURE: Cause.PROOF_SIGNATURE,
    }
)
"""What a cause is called when it is the proof's; the others that tokens have make it malformed."""


def _about_proof(verdict: Verdict) -> Refused:
    if verdict.code.startswith("token.proof_"):
        return Refused(Cause(verdict.code), **verdict.facts)
    cause = _OF_PROOFS.get(verdict.code, Cause.PROOF_MALFORMED)
    problem = verdict.facts.get("problem", f"{verdict.code} does not go with a proof")
    return Refused(cause, **({"problem": problem} if cause is Cause.PROOF_MALFORMED else verdict.facts))


def _own_key(proof: Compact) -> JsonWebKey:
    try:
        key = read_key(proof.header.get("jwk"))
    except Unusable as unusable:
        raise Refused(Cause.MALFORMED, problem=f"its jwk is {unusable}") from None
    if not key.fits(proof.algorithm):
        raise Refused(Cause.MALFORMED, problem="its jwk is not for its alg")
    return key


def _check_request(claims: Mapping[str, object], message: Message) -> None:
    if claims.get("htm") != message.method:
        raise Refused(Cause.PROOF_METHOD, method=shown(message.method))
    path = message.path.decode("latin-1")
    asked = normal_address(f"{message.scheme}://{message.authority}{path}")
    stated = claims.get("htu")
    if asked is None or not isinstance(stated, str) or normal_address(stated) != asked:
        raise Refused(Cause.PROOF_ADDRESS, address=shown(asked))


def _check_age(claims: Mapping[str, object], rules: ProofRules, at: float) -> float:
    issued = moment(claims, "iat")
    if issued is None:
        raise Refused(Cause.PROOF_MALFORMED, problem="iat is missing")
    if not at - rules.max_age_s < issued <= at + rules.leeway_s:
        raise Refused(Cause.PROOF_STALE, issued=stamp(issued), now=stamp(at), age_s=round(at - issued, 1))
    return issued


def _check_nonce(claims: Mapping[str, object], nonces: tuple[str, ...] | None) -> None:
    if nonces is None:
        return
    stated = text(claims, "nonce").encode()
    matching = [hmac.compare_digest(stated, nonce.encode()) for nonce in nonces]
    if not (stated and any(matching)):
        raise Refused(Cause.PROOF_NONCE, problem="another one" if stated else "none")


def _check_token(claims: Mapping[str, object], token: str | None) -> None:
    if token is None:
        return
    if not hmac.compare_digest(text(claims, "ath").encode(), _hashed(token).encode()):
        raise Refused(Cause.PROOF_TOKEN)


def _replay_key(claims: Mapping[str, object], key: JsonWebKey) -> str:
    token_id = text(claims, "jti")
    if not token_id:
        raise Refused(Cause.PROOF_MALFORMED, problem="jti is missing")
    return sha256(f"{key.thumbprint} {token_id}".encode()).hexdigest()


def _hashed(token: str) -> str:
    """``ath`` (RFC 9449, section 4.2)."""
    return base64url.encode(sha256(token.encode("utf-8", "surrogatepass")).digest())
