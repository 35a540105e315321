"""Making and verifying the bytes of a signature (RFC 9421, section 3.3), each algorithm with its own key."""

from __future__ import annotations

import hmac
from functools import cache
from hashlib import shake_256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA512

from mattegate.signing.key_material import AnyPublic, HmacSecret, PrivateKey, PublicKey, public_key

_ECDSA: Final = ec.ECDSA(SHA256())
_PSS: Final = padding.PSS(padding.MGF1(SHA512()), salt_length=64)
_COORDINATE: Final = 32
_DUMMY_SECRET: Final = HmacSecret(bytes(32))


def verifies(key: HmacSecret | PublicKey, text: bytes, signature: bytes) -> bool:
    """Whether ``signature`` is one of ``key`` over ``text``."""
    if isinstance(key, HmacSecret):
        return verifies_mac(key.secret, text, signature)
    try:
        _verify(key.key, text, signature)
    except InvalidSignature:
        return False
    return True


def verifies_mac(secret: bytes, text: bytes, tag: bytes) -> bool:
    """Whether ``tag`` is the whole HMAC-SHA-256 of ``text``: a shortened one is none."""
    return hmac.compare_digest(hmac.digest(secret, text, "sha256"), tag)


def make_signature(key: HmacSecret | PrivateKey, text: bytes) -> bytes:
    """A signature of ``key`` over ``text``."""
    if isinstance(key, HmacSecret):
        return hmac.digest(key.secret, text, "sha256")
    if isinstance(key.key, ed25519.Ed25519PrivateKey):
        return key.key.sign(text)
    if isinstance(key.key, ec.EllipticCurvePrivateKey):
        pair = decode_dss_signature(key.key.sign(text, _ECDSA))
        return b"".join(number.to_bytes(_COORDINATE, "big") for number in pair)
    return key.key.sign(text, _PSS, SHA512())


def waste_as_much(algorithm: str, text: bytes, signature: bytes) -> None:
    """Do the work of verifying with a key that does not exist, so that time does not tell that it does not.

    Without a stated algorithm the length of the signature says what its sender believes the key to be.
    """
    by_length = {32: "hmac-sha256", 64: "ed25519"}.get(len(signature), "rsa-pss-sha512")
    verifies(_dummies().get(algorithm or by_length, _DUMMY_SECRET), text, signature)


def _verify(key: AnyPublic, text: bytes, signature: bytes) -> None:
    if isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, text)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(_der(signature), text, _ECDSA)
    else:
        key.verify(signature, text, _PSS, SHA512())


def _der(signature: bytes) -> bytes:
    """From two coordinates of equal length (section 3.3.4)."""
    if len(signature) != 2 * _COORDINATE:
        raise InvalidSignature
    first, second = signature[:_COORDINATE], signature[_COORDINATE:]
    return encode_dss_signature(int.from_bytes(first, "big"), int.from_bytes(second, "big"))


@cache
def _dummies() -> dict[str, PublicKey]:
    """One public key of each kind that nobody has: points and a modulus that are picked, not made from secrets."""
    modulus = int.from_bytes(shake_256(b"mattegate: nobody's modulus").digest(256), "big") | 1 << 2047 | 1
    keys = (
        ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key(),
        ec.derive_private_key(1, ec.SECP256R1()).public_key(),
        rsa.RSAPublicNumbers(65537, modulus).public_key(),
    )
    return {loaded.algorithm: loaded for loaded in map(public_key, keys)}
