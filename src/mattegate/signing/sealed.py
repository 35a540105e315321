"""Request ids that tell by themselves when and why a request was refused, for when there is no room for its record.

A sealed id is spelled like every other one: ``req_`` and 26 characters of Crockford's base 32, which are 48 bits of
Unix milliseconds and 80 more bits. In an ordinary id those are random; here they are 16 bits that number the reason and
64 bits of HMAC-SHA-256 over time and number. Nobody without the key can tell the two kinds apart or forge the second.
Two refusals for one reason in one millisecond share an id: it says the same of both.
"""

from __future__ import annotations

import hmac
import re
from hashlib import sha256
from types import MappingProxyType
from typing import Final

from mattegate.vocabulary.reasons import REASONS

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES: Final = MappingProxyType({letter: value for value, letter in enumerate(_ALPHABET)})
_ID: Final = re.compile(f"req_([0-7][{_ALPHABET}]{{25}})")
_LABEL: Final = b"mattegate sealed request id 1\0"
"""Keeps these MACs apart from any other use of the key."""


def seal(at_ms: int, reason_number: int, key: bytes) -> str:
    """Spell an id that tells time and reason.

    Raises ``OverflowError`` for a time beyond 48 bits or a number beyond 16, and for negative ones.
    """
    told = at_ms.to_bytes(6, "big") + reason_number.to_bytes(2, "big")
    return _spell(told + _mac(told, key))


def unseal(request_id: str, key: bytes) -> tuple[int, int] | None:
    """Time in Unix milliseconds and number of the reason; ``None`` for ids that were not sealed with ``key``."""
    if not (found := _ID.fullmatch(request_id)):
        return None
    data = _read(found[1])
    told, mac = data[:8], data[8:]
    if not hmac.compare_digest(mac, _mac(told, key)):
        return None
    return int.from_bytes(told[:6], "big"), int.from_bytes(told[6:], "big")


def reason_number(code: str) -> int:
    """The 16 bits that stand for a code: the first two bytes of its SHA-256, so that no table needs to be kept."""
    return int.from_bytes(sha256(code.encode()).digest()[:2], "big")


def reason_of(number: int) -> str | None:
    """The code of the catalogue with that number; ``None`` where there is none."""
    return _CODES.get(number)


_CODES: Final = MappingProxyType({reason_number(code): code for code in REASONS})


def _mac(told: bytes, key: bytes) -> bytes:
    return hmac.digest(key, _LABEL + told, "sha256")[:8]


def _spell(data: bytes) -> str:
    value = int.from_bytes(data, "big")
    return "req_" + "".join(_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))


def _read(letters: str) -> bytes:
    value = 0
    for letter in letters:
        value = value << 5 | _VALUES[letter]
    return value.to_bytes(16, "big")
