"""Finds keys of ours where they should not stand: in sources, logs, URLs, JSON, ``.env`` files and Basic headers."""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from mattegate.signing.keys import id_of

_BODY = r"([0-9A-Za-z]{12})(?:_|%5[Ff])[0-9A-Za-z]{38}"
_BASE64 = re.compile(r"[A-Za-z0-9+/]{68,}={0,2}")
"""Long enough for a key; keys themselves have an underscore and so are no such run."""


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


def find_keys(text: str, prefixes: Iterable[str]) -> Iterator[Leak]:
    """Every key in ``text`` that begins with one of ``prefixes``, in the order of lines; linear in its length."""
    pattern = _pattern(prefixes)
    if pattern is None:
        return
    for number, line in enumerate(text.split("\n"), 1):
        yield from _plain(line, number, pattern)
        for run in _BASE64.finditer(line):
            yield from _encoded(run[0], number, run.start() + 1, pattern)


def _pattern(prefixes: Iterable[str]) -> re.Pattern[str] | None:
    known = sorted({prefix for prefix in prefixes if prefix}, key=len, reverse=True)
    if not known:
        return None
    spelled = (re.escape(prefix).replace("_", "(?:_|%5[Ff])").replace(r"\-", "(?:-|%2[Dd])") for prefix in known)
    return re.compile(f"({'|'.join(spelled)}){_BODY}")


def _plain(line: str, number: int, pattern: re.Pattern[str]) -> Iterator[Leak]:
    for found in pattern.finditer(line):
        sure = id_of(unquote(found[0])) is not None
        # A wrong checksum in the middle of a longer word is chance; a right one is a key whatever stands around it.
        if sure or not (_within_word(line, found.start() - 1) or _within_word(line, found.end())):
            prefix = unquote(found[1])
            yield Leak(number, found.start() + 1, prefix, found[2], sure, f"{prefix}{found[2]}_{'*' * 8}")


def _within_word(line: str, at: int) -> bool:
    return 0 <= at < len(line) and (line[at].isalnum() or line[at] == "_")


def _encoded(run: str, number: int, column: int, pattern: re.Pattern[str]) -> Iterator[Leak]:
    """Keys inside base 64 whose beginning may be up to three characters into the run (``Basic%20c2tf…``)."""
    letters = run.rstrip("=")
    for offset in range(4):
        for leak in _plain(_decoded(letters[offset:]), number, pattern):
            yield Leak(number, column, leak.prefix, leak.key_id, leak.checksum_ok, leak.shown)


def _decoded(letters: str) -> str:
    """The bytes as Latin-1, which no byte is beyond; a last letter that makes no byte is left out."""
    whole = letters[: len(letters) - (len(letters) % 4 == 1)]
    return a2b_base64(whole + "=" * (-len(whole) % 4)).decode("latin-1")
