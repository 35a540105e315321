"""How a sentence of evidence names its place, and how one fact that stands in several places is told once.

The same event may be in a log twice, in two logs, or be quoted again further down in a thread: that it was seen several
times is worth a number, not a second sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_TOLD: Final = re.compile(r"(?P<says>.*) \((?P<place>[^()]*?)(?:, seen (?P<times>\d+) times)?\)", re.DOTALL)


def told(says: str, place: str, times: int = 1) -> str:
    """``says (place)``, with how often where that is more than once."""
    more = f", seen {times} times" if times > 1 else ""
    return f"{says} ({place}{more})"


def folded(evidence: Iterable[str]) -> tuple[str, ...]:
    """The sentences in their order, each once: with its first place, and how often it was seen at all of them."""
    found: dict[str, tuple[str, int]] = {}
    for sentence in dict.fromkeys(evidence):
        says, place, times = _parts(sentence)
        first, before = found.get(says, (place, 0))
        found[says] = (first, before + times)
    return tuple(told(says, place, times) if place else says for says, (place, times) in found.items())


def _parts(sentence: str) -> tuple[str, str, int]:
    """What it says, where, and how often; of a sentence without a place all of it is what it says."""
    parts = _TOLD.fullmatch(sentence)
    return (parts["says"], parts["place"], int(parts["times"] or 1)) if parts else (sentence, "", 1)
