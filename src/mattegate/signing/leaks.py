"""Finds keys of ours where they should not stand: in sources, logs, URLs, JSON, ``.env`` files and Basic headers.

What is kept of a request goes through :func:`hide_keys` first: a key that was pasted into a path, a parameter or any
other header than its own is a secret there too.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

from mattegate.signing.keys import id_of

_BODY = r"([0-9A-Za-z]{12})(?:_|%5[Ff])[0-9A-Za-z]{38}"
_BASE64 = re.compile(r"[A-Za-z0-9+/]{68,}={0,2}")
"""Long enough for a key; keys themselves have an underscore and so are no such run."""


_LEAST_BODY: Final = 8
"""Characters behind a known prefix that may be a key …"""
_LEAST_REST: Final = 30
"""… and behind an id whose prefix was lost."""

_REST: Final = re.compile(rf"_[0-9A-Za-z]{{{_LEAST_REST}}}")

HIDDEN: Final = "********"
"""Stands for what may be the secret of a key."""


@dataclass(frozen=True, slots=True)
class Leak:
    """One key that was found; nothing of its secret."""

    line: int
    """From 1."""
    column: int
    """From 1, in characters; of the whole run where the key was inside base 64."""
    prefix: str
    key_id: str
    checksum_ok: bool
    """Whether it is a key beyond doubt; otherwise it has the shape of one, perhaps with a mistake or as an example."""
    shown: str
    """The key with its secret masked, fit for reports."""


def find_whole_keys(text: str, prefixes: Iterable[str]) -> Iterator[tuple[Leak, str]]:
    """Every key in ``text`` that begins with one of ``prefixes``, in the order of lines; linear in its length.

    Each comes with the key itself, for whoever takes it back; nothing to be shown.
    """
    pattern = _pattern(prefixes)
    if pattern is None:
        return
    for number, line in enumerate(text.split("\n"), 1):
        yield from _plain(line, number, pattern)
        for run in _BASE64.finditer(line):
            yield from _encoded(run[0], number, run.start() + 1, pattern)


def hide_keys(text: str, prefixes: tuple[str, ...]) -> str:
    """``text`` without anything that may be a key: what follows one of ``prefixes``, in whatever case, and whatever
    looks like the rest of a key whose prefix was lost. Never longer than ``text``.
    """
    hiding = _hiding(prefixes)
    if len(text) < hiding.shortest:
        return text
    lower = text.lower()
    if not _REST.search(text) and not any(beginning in lower for beginning in hiding.beginnings):
        return text
    return hiding.pattern.sub(_hidden, text)


def _hidden(found: re.Match[str]) -> str:
    return (found[1] or "") + HIDDEN


@dataclass(frozen=True, slots=True)
class _Hiding:
    """What to look for, and what tells most texts at a glance that it is not in them."""

    pattern: re.Pattern[str]
    shortest: int
    """Characters; nothing shorter holds a key."""
    beginnings: tuple[str, ...]
    """The prefixes in small letters."""


@lru_cache(maxsize=16)
def _hiding(prefixes: tuple[str, ...]) -> _Hiding:
    known = sorted((prefix for prefix in prefixes if prefix), key=len, reverse=True)
    spelled = "|".join(map(re.escape, known))
    bare = rf"(?<![0-9A-Za-z])[0-9A-Za-z]{{12}}_[0-9A-Za-z]{{{_LEAST_REST},}}"
    pattern = rf"({spelled})[0-9A-Za-z_-]{{{_LEAST_BODY},}}|{bare}" if spelled else f"()(?:{bare})"
    return _Hiding(
        re.compile(pattern, re.IGNORECASE),
        shortest=min([12 + 1 + _LEAST_REST, *(len(prefix) + _LEAST_BODY for prefix in known)]),
        beginnings=tuple(prefix.lower() for prefix in known),
    )


def _pattern(prefixes: Iterable[str]) -> re.Pattern[str] | None:
    known = sorted({prefix for prefix in prefixes if prefix}, key=len, reverse=True)
    if not known:
        return None
    spelled = (re.escape(prefix).replace("_", "(?:_|%5[Ff])").replace(r"\-", "(?:-|%2[Dd])") for prefix in known)
    return re.compile(f"({'|'.join(spelled)}){_BODY}")


def _plain(line: str, number: int, pattern: re.Pattern[str]) -> Iterator[tuple[Leak, str]]:
    for found in pattern.finditer(line):
        whole = unquote(found[0])
        sure = id_of(whole) is not None
        # A wrong checksum in the middle of a longer word is chance; a right one is a key whatever stands around it.
        if sure or not (_within_word(line, found.start() - 1) or _within_word(line, found.end())):
            prefix = unquote(found[1])
            shown = f"{prefix}{found[2]}_{'*' * 8}"
            yield Leak(number, found.start() + 1, prefix, found[2], sure, shown), whole


def _within_word(line: str, at: int) -> bool:
    return 0 <= at < len(line) and (line[at].isalnum() or line[at] == "_")


def _encoded(run: str, number: int, column: int, pattern: re.Pattern[str]) -> Iterator[tuple[Leak, str]]:
    """Keys inside base 64 whose beginning may be up to three characters into the run (``Basic%20c2tf…``)."""
    letters = run.rstrip("=")
    for offset in range(4):
        for leak, whole in _plain(_decoded(letters[offset:]), number, pattern):
            yield Leak(number, column, leak.prefix, leak.key_id, leak.checksum_ok, leak.shown), whole


def _decoded(letters: str) -> str:
    """The bytes as Latin-1, which no byte is beyond; a last letter that makes no byte is left out."""
    whole = letters[: len(letters) - (len(letters) % 4 == 1)]
    return a2b_base64(whole + "=" * (-len(whole) % 4)).decode("latin-1")
