"""Plain keys from elsewhere as people keep them: one a line, or a configuration with an ``api_keys:`` list.

Nothing that stands in such a file is ever repeated; faults name lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from mattegate.config.document import Document, Unreadable
from mattegate.config.faults import ConfigurationError, Fault
from mattegate.config.toml_text import read_toml
from mattegate.config.yaml_text import read_yaml

LARGEST: Final = 4_000_000
"""Bytes; some fifty thousand keys."""

_LIST: Final = "api_keys"
_YAML: Final = re.compile(rf"^{_LIST}[ \t]*:", re.MULTILINE)
_TOML: Final = re.compile(rf"^{_LIST}[ \t]*=", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Listed:
    """One key and the line it stands in."""

    line: int
    text: str = field(repr=False)


def read_list(content: bytes, origin: str) -> list[Listed]:
    """The keys of a file. Raises :class:`ConfigurationError` with the place of what cannot be read."""
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
        if _YAML.search(text):
            return list(_of_document(read_yaml(text)))
        return list(_of_document(read_toml(text)) if _TOML.search(text) else _of_lines(text))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigurationError([Fault(_LIST, origin, "not UTF-8", line, fix="save the file as UTF-8")]) from None
    except Unreadable as error:
        place = error.place
        fault = Fault(_LIST, origin, error.problem, place.line if place else None, fix=error.fix)
        raise ConfigurationError([fault]) from None


def _of_lines(text: str) -> Iterator[Listed]:
    for number, line in enumerate(text.split("\n"), 1):
        key = line.strip()
        if key and not key.startswith("#"):
            yield Listed(number, key.removeprefix("- ").strip().strip("\"'"))


def _of_document(document: Document) -> Iterator[Listed]:
    values = document.values[_LIST]
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        place = document.keys.get((_LIST,))
        raise Unreadable("it must be a list of keys, each in quotes", place, '- "KEY" on a line of its own')
    for index, value in enumerate(values):
        place = document.places.get((_LIST, index))
        yield Listed(place.line if place else 0, value)
