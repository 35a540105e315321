"""The id that every answer carries: sortable by time, unguessable, easy to read aloud."""

from __future__ import annotations

import os
import time
from functools import lru_cache
from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O or U."""
_PAIRS: Final = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
"""Two characters for every ten bits."""
_LETTERS: Final = (_ALPHABET * 8).encode()
"""A character for every byte, by its lowest five bits."""


def new_request_id() -> str:
    """``req_`` and 26 characters: 48 bits of Unix milliseconds, then 80 random bits (the layout of a ULID)."""
    return format_request_id(time.time_ns() // 1_000_000, os.urandom(16))


def format_request_id(milliseconds: int, randomness: bytes) -> str:
    """Spell an id from a Unix time in milliseconds (48 bits) and 16 random bytes, of which it takes five bits each."""
    return f"req_{_second(milliseconds >> 10)}{_PAIRS[milliseconds & 1023]}{randomness.translate(_LETTERS).decode()}"


@lru_cache(maxsize=2)
def _second(about: int) -> str:
    """The first 38 bits, which are the same for 1,024 milliseconds."""
    return "".join([_PAIRS[about >> shift & 1023] for shift in (30, 20, 10, 0)])
