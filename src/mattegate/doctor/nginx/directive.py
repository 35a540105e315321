"""One directive of a configuration, with the place it stands in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_BARE: Final = re.compile(r"(?:[A-Za-z0-9_./:=$~^*@%+,?!|()\[\]-]|\\[^\"'\\trn\s;{}])+")
_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@dataclass(frozen=True, slots=True)
class Directive:
    """``name args…;`` or ``name args… { block }``. Includes are already in the place of their ``include``."""

    name: str
    args: tuple[str, ...]
    """Without quotes and escapes, as nginx sees them; variables are not expanded. Of an ``if``, the whole condition
    with its parentheses taken off. Of ``*_by_lua_block``, the code."""
    file: str
    line: int
    block: tuple[Directive, ...] | None = None
    """``None`` for a simple directive."""

    @property
    def text(self) -> str:
        """One line, as it could stand in the file; a block only by its head."""
        words = " ".join(map(spelled, (self.name, *self.args)))
        return words + (";" if self.block is None else " { … }")

    @property
    def children(self) -> tuple[Directive, ...]:
        """The block's directives; none of a simple one."""
        return self.block or ()

    def named(self, *names: str) -> Iterator[Directive]:
        """The children of these names, in their order."""
        return (child for child in self.children if child.name in names)

    def walk(self) -> Iterator[Directive]:
        """This one and everything inside, in the order of the file."""
        yield self
        for child in self.children:
            yield from child.walk()


def spelled(word: str) -> str:
    """A word as nginx must find it to read exactly this word, on one line."""
    if _BARE.fullmatch(word):
        return word
    return '"' + "".join(_ESCAPES.get(char, char) for char in word) + '"'
