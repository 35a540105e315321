"""The rules that a line of nginx brings in: ``modsecurity_rules``, ``…_file`` and ``…_remote``, with their includes.

Names in a rule file count from the folder of that file; a name in nginx's own line counts from the folder that nginx
was started in, which no configuration tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from mattegate.doctor.nginx.finding import MOST_BYTES, MOST_FILES, Lookup, Unread
from mattegate.doctor.nginx.modsecurity.text import read_lines

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive

_INCLUDES: Final = frozenset({"include", "includeoptional"})
_DEEPEST: Final = 16


class RuleFiles:
    """Reads rules, each file where it may be read."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._bytes = self._files = 0

    def lines(self, source: Directive) -> tuple[Directive, ...]:
        """The lines that ``source`` brings in. Raises :class:`Unread` where any of them cannot be had."""
        if source.name == "modsecurity_rules_remote":
            raise Unread(f"rules of {' '.join(source.args[1:])}: they are another machine's")
        text = source.args[0] if source.args else ""
        if source.name == "modsecurity_rules":
            return tuple(self._expanded(read_lines(text, source.file, source.line), "", 0))
        if not text.startswith("/"):
            raise Unread(f"{text}: the folder that nginx is started in is not known")
        return tuple(self._of_files(text, 0))

    def _of_files(self, name: str, depth: int) -> Iterator[Directive]:
        if depth > _DEEPEST:
            raise Unread(f"{name}: files that include files more than {_DEEPEST} deep")
        for file, text in self._lookup(name):
            self._bytes += len(text)
            self._files += 1
            if self._files > MOST_FILES or self._bytes > MOST_BYTES:
                raise Unread(f"{file}: there is too much before it")
            yield from self._expanded(read_lines(text, file), str(PurePosixPath(file).parent), depth)

    def _expanded(self, lines: tuple[Directive, ...], folder: str, depth: int) -> Iterator[Directive]:
        for line in lines:
            if line.name.lower() not in _INCLUDES or not line.args:
                yield line
                continue
            name = line.args[0]
            if not name.startswith("/") and not folder:
                raise Unread(f"{name}: the folder that nginx is started in is not known")
            yield from self._of_files(name if name.startswith("/") else f"{folder}/{name}", depth + 1)
