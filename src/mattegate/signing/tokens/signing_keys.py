"""The keys that sign our own tokens: made from secrets of the installation, named by their thumbprint, changed in turn.

A new key is published before it signs and an old one stays published until the last token it signed is over, so that
whoever keeps a copy of our key set never meets a key it does not know.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha512
from typing import Final, Literal

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from mattegate.signing.tokens import base64url
from mattegate.signing.tokens.jwk import JsonWebKey, edwards_numbers, p256_numbers, read_key, thumbprint
from mattegate.signing.tokens.key_set import KeySet

SEED_BYTES: Final = 32
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of P-256 (SEC 2, section 2.4.2)."""
_LABEL: Final = b"mattegate token key ES256 1\0"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, and the public one that everybody may have."""

    public: JsonWebKey
    private: Ed25519PrivateKey | ec.EllipticCurvePrivateKey = field(repr=False, compare=False)

    @classmethod
    def from_seed(cls, seed: bytes, algorithm: Literal["EdDSA", "Ed25519", "ES256"] = "EdDSA") -> SigningKey:
        """The key of 32 random bytes, always the same one; raises ``ValueError`` for another number of bytes."""
        if len(seed) != SEED_BYTES:
            raise ValueError(f"a signing key comes from {SEED_BYTES} bytes, not {len(seed)}")
        private: Ed25519PrivateKey | ec.EllipticCurvePrivateKey
        if algorithm == "ES256":
            private = ec.derive_private_key(_scalar(seed), ec.SECP256R1())
            numbers = p256_numbers(private.public_key())
        else:
            private = Ed25519PrivateKey.from_private_bytes(seed)
            numbers = edwards_numbers(private.public_key())
        return cls(read_key({**numbers, "kid": thumbprint(numbers), "alg": algorithm, "use": "sig"}), private)

    def sign(self, signed: bytes) -> bytes:
        """A signature as JSON Web Signature has it; the same bytes give the same one (RFC 6979; RFC 8032)."""
        if isinstance(self.private, Ed25519PrivateKey):
            return self.private.sign(signed)
        der = self.private.sign(signed, ec.ECDSA(SHA256(), deterministic_signing=True))
        return b"".join(number.to_bytes(32, "big") for number in decode_dss_signature(der))


@dataclass(frozen=True, slots=True)
class Retired:
    """A key that signs no more."""

    public: JsonWebKey
    until: float
    """Unix seconds; by then every token it signed is over."""


@dataclass(frozen=True, slots=True)
class SigningKeySet:
    """All our keys at one time."""

    current: SigningKey
    previous: tuple[Retired, ...] = ()

    def verifying(self, at: float) -> KeySet:
        """The public keys that tokens of ours may be signed with at ``at``."""
        living = (retired.public for retired in self.previous if retired.until > at)
        return KeySet((self.current.public, *living))

    def public_jwks(self, at: float) -> dict[str, list[dict[str, str]]]:
        """What is published under ``jwks_uri``."""
        return {"keys": [key.members() for key in self.verifying(at).keys]}


def sign_compact(key: SigningKey, header: Mapping[str, object], claims: Mapping[str, object]) -> str:
    """``claims`` signed in compact form; ``alg`` is the key's."""
    segments = ({"alg": key.public.algorithm, **header}, claims)
    signed = ".".join(
        base64url.encode(json.dumps(part, separators=(",", ":"), allow_nan=False).encode()) for part in segments
    )
    return f"{signed}.{base64url.encode(key.sign(signed.encode('ascii')))}"


def _scalar(seed: bytes) -> int:
    """A number from 1 to the order less one, each as likely as any other (FIPS 186-5, A.2.1; 256 bits to spare)."""
    return int.from_bytes(sha512(_LABEL + seed).digest(), "big") % (_ORDER - 1) + 1
