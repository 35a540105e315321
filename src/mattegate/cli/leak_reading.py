"""Reads files of any size and kind for leaked keys, in pieces that overlap, so that memory stays bounded.

Bytes are read as Latin-1, which no byte is beyond and in which a key looks like itself; UTF-16 by its mark.
"""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Final

from mattegate.signing.leaks import Leak, find_whole_keys

PIECE: Final = 1 << 20
OVERLAP: Final = 1 << 12
"""Longer than a key in any spelling: what lies across the end of a piece is whole in the next one."""
MOST: Final = 1 << 33
"""Bytes of one file: some that the system makes up never end."""
_KEPT: Final = 4_096
"""Findings remembered, so that those in an overlap are told once."""


@dataclass(frozen=True, slots=True)
class Found:
    """A key somewhere."""

    place: str
    leak: Leak
    text: str = field(repr=False)


def files_below(paths: Iterable[Path], unreadable: Callable[[str, str], None]) -> Iterator[Path]:
    """Ordinary files, sorted; links are not followed but where they are named."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        walk = os.walk(path, onerror=lambda error: unreadable(str(error.filename), error.strerror or ""))
        for folder, folders, names in walk:
            folders.sort()
            yield from (Path(folder, name) for name in sorted(names) if _is_plain(Path(folder, name)))


def _is_plain(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return True  # whoever opens it says what is wrong


def keys_in(stream: BinaryIO, place: str, prefixes: Iterable[str], read: Callable[[int], None]) -> Iterator[Found]:
    """Every key, once a line, in their order. ``read`` is told how many bytes were read. Raises ``OSError``."""
    known = tuple(prefixes)
    told: dict[tuple[int, str], None] = {}
    for line, text in _pieces(stream, read):
        for leak, whole in find_whole_keys(text, known):
            where = (line + leak.line - 1, whole)
            if where not in told:
                told[where] = None
                if len(told) > _KEPT:
                    del told[next(iter(told))]
                yield Found(place, replace(leak, line=where[0]), whole)


def _pieces(stream: BinaryIO, read: Callable[[int], None]) -> Iterator[tuple[int, str]]:
    """Pieces of text, each with the number of its first line."""
    first = stream.read(PIECE)
    decode = _decoder(first)
    line, before, taken, block = 1, "", 0, first
    while block and taken < MOST:
        taken += len(block)
        read(len(block))
        text = before + decode(block)
        yield line, text
        before = text[-OVERLAP:]
        line += text.count("\n", 0, len(text) - len(before))
        block = stream.read(PIECE)


def _decoder(first: bytes) -> Callable[[bytes], str]:
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return codecs.getincrementaldecoder("utf-16")("replace").decode
    return codecs.getincrementaldecoder("latin-1")().decode
