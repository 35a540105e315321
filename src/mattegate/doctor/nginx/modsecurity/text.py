"""From the text of a rule file to its lines (``src/parser/seclang-scanner.ll``).

A line is a name and its words, as in Apache's files: a backslash at the end joins the next line on, ``#`` begins a
comment where a line begins, words stand in double quotes or bare. A line is told as a
:class:`~mattegate.doctor.nginx.directive.Directive`, with its file and the number of its first line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mattegate.doctor.nginx.directive import Directive

_WORD: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'|(\S+)', re.DOTALL)
_QUOTE: Final = re.compile(r'\\(["\'])')


def read_lines(text: str, file: str, first: int = 1) -> tuple[Directive, ...]:
    """The lines of a file whose first has the number ``first``."""
    return tuple(_line(words, file, number) for number, words in _joined(text, first))


def _joined(text: str, first: int) -> Iterator[tuple[int, str]]:
    """Lines with those that a backslash joins on, and their numbers; comments and empty ones left out."""
    held, begun = "", 0
    for number, raw in enumerate(text.split("\n"), first):
        line = raw.rstrip("\r")
        if not held:
            begun = number
            if not line.strip() or line.lstrip().startswith("#"):
                continue
        if line.endswith("\\"):
            held += line[:-1]
            continue
        yield begun, held + line
        held = ""
    if held.strip():
        yield begun, held


def _line(text: str, file: str, number: int) -> Directive:
    words = [_unquoted(found) for found in _WORD.finditer(text)]
    return Directive(words[0], tuple(words[1:]), file, number)


def _unquoted(found: re.Match[str]) -> str:
    quoted = found[1] if found[1] is not None else found[2]
    return found[3] if quoted is None else _QUOTE.sub(r"\1", quoted)
