"""The id that every answer carries: sortable by time, unguessable, easy to read aloud."""

from __future__ import annotations

import os
import time
from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O or U."""
_PAIRS: Final = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
"""Two characters for every ten bits."""
_SHIFTS: Final = tuple(range(120, -1, -10))
"""Where they stand among the 130 bits that 26 characters hold."""


def new_request_id() -> str:
    """``req_`` and 26 characters: 48 bits of Unix milliseconds, then 80 random bits (the layout of a ULID)."""
    return format_request_id(time.time_ns() // 1_000_000, int.from_bytes(os.urandom(10)))


def format_request_id(milliseconds: int, randomness: int) -> str:
    """Spell an id from a Unix time in milliseconds (48 bits) and 80 bits of randomness."""
    value = milliseconds << 80 | randomness
    return "req_" + "".join([_PAIRS[value >> shift & 1023] for shift in _SHIFTS])
