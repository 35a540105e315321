"""Keys that signatures are verified with: what is taken, what is refused, and in which words."""

from __future__ import annotations

from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from mattegate.signing.key_material import (
    Algorithm,
    AnyPublic,
    HmacSecret,
    KeyMaterialError,
    load_private_key,
    load_public_key,
    public_key,
)

ED25519 = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
P256 = ec.derive_private_key(12345, ec.SECP256R1())
RAW = ED25519.public_key().public_bytes_raw()


def public_pem(key: AnyPublic) -> bytes:
    """As ``openssl pkey -pubout`` writes it."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def private_pem(key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | dsa.DSAPrivateKey) -> bytes:
    """As ``openssl genpkey`` writes it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    ("data", "algorithm"),
    [
        (RAW, Algorithm.ED25519),
        (b64encode(RAW) + b"\n", Algorithm.ED25519),
        (public_pem(ED25519.public_key()), Algorithm.ED25519),
        (public_pem(P256.public_key()), Algorithm.ECDSA_P256_SHA256),
    ],
)
def test_a_public_key_brings_its_algorithm(data: bytes, algorithm: Algorithm) -> None:
    """Whatever it is written in."""
    assert load_public_key(data).algorithm is algorithm


def test_rsa_keys_have_a_least_and_a_most_length() -> None:
    """2048 bits are taken, 1024 are weak, and 16384 would make every verification dear."""
    modulus = (1 << 2047) + 1
    assert public_key(rsa.RSAPublicNumbers(65537, modulus).public_key()).algorithm is Algorithm.RSA_PSS_SHA512
    for bits in (1024, 16384):
        other = rsa.RSAPublicNumbers(65537, (1 << bits - 1) + 1).public_key()
        with pytest.raises(KeyMaterialError, match=f"{bits} bits"):
            load_public_key(public_pem(other))


def test_keys_under_which_anybody_can_sign_are_none() -> None:
    """A point of small order, in bytes or in PEM; an exponent so long that a verification takes seconds."""
    point = bytes([1, *bytes(31)])
    weak = [point, b64encode(point), public_pem(ed25519.Ed25519PublicKey.from_public_bytes(point))]
    weak.append(public_pem(rsa.RSAPublicNumbers((1 << 2040) + 1, (1 << 2047) + 1).public_key()))
    for data in weak:
        with pytest.raises(KeyMaterialError, match=r"small order|unfit exponent"):
            load_public_key(data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "neither"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "neither"),
        (private_pem(ED25519), "private key"),
        (public_pem(ec.derive_private_key(7, ec.SECP384R1()).public_key()), "secp384r1"),
    ],
)
def test_other_keys_are_refused_in_words(data: bytes, words: str) -> None:
    """A private key above all, which should never have come here."""
    with pytest.raises(KeyMaterialError, match=words):
        load_public_key(data)


def test_private_keys_are_for_clients() -> None:
    """They load with their algorithm, and their other half verifies; ``repr`` shows neither key nor secret."""
    loaded = load_private_key(private_pem(P256))
    assert loaded.public.algorithm is Algorithm.ECDSA_P256_SHA256
    assert "key" not in repr(loaded).replace("PrivateKey", "")
    with pytest.raises(KeyMaterialError, match="not a PEM"):
        load_private_key(b"nothing")
    dsa_key = dsa.generate_private_key(1024)
    with pytest.raises(KeyMaterialError, match="only Ed25519"):
        load_private_key(private_pem(dsa_key))


def test_secrets_are_long_enough_and_never_shown() -> None:
    """Sixteen bytes at least."""
    secret = HmacSecret(b"x" * 16)
    assert secret.algorithm is Algorithm.HMAC_SHA256
    assert "xxx" not in repr(secret)
    for short in (b"", b"abc", b"x" * 15):
        with pytest.raises(KeyMaterialError, match=rf"has {len(short)} bytes"):
            HmacSecret(short)
