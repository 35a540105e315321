"""Turns what curl's ``--trace-ascii`` writes into the lines of ``-v``."""

from __future__ import annotations

import re
from typing import Final

_MOST_CHARS: Final = 65_536


class Dump:
    """One trace: sections of numbered rows."""

    _SECTION: Final = re.compile(r"(=>|<=) (Send|Recv) (header|data|SSL data), \d+ bytes.*")
    _ROW: Final = re.compile(r"[0-9a-f]{4,8}: ?(.*)")
    _WIDTH: Final = 64

    def __init__(self) -> None:
        self._mark: str | None = None
        self._kept = ""

    def undone(self, line: str) -> str | None:
        """The line as ``-v`` would have it; ``None`` where there is nothing yet."""
        if line.startswith("== Info: "):
            return f"* {line[9:]}"
        if (section := self._SECTION.fullmatch(line)) is not None:
            marks = {"=>": "> ", "<=": "< "} if section[3] == "header" else {"<=": ""}
            self._mark = marks.get(section[1]) if section[3] != "SSL data" else None
            return None
        row = self._ROW.fullmatch(line)
        if row is None:
            return line
        return None if self._mark is None else self._joined(row[1])

    def _joined(self, text: str) -> str | None:
        """A row of full width goes on in the next one."""
        self._kept += text
        if len(text) >= self._WIDTH and len(self._kept) < _MOST_CHARS and self._mark:
            return None
        whole, self._kept = f"{self._mark}{self._kept}", ""
        return whole
