"""The page that a configuration is written on: its lines, where each came from, and what is to be said about them.

Every word is spelled anew, so that no argument can end a directive or begin one; what is left out is told once a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from mattegate.doctor.nginx.directive import Directive, spelled
from mattegate.doctor.prove.allowed import HARMLESS

EMPTY: Final = "$mattegate_empty"
"""A variable without a value, so that nginx makes an address anew for each request."""
_ZONE: Final = re.compile(r"(zone=[^:]+):(\d+)([kKmM]?)")
_MOST_ZONE: Final = 1_048_576
_MOST_SENTENCES: Final = 60
_OTHER_PASS_SETTING: Final = re.compile(r"(fastcgi|uwsgi|scgi|grpc|memcached)_\w+")


class Page:
    """One configuration on its way to being written."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._places: list[Directive | None] = []
        self._said: dict[str, None] = {}
        self._unchecked: dict[str, None] = {}
        self._left_out: dict[str, tuple[int, str]] = {}
        self._harmless: dict[str, None] = {}
        self.names: list[tuple[str, str]] = []
        """What was put into the configuration, and what it stands for."""

    @property
    def text(self) -> str:
        """The file."""
        return "\n".join(self._lines) + "\n"

    @property
    def places(self) -> tuple[Directive | None, ...]:
        """Of each line, what it was made from."""
        return tuple(self._places)

    @property
    def substitutions(self) -> tuple[str, ...]:
        """What stands in for what, as sentences."""
        return tuple(self._said)

    @property
    def not_checked(self) -> tuple[str, ...]:
        """What the experiment cannot show, as sentences."""
        return (*self._unchecked, *self._left_out_sentences())[:_MOST_SENTENCES]

    def write(self, line: str, origin: Directive | None) -> None:
        """One line; ``origin``: what it was made from."""
        self._lines.append(line)
        self._places.append(origin)

    def plain(self, directive: Directive) -> None:
        """A directive as it is; of a block, an empty one."""
        end = ";" if directive.block is None else " { }"
        self.write(" ".join([directive.name, *map(spelled, directive.args)]) + end, directive)

    def zone(self, directive: Directive) -> None:
        """A directive whose ``zone=name:size`` is bounded."""
        args = tuple(_ZONE.sub(_bounded, arg) if arg.startswith("zone=") else arg for arg in directive.args)
        self.plain(replace(directive, args=args))

    def say(self, sentence: str) -> None:
        """Tell that something stands in for something else."""
        self._said[sentence] = None

    def doubt(self, sentence: str) -> None:
        """Tell what the experiment cannot show."""
        self._unchecked[sentence] = None

    def leave_out(self, directive: Directive) -> None:
        """Tell that a directive is not part of the experiment."""
        if directive.name in HARMLESS:
            self._harmless[directive.name] = None
            return
        found = _OTHER_PASS_SETTING.fullmatch(directive.name)
        name = f"{found[1]}_…" if found else _short(directive.name)
        if directive.name == "include":
            name = f"include {_short(' '.join(directive.args))}"
        count, first = self._left_out.get(name, (0, place(directive)))
        self._left_out[name] = (count + 1, first)

    def _left_out_sentences(self) -> Iterator[str]:
        for name, (count, first) in self._left_out.items():
            more = f" and {count - 1} more" if count > 1 else ""
            yield f"{name} ({first}{more}) is left out of the experiment"
        if self._harmless:
            names = ", ".join(self._harmless)
            yield f"left out, as they do not decide how a request is answered: {names}"


def place(directive: Directive) -> str:
    """``file:line``; only the file where a line means nothing."""
    return f"{directive.file}:{directive.line}" if directive.line else directive.file


def _bounded(found: re.Match[str]) -> str:
    size = int(found[2][:12]) * {"k": 1024, "m": 1_048_576}.get(found[3].lower(), 1)
    return found[0] if size <= _MOST_ZONE else f"{found[1]}:{_MOST_ZONE}"


def _short(text: str) -> str:
    shown = "".join(char if char.isprintable() else "�" for char in text[:80])
    return shown + ("…" if len(text) > 80 else "")
