"""Public keys that prove nothing, because anybody may have the private one or does not need it."""

from __future__ import annotations

from math import prod
from typing import Final

LEAST_BITS: Final = 2048
"""NIST SP 800-131A; RFC 7518, section 3.3."""
MOST_BITS: Final = 8192
MOST_EXPONENT_BITS: Final = 64
"""Longer numbers make one verification dear and have no use."""

_FIELD: Final = 2**255 - 19
_ORDER_8: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL: Final = frozenset({0, 1, _FIELD - 1, _ORDER_8, _FIELD - _ORDER_8})
"""The ordinates of the eight points of edwards25519 whose order divides 8."""

_PRIMES: Final = tuple(n for n in range(3, 168) if all(n % d for d in range(2, n)))


def weak_rsa(modulus: int, exponent: int) -> str:
    """What is wrong with an RSA key; empty: nothing that can be seen."""
    bits = modulus.bit_length()
    if not LEAST_BITS <= bits <= MOST_BITS:
        return f"an RSA key of {bits} bits ({LEAST_BITS} to {MOST_BITS} are taken)"
    if exponent < 3 or exponent % 2 == 0 or exponent.bit_length() > MOST_EXPONENT_BITS:
        return "an RSA key with an unfit exponent"
    if modulus % 2 == 0 or _from_roca(modulus):
        return "an RSA key that can be factored"
    return ""


def weak_edwards(encoded: bytes) -> str:
    """What is wrong with an Ed25519 key (32 bytes, RFC 8032, section 5.1.2); empty: nothing.

    Under a point of small order one signature fits many texts.
    """
    ordinate = int.from_bytes(encoded, "little") & (2**255 - 1)
    if ordinate >= _FIELD:
        return "an Ed25519 key that is not in its one spelling"
    return "an Ed25519 key of small order" if ordinate in _SMALL else ""


def _powers(prime: int) -> frozenset[int]:
    """What 65537 generates modulo ``prime``."""
    return frozenset(pow(65537, exponent, prime) for exponent in range(1, prime))


_GENERATED: Final = {prime: _powers(prime) for prime in _PRIMES}
_PRODUCT: Final = prod(_PRIMES)


def _from_roca(modulus: int) -> bool:
    """Whether it has the mark of CVE-2017-15361: a power of 65537 modulo every small prime.

    Nemec, Sys, Svenda, Klinec, Matyas: The Return of Coppersmith's Attack (CCS 2017), section 2.
    """
    rest = modulus % _PRODUCT
    return all(rest % prime in generated for prime, generated in _GENERATED.items())
