"""The files of ``policies.folder``: which policies stand in them, where each begins, and what it is called.

Rules of this file: it tells policies from each other and knows nothing else of Cedar, which needs a library that may
not be there. A policy ends with ``;`` outside of strings and comments. Its id is its annotation ``@id("…")``, or else
the name of the file, with a number where the file holds several. Files are read in the order of their names.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from mattegate.config.document import Lines, Place
from mattegate.config.faults import ConfigurationError, Fault
from mattegate.vocabulary.rulebook import PolicyText

SUFFIX: Final = ".cedar"
SETTING: Final = "policies.folder"

_LARGEST: Final = 1_000_000
"""Bytes of a file; far more than any policies."""
_MOST: Final = 1_000
"""Policies; far more than anybody can oversee."""

_TOKEN: Final = re.compile(
    r'(?P<blank>\s+|//[^\n]*)|@id\s*\(\s*(?P<id>"(?:[^"\\]|\\.)*")\s*\)|(?P<string>"(?:[^"\\]|\\.)*")|(?P<end>;)|[^\s"/;@]+|.',
    re.DOTALL,
)

Stamp = tuple[tuple[str, int, int, int], ...]
"""What tells that files have changed: name, time of change in nanoseconds, size and inode of each."""


@dataclass(frozen=True, slots=True)
class PolicySource:
    """One policy and where it stands."""

    policy: PolicyText
    file: Path
    place: Place
    """Where its first word stands."""

    def place_of(self, word: str) -> Place:
        """Where ``word`` stands first within the policy; the policy's own place where it does not."""
        found = re.search(rf"(?<!\w){re.escape(word)}(?!\w)", self.policy.text) if word else None
        if found is None:
            return self.place
        line, column = Lines(self.policy.text).place(found.start())
        return Place(self.place.line + line - 1, column + (self.place.column - 1 if line == 1 else 0))


class _Statement(NamedTuple):
    text: str
    start: int
    id: str
    """Of its annotation; empty without one."""


def read_policies(folder: Path) -> tuple[PolicySource, ...]:
    """Every policy of every file in ``folder``.

    Raises :class:`~mattegate.config.faults.ConfigurationError` with everything that is wrong with the files: none at
    all, too large, not UTF-8, an id twice. A folder without a policy is a fault, because nothing would be judged then.
    """
    faults: list[Fault] = []
    sources: list[PolicySource] = []
    for file in _files(folder):
        try:
            sources += _sources(file)
        except ConfigurationError as error:
            faults += error.faults
    faults += _twice(sources)
    if not sources and not faults:
        faults.append(_fault(folder, f"there is no policy in it: no file *{SUFFIX} that holds one", _FIRST))
    if len(sources) > _MOST:
        faults.append(_fault(folder, f"{len(sources)} policies are more than {_MOST}"))
    if faults:
        raise ConfigurationError(faults)
    return tuple(sources)


def stamp_of(folder: Path) -> Stamp:
    """The files as they are now; empty where the folder cannot be read."""
    try:
        states = [(file.name, file.stat()) for file in sorted(folder.glob(f"*{SUFFIX}"))]
    except OSError:
        return ()
    return tuple((name, state.st_mtime_ns, state.st_size, state.st_ino) for name, state in states)


_FIRST: Final = "write one, such as: permit (principal, action, resource); or remove policies.folder"


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ConfigurationError([_fault(folder, "there is no such folder", "make it, or remove policies.folder")])
    try:
        return sorted(file for file in folder.iterdir() if file.suffix == SUFFIX and not file.name.startswith("."))
    except OSError as error:
        raise ConfigurationError([_fault(folder, error.strerror or str(error))]) from None


def _sources(file: Path) -> Iterator[PolicySource]:
    text = _text(file)
    lines, statements = Lines(text), list(_statements(text))
    for number, statement in enumerate(statements, 1):
        name = statement.id or (file.stem if len(statements) == 1 else f"{file.stem}-{number}")
        place = lines.place(statement.start)
        if not statement.text.endswith(";"):
            raise ConfigurationError([_fault(file, "a policy ends with ;", "write ; behind its last }", place)])
        yield PolicySource(PolicyText(name, statement.text), file, place)


def _text(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise ConfigurationError([_fault(file, error.strerror or str(error))]) from None
    except UnicodeDecodeError as error:
        place = Place(content.count(b"\n", 0, error.start) + 1, 1)
        raise ConfigurationError([_fault(file, "it is not UTF-8", "save the file as UTF-8", place)]) from None
    if len(content) > _LARGEST:
        raise ConfigurationError([_fault(file, f"more than {_LARGEST} bytes: these are not policies")])
    return text.replace("\r\n", "\n")


def _statements(text: str) -> Iterator[_Statement]:
    """Each from its first word to its ``;``, and what is left behind the last one, if anything is."""
    start, name = -1, ""
    last = 0
    for token in _TOKEN.finditer(text):
        if token["blank"]:
            continue
        start = token.start() if start < 0 else start
        last = token.end()
        if token["id"]:
            name = name or _plain(token["id"])
        elif token["end"]:
            yield _Statement(text[start:last], start, name)
            start, name = -1, ""
    if start >= 0:
        yield _Statement(text[start:last], start, name)


def _plain(literal: str) -> str:
    """What a string literal says; as it stands where it has escapes that only Cedar knows."""
    try:
        return str(json.loads(literal))
    except ValueError:
        return literal[1:-1]


def _twice(sources: list[PolicySource]) -> Iterator[Fault]:
    times = Counter(source.policy.id for source in sources)
    first: dict[str, PolicySource] = {}
    for source in sources:
        name = source.policy.id
        if times[name] > 1 and first.setdefault(name, source) is not source:
            other = f"{first[name].file.name}:{first[name].place.line}"
            problem = f"the policy at {other} has this id too"
            yield _fault(source.file, problem, 'give one of them another: @id("NAME")', source.place, f"policy {name}")


def _fault(file: Path, problem: str, fix: str = "", place: Place | None = None, setting: str = SETTING) -> Fault:
    return Fault(setting, str(file), problem, place.line if place else None, place.column if place else None, fix)
