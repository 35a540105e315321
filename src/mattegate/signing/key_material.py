"""Keys that signatures are made and verified with, loaded and judged before they are used.

The algorithm belongs to the key, not to the message (RFC 9421, section 3.2): whoever could choose it would have an RSA
public key taken for an HMAC secret. Weak keys are refused when they are loaded, with a sentence for their owner.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from mattegate.signing.weakness import weak_edwards, weak_rsa

LEAST_SECRET: Final = 16
"""Bytes; 128 bits (OWASP ASVS 5.0, 11.5.1)."""


class Algorithm(StrEnum):
    """Signature algorithms by their registered names (RFC 9421, section 3.3)."""

    HMAC_SHA256 = "hmac-sha256"
    ED25519 = "ed25519"
    ECDSA_P256_SHA256 = "ecdsa-p256-sha256"
    RSA_PSS_SHA512 = "rsa-pss-sha512"


class KeyMaterialError(ValueError):
    """A key that cannot or may not be used; the text says why, and never holds the key."""


AnyPublic = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey
AnyPrivate = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class HmacSecret:
    """A shared secret of at least :data:`LEAST_SECRET` bytes; raises :class:`KeyMaterialError` for a shorter one."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_secret(self.secret)

    @property
    def algorithm(self) -> Algorithm:
        """What it signs with."""
        return Algorithm.HMAC_SHA256


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key and the one algorithm that it verifies."""

    key: AnyPublic
    algorithm: Algorithm


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A private key and the one algorithm that it signs with."""

    key: AnyPrivate = field(repr=False)
    algorithm: Algorithm

    @property
    def public(self) -> PublicKey:
        """Its other half."""
        return PublicKey(self.key.public_key(), self.algorithm)


def load_public_key(data: bytes) -> PublicKey:
    """Read PEM (``PUBLIC KEY`` or ``RSA PUBLIC KEY``), or 32 bytes of Ed25519, plain or in base 64.

    Raises :class:`KeyMaterialError` for anything else, for a private key, a curve other than P-256 and a weak key.
    """
    if b"PRIVATE KEY" in data:
        raise KeyMaterialError("this is a private key; only its public half belongs on a server")
    raw = _raw_ed25519(data)
    if raw is not None:
        return public_key(ed25519.Ed25519PublicKey.from_public_bytes(raw))
    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyMaterialError("this is neither a PEM public key nor 32 bytes of Ed25519") from error
    return public_key(key)


def public_key(key: object) -> PublicKey:
    """A loaded public key with its algorithm; raises :class:`KeyMaterialError` for a kind or size that is not used."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        _check(weak_edwards(key.public_bytes_raw()))
        return PublicKey(key, Algorithm.ED25519)
    if isinstance(key, ec.EllipticCurvePublicKey):
        _check_curve(key.curve)
        return PublicKey(key, Algorithm.ECDSA_P256_SHA256)
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        _check(weak_rsa(numbers.n, numbers.e))
        return PublicKey(key, Algorithm.RSA_PSS_SHA512)
    raise KeyMaterialError("only Ed25519, P-256 and RSA keys are used")


def load_private_key(pem: bytes, password: bytes | None = None) -> PrivateKey:
    """Read a PEM private key for a client; raises :class:`KeyMaterialError` as :func:`load_public_key` does."""
    try:
        key = load_pem_private_key(pem, password)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyMaterialError("this is not a PEM private key, or the password does not open it") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise KeyMaterialError("only Ed25519, P-256 and RSA keys are used")
    return PrivateKey(key, public_key(key.public_key()).algorithm)


def check_secret(secret: bytes) -> None:
    """Raise :class:`KeyMaterialError` for a shared secret that is too short."""
    if len(secret) < LEAST_SECRET:
        raise KeyMaterialError(f"the secret has {len(secret)} bytes; at least {LEAST_SECRET} are needed")


def _raw_ed25519(data: bytes) -> bytes | None:
    if len(data) == 32:
        return data
    try:
        raw = b64decode(data.strip(), validate=True)
    except Error:
        return None
    return raw if len(raw) == 32 else None


def _check_curve(curve: ec.EllipticCurve) -> None:
    if not isinstance(curve, ec.SECP256R1):
        raise KeyMaterialError(f"the curve is {curve.name}; only P-256 (secp256r1) is used")


def _check(weakness: str) -> None:
    if weakness:
        raise KeyMaterialError(f"this is {weakness}")
