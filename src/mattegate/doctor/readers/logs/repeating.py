"""A search in many texts at once, of which most say what others said: each word is searched for once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import compress
from typing import Final

_MASK: Final = bytes(ord("0") if ord("0") <= byte <= ord("9") else byte for byte in range(256))
_SHOWN: Final = 512
"""Texts that show whether the same ones come again."""
_WORDS_TRIED: Final = 64


def found_in_each(texts: Sequence[bytes], pattern: re.Pattern[bytes]) -> list[bool]:
    """Whether a pattern of lower-case letters is found in each text, in any case of letters.

    What it finds holds of any text with the same words in it, but for numbers of three digits, which stand alone.
    """
    block = b"\n".join(texts).lower()
    shown = {text.translate(_MASK) for text in texts[:_SHOWN]}
    if len(shown) * 2 > min(len(texts), _SHOWN):
        return _by_words(block.split(b"\n"), pattern)
    masked = block.translate(_MASK).split(b"\n")
    distinct = list(set(masked))
    found = dict(zip(distinct, _by_words(distinct, pattern), strict=True))
    low = block.split(b"\n")
    return [found[mask] or pattern.search(text) is not None for mask, text in zip(masked, low, strict=True)]


def _by_words(texts: Sequence[bytes], pattern: re.Pattern[bytes]) -> list[bool]:
    found, left = [False] * len(texts), list(range(len(texts)))
    for _ in range(_WORDS_TRIED):
        if not left:
            return found
        said = pattern.search(texts[0])
        found[left[0]] = said is not None
        word = _word(said, texts[0]) if said is not None else b""
        hits = [word in text for text in texts] if word else [False] * len(texts)
        for place in compress(left, hits):
            found[place] = True
        hits[0] = True
        missed = [not hit for hit in hits]
        left, texts = list(compress(left, missed)), list(compress(texts, missed))
    for place, text in zip(left, texts, strict=True):
        found[place] = pattern.search(text) is not None
    return found


def _word(said: re.Match[bytes], text: bytes) -> bytes:
    """What was found, if it is found wherever it stands: a number with its neighbours, and not without."""
    if not said[0].isdigit():
        return said[0]
    return text[said.start() - 1 : said.end() + 1] if said.start() > 0 and said.end() < len(text) else b""
