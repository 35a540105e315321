"""Sizes and times as a configuration writes them."""

from __future__ import annotations

from typing import Final

_FACTORS: Final = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def size(text: str) -> int:
    """``10m`` in bytes; -1 for what is no size."""
    text = text.strip().lower()
    factor = _FACTORS.get(text[-1:], 1)
    digits = text.rstrip("kmg") if factor > 1 else text
    return int(digits) * factor if digits.isdecimal() else -1
