"""What the logs say of a story's requests. A log that is read from a mark on shows what came after it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_PATIENCE_S: Final = 5.0
_STEP_S: Final = 0.02


class Silent(Exception):  # noqa: N818 - the state of a log
    """A log does not get the line that it must get; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a log."""

    file: Path
    offset: int

    @classmethod
    def end_of(cls, file: Path) -> Mark:
        """Where the next line will stand."""
        return cls(file, file.stat().st_size if file.exists() else 0)

    def lines(self) -> list[str]:
        """The whole lines since then."""
        if not self.file.exists():
            return []
        with self.file.open("rb") as stream:
            stream.seek(self.offset)
            text = stream.read().decode("utf-8", "replace")
        return text[: text.rfind("\n") + 1].splitlines()

    def await_line(self, fits: Callable[[str], bool]) -> list[str]:
        """The lines since then, once one of them fits. Raises :class:`Silent`: a server logs after it answered."""
        ends = time.monotonic() + _PATIENCE_S
        while not any(map(fits, lines := self.lines())):
            if time.monotonic() > ends:
                raise Silent(f"{self.file.name} has no line for the request after {_PATIENCE_S:g} s")
            time.sleep(_STEP_S)
        return lines


def of_the_gate(lines: list[str], *, but: str) -> list[dict[str, Any]]:
    """The gate's lines, without that of one request."""
    return [line for line in map(json.loads, lines) if line["request_id"] != but]


def in_words(line: dict[str, Any]) -> str:
    """A line of the gate's log without what does not matter here."""
    told = ("method", "path", "status", "reason", "problem")
    return " ".join(str(line[name]) for name in told if line.get(name))
