"""Lines as one text, to search them all at once: each with a fence behind it.

A set of one character that is excluded (``[^"]*``) is searched several times as fast as one of two. A field that ends
with a quote, a comma or a bracket need not exclude the line's end as well where one of each stands before it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_FENCE: Final = b',"[]'
"""A text that goes on up to a comma ends before it; so the comma comes first."""
FENCE: Final = re.escape(_FENCE)
"""The pattern of what stands before a line's end."""
BEHIND_QUOTE: Final = re.escape(_FENCE.partition(b'"')[2])
"""The rest of it behind its quote."""


def fenced(lines: Sequence[bytes]) -> bytes:
    """The text; a line end in it is the end of one of ``lines``, if they have none in them."""
    return (_FENCE + b"\n").join(lines) + _FENCE


def text_before(tail: bytes) -> bytes:
    """The pattern of a text that goes on to a comma with ``tail`` behind it, or to the end of the line."""
    return rb"[^,]*+(?:,(?!%s|%s$)[^,]*+)*+" % (tail, re.escape(_FENCE[1:]))
