"""A look at patterns: whether a group that repeats has something repeated inside that can match the same text again."""

from __future__ import annotations

import re
from typing import Final

from mattegate.doctor.signatures.literals import TOKEN

_REPEATS: Final = re.compile(r"(?:[*+]|\{\d*,\d*\})[?+]?")
_MANY: Final = re.compile(r"(?:[*+]|\{\d*,\}|\{\d*,?\d{3,}\})[?+]?")


def nested_quantifier(pattern: str) -> bool:
    """``(a+)+`` and its like; a group that repeats a few times only, such as ``(a+)?`` or ``(a+){1,3}``, is none."""
    repeated = [False]
    closed = False
    for token in TOKEN.findall(pattern):
        if closed and _MANY.fullmatch(token):
            return True
        repeated[-1] |= _REPEATS.fullmatch(token) is not None
        closed = False
        if token.startswith("(") and not token.endswith(")"):
            repeated.append(False)
        elif token == ")":
            closed = repeated.pop()
            repeated[-1] |= closed
    return False
