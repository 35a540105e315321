"""The signature algorithms of JSON Web Algorithms that are verified here (RFC 7518, section 3; RFC 8037; RFC 9864).

All of them have a public and a private key. ``EdDSA`` and ``Ed25519`` are two names of one algorithm: RFC 9864 replaces
the first, and most issuers still write it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey


class Algorithm(Protocol):
    """One way of signing."""

    @property
    def kind(self) -> str:
        """``kty`` of its keys."""

    @property
    def curve(self) -> str:
        """``crv`` of its keys; empty for RSA."""

    def verifies(self, key: PublicKey, signature: bytes, signed: bytes) -> bool:
        """Whether ``key`` made ``signature`` over ``signed``; a key of another kind did not."""


@dataclass(frozen=True, slots=True)
class Rsa:
    """RSASSA-PKCS1-v1_5 or RSASSA-PSS; the salt of the latter is as long as its hash (RFC 7518, section 3.5)."""

    digest: hashes.HashAlgorithm
    pss: bool
    kind: str = "RSA"
    curve: str = ""

    def verifies(self, key: PublicKey, signature: bytes, signed: bytes) -> bool:
        """As in :class:`Algorithm`."""
        if not isinstance(key, RSAPublicKey):
            return False
        padding = PSS(MGF1(self.digest), self.digest.digest_size) if self.pss else PKCS1v15()
        try:
            key.verify(signature, signed, padding, self.digest)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Ecdsa:
    """ECDSA; a signature is the two numbers in full length, not DER (RFC 7518, section 3.4)."""

    digest: hashes.HashAlgorithm
    curve: str
    size: int
    """Bytes of one number."""
    kind: str = "EC"

    def verifies(self, key: PublicKey, signature: bytes, signed: bytes) -> bool:
        """As in :class:`Algorithm`. Zero, and numbers beyond the order of the curve, are refused by OpenSSL."""
        if not isinstance(key, EllipticCurvePublicKey) or len(signature) != 2 * self.size:
            return False
        first, second = (int.from_bytes(half, "big") for half in (signature[: self.size], signature[self.size :]))
        try:
            key.verify(encode_dss_signature(first, second), signed, ECDSA(self.digest))
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Edwards:
    """EdDSA over edwards25519 (RFC 8037, section 3.1)."""

    kind: str = "OKP"
    curve: str = "Ed25519"

    def verifies(self, key: PublicKey, signature: bytes, signed: bytes) -> bool:
        """As in :class:`Algorithm`."""
        if not isinstance(key, Ed25519PublicKey):
            return False
        try:
            key.verify(signature, signed)
        except InvalidSignature:
            return False
        return True


ALGORITHMS: Final[Mapping[str, Algorithm]] = MappingProxyType(
    {
        "RS256": Rsa(hashes.SHA256(), pss=False),
        "RS384": Rsa(hashes.SHA384(), pss=False),
        "RS512": Rsa(hashes.SHA512(), pss=False),
        "PS256": Rsa(hashes.SHA256(), pss=True),
        "PS384": Rsa(hashes.SHA384(), pss=True),
        "PS512": Rsa(hashes.SHA512(), pss=True),
        "ES256": Ecdsa(hashes.SHA256(), "P-256", 32),
        "ES384": Ecdsa(hashes.SHA384(), "P-384", 48),
        "ES512": Ecdsa(hashes.SHA512(), "P-521", 66),
        "EdDSA": Edwards(),
        "Ed25519": Edwards(),
    }
)
"""By the name in the header."""

SAME: Final = MappingProxyType({"Ed25519": "EdDSA"})
"""Names that mean another one's algorithm."""

USUAL: Final = ("RS256", "PS256", "ES256", "EdDSA", "Ed25519")
"""What is allowed unless somebody says otherwise."""


def unknown(names: tuple[str, ...]) -> list[str]:
    """Those of ``names`` that are no algorithm of ours."""
    return [name for name in names if name not in ALGORITHMS]
