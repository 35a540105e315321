"""The id that every answer carries: sortable by time, unguessable, easy to read aloud."""

from __future__ import annotations

import secrets
import time
from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O or U."""


def new_request_id() -> str:
    """``req_`` and 26 characters: 48 bits of Unix milliseconds, then 80 random bits (the layout of a ULID)."""
    milliseconds = time.time_ns() // 1_000_000
    return format_request_id(milliseconds, secrets.randbits(80))


def format_request_id(milliseconds: int, randomness: int) -> str:
    """Spell an id from a Unix time in milliseconds (48 bits) and 80 bits of randomness."""
    value = milliseconds << 80 | randomness
    return "req_" + "".join(_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))
