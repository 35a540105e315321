"""The catalogue of causes: every code that a finding can carry, as data, one file a part of the way.

``FILE.toml`` holds tables ``["code"]`` with ``layer``, ``title``, ``meaning``, ``remedy``, ``check`` and ``cite``; the
sentences may name facts in braces. A page of documentation is generated from each entry.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Formatter
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote

from mattegate.doctor.answer import Layer

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._~:/?#@%+,=&\[\]-]|^-")
"""``&`` and ``?`` stay, because facts stand in quotes; a leading hyphen would be taken for an option."""
_SENTENCES: Final = ("title", "meaning", "remedy", "check")


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that can be wrong."""

    code: str
    """``topic.detail``; never renamed."""
    layer: Layer
    title: str
    """One sentence without a full stop; facts in braces."""
    meaning: str
    """What happens and why, for its page; no facts."""
    remedy: str
    """What to do; facts in braces."""
    check: str
    """A command that shows more; facts in braces; may be empty."""
    cite: str
    """The documentation, source file or RFC section that says so."""
    title_zh: str
    remedy_zh: str

    @property
    def anchor(self) -> str:
        """The name of its page."""
        return self.code.replace(".", "-").replace("_", "-")

    def said(self, sentence: str, facts: Mapping[str, str]) -> str:
        """``sentence`` (``title``, ``remedy`` or ``check``) with its facts; a fact that is not known keeps its name."""
        safe = {name: in_command(value) for name, value in facts.items()} if sentence == "check" else facts
        return str(getattr(self, sentence)).format_map(_Known(safe))


def in_command(value: str) -> str:
    """A fact as it may stand in a command that somebody copies: whatever a shell could take for more is escaped."""
    return _UNSAFE.sub(lambda found: quote(found[0], safe=""), value)


class _Known(dict[str, str]):
    """Facts, where one that is missing is told by its name: a finding must not fail for want of a word."""

    def __missing__(self, name: str) -> str:
        return f"<{name}>"


class BadCatalogue(Exception):  # noqa: N818 - our own data is wrong
    """A file of the catalogue breaks its rules."""


@cache
def causes() -> Mapping[str, Cause]:
    """Every cause by its code. Raises :class:`BadCatalogue`."""
    found: dict[str, Cause] = {}
    for name, table in _tables():
        for code, entry in table.items():
            if code in found:
                raise BadCatalogue(f"{name}: {code} stands in two files")
            found[code] = _cause(code, entry, name)
    return MappingProxyType(found)


def _tables() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted(files(__package__).iterdir(), key=lambda file: file.name):
        if file.name.endswith(".toml"):
            yield file.name, tomllib.loads(file.read_text("utf-8"))


def _cause(code: str, entry: Mapping[str, str], name: str) -> Cause:
    try:
        cause = Cause(
            code=code,
            layer=Layer(entry["layer"]),
            title=entry["title"],
            meaning=entry["meaning"].strip(),
            remedy=entry["remedy"].strip(),
            check=entry.get("check", "").strip(),
            cite=entry["cite"],
            title_zh=entry["title_zh"],
            remedy_zh=entry["remedy_zh"].strip(),
        )
    except (KeyError, ValueError) as error:
        raise BadCatalogue(f"{name}: {code}: {error}") from error
    for sentence in _SENTENCES:
        _parse(getattr(cause, sentence), f"{name}: {code}: {sentence}")
    return cause


def _parse(text: str, what: str) -> None:
    try:
        list(Formatter().parse(text))
    except ValueError as error:
        raise BadCatalogue(f"{what}: {error}") from error
