"""API keys of our own making: minting, checksum, and the digest that is kept in their stead.

A key reads ``<prefix><public id>_<secret><checksum>``: 12, 32 and 6 characters of base 62. The id finds the key without
search, the 190 bits of the secret cannot be guessed, and the checksum (CRC-32 of everything before it) tells a mistyped
key from an unknown one without a look-up: it sees every change of one character.

Keys are random, so a keyed hash keeps them as well as a slow one would, at a thousandth of the price (OWASP ASVS 5.0,
6.5.2 asks for 112 bits).
"""

from __future__ import annotations

import hmac
import re
import secrets
from binascii import crc32
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from mattegate.vocabulary.secrets import Pepper, Peppers

__all__ = [
    "ALPHABET",
    "BODY",
    "BODY_LENGTH",
    "DUMMY",
    "Minted",
    "Pepper",
    "Peppers",
    "checksum",
    "digest_key",
    "id_of",
    "matches",
    "mint",
    "mint_signing",
]

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""Base 62 in the order of ASCII."""

_ID, _SECRET, _CHECKSUM = 12, 32, 6

BODY_LENGTH: Final = _ID + 1 + _SECRET + _CHECKSUM
"""What follows the prefix."""

BODY: Final = re.compile(rf"([0-9A-Za-z]{{{_ID}}})_[0-9A-Za-z]{{{_SECRET + _CHECKSUM}}}")
"""What follows the prefix; group 1 is the public id."""

DUMMY: Final = bytes(32)
"""Compared against where there is no such key, so that the answer takes as long."""

_PREFIX = re.compile(r"[A-Za-z][0-9A-Za-z_-]{0,30}[_-]")
_PAIRS: Final = tuple(first + second for first in ALPHABET for second in ALPHABET)
"""Two digits of base 62 for every number below 3844."""
_UNBIASED = len(ALPHABET) * (256 // len(ALPHABET))


@dataclass(frozen=True, slots=True)
class Minted:
    """A new key; ``text`` is shown once and kept nowhere."""

    id: str
    text: str = field(repr=False)


def mint(prefix: str, entropy: Callable[[int], bytes] = secrets.token_bytes) -> Minted:
    """Make a key from ``entropy``, which answers with as many random bytes as it is asked for.

    Raises ``ValueError`` for a prefix that is not 2 to 32 ASCII letters, digits, ``-`` and ``_`` with one of the last
    two at the end, and for an ``entropy`` that gives too little.
    """
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(f"the prefix {prefix!r} must be letters and digits, and end with _ or -")
    drawn = _draw(_ID + _SECRET, entropy)
    text = f"{prefix}{drawn[:_ID]}_{drawn[_ID:]}"
    return Minted(drawn[:_ID], text + checksum(text))


SIGNING_PREFIX: Final = "mgsign_"
"""How the secrets of signing keys begin, so that scanners know one where it leaked."""


def mint_signing(entropy: Callable[[int], bytes] = secrets.token_bytes) -> Minted:
    """A signing key: its public id, and a secret of 256 bits that is used as it is written, in ASCII."""
    return Minted(_draw(_ID, entropy), SIGNING_PREFIX + _draw(43, entropy))


def checksum(text: str) -> str:
    """CRC-32 of ASCII ``text`` in six digits of base 62; raises ``UnicodeEncodeError`` for other text."""
    value, last = divmod(crc32(text.encode("ascii")), len(_PAIRS))
    first, middle = divmod(value, len(_PAIRS))
    return _PAIRS[first] + _PAIRS[middle] + _PAIRS[last]


def id_of(text: str) -> str | None:
    """The public id of a key whose shape and checksum are right, under whatever prefix; ``None`` for other text."""
    found = BODY.fullmatch(text, max(0, len(text) - BODY_LENGTH))
    if found is None or not text.isascii() or checksum(text[:-_CHECKSUM]) != text[-_CHECKSUM:]:
        return None
    return found[1]


def digest_key(text: str, pepper: Pepper) -> bytes:
    """HMAC-SHA-256 over the whole key as UTF-8; 32 bytes. Takes any text."""
    mac = _keyed(pepper.secret).copy()
    mac.update(text.encode("utf-8", "surrogatepass"))
    return mac.digest()


@lru_cache(maxsize=16)
def _keyed(secret: bytes) -> hmac.HMAC:
    """An HMAC that has taken in its key and nothing else: half the work, and the same for every request."""
    return hmac.new(secret, digestmod="sha256")


def matches(text: str, digest: bytes | None, pepper: Pepper) -> bool:
    """Whether ``text`` is the key that ``digest`` was kept of.

    ``None`` stands for a key that does not exist: the same work is done and the answer is no, so that neither time nor
    answer tells whether an id is known. Ask with the current pepper then.
    """
    equal = hmac.compare_digest(digest_key(text, pepper), DUMMY if digest is None else digest)
    return equal and digest is not None


def _draw(count: int, entropy: Callable[[int], bytes]) -> str:
    """``count`` characters of base 62, each as likely as any other: bytes beyond the last whole 62 are left out."""
    drawn = ""
    while len(drawn) < count:
        wanted = 2 * (count - len(drawn))
        given = entropy(wanted)
        if len(given) < wanted:
            raise ValueError("the source of randomness gave too few bytes")
        drawn += "".join(ALPHABET[byte % len(ALPHABET)] for byte in given if byte < _UNBIASED)
    return drawn[:count]
