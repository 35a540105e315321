"""One public key as JSON (RFC 7517; RFC 7518, section 6; RFC 8037), and its name by its own bytes (RFC 7638).

Certificates and addresses in a key are never followed; a private or shared key is never taken for a public one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from types import MappingProxyType
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from mattegate.signing.tokens import base64url
from mattegate.signing.tokens.algorithms import ALGORITHMS, SAME, PublicKey
from mattegate.signing.tokens.causes import SHOWN, shown
from mattegate.signing.weakness import weak_edwards, weak_rsa

_SECRET_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_CURVES: Final[Mapping[str, tuple[ec.EllipticCurve, int]]] = MappingProxyType(
    {"P-256": (ec.SECP256R1(), 32), "P-384": (ec.SECP384R1(), 48), "P-521": (ec.SECP521R1(), 66)}
)
"""The curve, and the bytes of one ordinate."""


class Unusable(ValueError):  # noqa: N818 - an outcome, not an error
    """Why a key is left out, in our own words."""


@dataclass(frozen=True, slots=True)
class JsonWebKey:
    """A public key that signatures can be verified with."""

    kid: str
    """Empty where it has none."""
    kind: str
    """``RSA``, ``EC`` or ``OKP``."""
    curve: str
    """Empty for RSA."""
    algorithm: str
    """The only one it is meant for; empty: any that fits."""
    thumbprint: str
    """RFC 7638 with SHA-256, as base64url."""
    numbers: Mapping[str, str] = field(repr=False, compare=False)
    """The members that make the key, in their one spelling."""
    public: PublicKey = field(repr=False, compare=False)

    def fits(self, algorithm: str) -> bool:
        """Whether signatures of ``algorithm`` may be verified with it."""
        known = ALGORITHMS.get(algorithm)
        if known is None or (known.kind, known.curve) != (self.kind, self.curve):
            return False
        return not self.algorithm or _one_name(self.algorithm) == _one_name(algorithm)

    def members(self) -> dict[str, str]:
        """As it is published (RFC 7517, section 4)."""
        named = {"kid": self.kid, "alg": self.algorithm}
        return {**self.numbers, "use": "sig", **{name: value for name, value in named.items() if value}}


def read_key(members: object) -> JsonWebKey:
    """Read one key; raises :class:`Unusable` for what is no sound public key for verifying signatures."""
    if not isinstance(members, dict):
        raise Unusable("not an object")
    if _SECRET_MEMBERS & members.keys():
        raise Unusable("a private or shared key")
    _check_use(members)
    kind = _text(members, "kty")
    reader = _KINDS.get(kind)
    if reader is None:
        raise Unusable(f"of kind {shown(kind)!r}")
    numbers, public = reader(members)
    kid, algorithm = _text(members, "kid"), _text(members, "alg")
    key = JsonWebKey(kid, kind, numbers.get("crv", ""), algorithm, thumbprint(numbers), numbers, public)
    if algorithm and not key.fits(algorithm):
        raise Unusable(f"for {shown(algorithm)!r}, which is no signature algorithm of such a key")
    return key


def key_of(public: PublicKey, kid: str) -> JsonWebKey:
    """A loaded public key under the name ``kid``; raises :class:`Unusable` for one that is not taken."""
    if isinstance(public, Ed25519PublicKey):
        numbers = edwards_numbers(public)
    elif isinstance(public, ec.EllipticCurvePublicKey):
        numbers = p256_numbers(public)
    else:
        modulus, exponent = public.public_numbers().n, public.public_numbers().e
        numbers = {"kty": "RSA", "n": _spelled(modulus), "e": _spelled(exponent)}
    return read_key({**numbers, "kid": kid})


def thumbprint(numbers: Mapping[str, str]) -> str:
    """SHA-256 over the required members in the order of their names, as base64url (RFC 7638, section 3)."""
    canonical = json.dumps(dict(sorted(numbers.items())), separators=(",", ":"))
    return base64url.encode(sha256(canonical.encode()).digest())


def edwards_numbers(public: Ed25519PublicKey) -> dict[str, str]:
    """The members that make an Ed25519 key."""
    return {"kty": "OKP", "crv": "Ed25519", "x": base64url.encode(public.public_bytes_raw())}


def p256_numbers(public: ec.EllipticCurvePublicKey) -> dict[str, str]:
    """The members that make a key on P-256."""
    at = public.public_numbers()
    x, y = (base64url.encode(ordinate.to_bytes(32, "big")) for ordinate in (at.x, at.y))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y}


def _check_use(members: Mapping[str, object]) -> None:
    """RFC 7517, sections 4.2 and 4.3."""
    if members.get("use", "sig") != "sig":
        raise Unusable("not for signatures (use)")
    operations = members.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise Unusable("not for verifying (key_ops)")


def _rsa(members: Mapping[str, object]) -> tuple[dict[str, str], PublicKey]:
    modulus, exponent = (int.from_bytes(_bytes(members, name), "big") for name in ("n", "e"))
    if weakness := weak_rsa(modulus, exponent):
        raise Unusable(weakness)
    numbers = {"kty": "RSA", "n": _spelled(modulus), "e": _spelled(exponent)}
    return numbers, _built(RSAPublicNumbers(exponent, modulus).public_key)


def _elliptic(members: Mapping[str, object]) -> tuple[dict[str, str], PublicKey]:
    name = _text(members, "crv")
    if name not in _CURVES:
        raise Unusable(f"on the curve {shown(name)!r}")
    curve, size = _CURVES[name]
    x, y = _bytes(members, "x"), _bytes(members, "y")
    if not len(x) == len(y) == size:
        raise Unusable("a point whose ordinates have the wrong length")
    point = ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), curve)
    numbers = {"kty": "EC", "crv": name, "x": base64url.encode(x), "y": base64url.encode(y)}
    return numbers, _built(point.public_key)


def _edwards(members: Mapping[str, object]) -> tuple[dict[str, str], PublicKey]:
    name, encoded = _text(members, "crv"), _bytes(members, "x")
    if name != "Ed25519" or len(encoded) != 32:
        raise Unusable(f"on the curve {shown(name)!r}, or of the wrong length")
    if weakness := weak_edwards(encoded):
        raise Unusable(weakness)
    return {"kty": "OKP", "crv": name, "x": base64url.encode(encoded)}, _built(
        lambda: Ed25519PublicKey.from_public_bytes(encoded)
    )


_KINDS: Final[Mapping[str, Callable[[Mapping[str, object]], tuple[dict[str, str], PublicKey]]]] = MappingProxyType(
    {"RSA": _rsa, "EC": _elliptic, "OKP": _edwards}
)


def _built(build: Callable[[], PublicKey]) -> PublicKey:
    try:
        return build()
    except (ValueError, UnsupportedAlgorithm):
        raise Unusable("a point or number that is no key") from None


def _text(members: Mapping[str, object], name: str) -> str:
    value = members.get(name, "")
    if not isinstance(value, str) or len(value) > SHOWN:
        raise Unusable(f"{name} is not a text of at most {SHOWN} characters")
    return value


def _bytes(members: Mapping[str, object], name: str) -> bytes:
    value = members.get(name)
    data = base64url.decode(value) if isinstance(value, str) else None
    if not data:
        raise Unusable(f"{name} is not base64url")
    return data


def _spelled(number: int) -> str:
    return base64url.encode(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _one_name(algorithm: str) -> str:
    return SAME.get(algorithm, algorithm)
