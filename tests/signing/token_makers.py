"""An issuer that signs whatever a test wants, right or wrong, with ``cryptography`` and none of our own code."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from mattegate.signing.tokens.key_set import KeySet, read_key_set
from mattegate.signing.tokens.rules import TokenRules

ISSUER = "https://id.example"
AUDIENCE = "https://api.example"
NOW = 1_800_000_000.0
RULES = TokenRules(ISSUER, (AUDIENCE,))


def b64(data: bytes) -> str:
    """Base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def segment(members: object) -> str:
    """A header or payload as a segment; texts go in as they are."""
    return b64(members.encode() if isinstance(members, str) else json.dumps(members).encode())


def claims(**changed: object) -> dict[str, object]:
    """Good claims, with some changed, and those that are ``...`` left out."""
    usual: dict[str, object] = {
        "iss": ISSUER, "sub": "user-7", "aud": AUDIENCE, "exp": NOW + 300, "iat": NOW - 10, "jti": "t-1",
        "client_id": "shop", "scope": "bg.cutout",
    }  # fmt: skip
    return {name: value for name, value in {**usual, **changed}.items() if value is not ...}


@dataclass(frozen=True)
class Signer:
    """A key pair of the issuer's."""

    algorithm: str
    kid: str
    jwk: dict[str, str]
    sign: Callable[[bytes], bytes]
    pem_source: object = None

    def token(self, payload: object = None, header: Mapping[str, object] | None = None) -> str:
        """A signed token; entries of ``header`` replace the usual ones, ``...`` takes one away."""
        usual = {"alg": self.algorithm, "kid": self.kid, "typ": "at+jwt", **(header or {})}
        first = {name: value for name, value in usual.items() if value is not ...}
        return self.signed(segment(first), segment(claims() if payload is None else payload))

    def signed(self, first: str, second: str) -> str:
        """Two segments and the signature over them."""
        signed = f"{first}.{second}"
        return f"{signed}.{b64(self.sign(signed.encode()))}"

    @property
    def keys(self) -> KeySet:
        """Its published key."""
        return published(self.jwk)


def published(*keys: Mapping[str, object]) -> KeySet:
    """A key set as an issuer publishes it."""
    return read_key_set(json.dumps({"keys": list(keys)}).encode())


def number(value: int, size: int = 0) -> str:
    """A number as base64url."""
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


@lru_cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """An RSA key, made once a run."""
    return rsa.generate_private_key(65537, bits)


def rsa_signer(algorithm: str = "RS256", kid: str = "rsa-1", bits: int = 2048) -> Signer:
    """A signer with RSA."""
    key = rsa_key(bits)
    public = key.public_key().public_numbers()
    digest: hashes.HashAlgorithm = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[
        algorithm[2:]
    ]
    pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
    fill = pss if algorithm.startswith("PS") else padding.PKCS1v15()
    jwk = {"kty": "RSA", "n": number(public.n), "e": number(public.e), "kid": kid}
    return Signer(algorithm, kid, jwk, lambda signed: key.sign(signed, fill, digest), key)


def ec_signer(algorithm: str = "ES256", kid: str = "ec-1", secret: int = 7) -> Signer:
    """A signer with ECDSA."""
    curve, name, size, digest = {
        "ES256": (ec.SECP256R1(), "P-256", 32, hashes.SHA256()),
        "ES384": (ec.SECP384R1(), "P-384", 48, hashes.SHA384()),
        "ES512": (ec.SECP521R1(), "P-521", 66, hashes.SHA512()),
    }[algorithm]
    key = ec.derive_private_key(secret, curve)
    at = key.public_key().public_numbers()
    jwk = {"kty": "EC", "crv": name, "x": number(at.x, size), "y": number(at.y, size), "kid": kid}

    def sign(signed: bytes) -> bytes:
        der = key.sign(signed, ec.ECDSA(digest))
        return b"".join(half.to_bytes(size, "big") for half in decode_dss_signature(der))

    return Signer(algorithm, kid, jwk, sign, key)


def ed_signer(algorithm: str = "EdDSA", kid: str = "ed-1", seed: bytes = b"\7" * 32) -> Signer:
    """A signer with Ed25519."""
    key = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64(key.public_key().public_bytes_raw()), "kid": kid}
    return Signer(algorithm, kid, jwk, key.sign, key)


def hmac_token(secret: bytes, algorithm: str = "HS256", **header: object) -> str:
    """A token signed with a shared secret."""
    signed = f"{segment({'alg': algorithm, 'typ': 'at+jwt', **header})}.{segment(claims())}"
    return f"{signed}.{b64(hmac.digest(secret, signed.encode(), 'sha256'))}"
