"""The files of ``policies.folder``: which policies stand in them, where each begins, and what it is called.

Rules of this file: it tells policies from each other and knows nothing else of Cedar, which needs a library that may
not be there. A policy ends with ``;`` outside of strings and comments. Its id is its annotation ``@id("…")``, or else
the name of the file, with a number where the file holds several. Files are read in the order of their names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from mattegate.config.document import Lines, Place
from mattegate.config.faults import Fault
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
"""What tells that files have changed: name, time of change in nanoseconds, size and inode of each, after those of the
folder, whose time tells that one is gone. The time is the file system's, which no copying program can set back."""


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


@dataclass(frozen=True, slots=True)
class PolicyFiles:
    """What stands in the files, and what is wrong with them: ids are unique among the sources."""

    sources: tuple[PolicySource, ...]
    faults: tuple[Fault, ...]


def read_policies(folder: Path) -> PolicyFiles:
    """Every policy of every file in ``folder``, as far as it can be read.

    A folder without a policy is at fault, because nothing would be judged then.
    """
    faults: list[Fault] = []
    sources: dict[str, PolicySource] = {}
    for file in _files(folder, faults):
        for source in _sources(file, faults):
            first = sources.setdefault(source.policy.id, source)
            if first is not source:
                faults.append(_twice(source, first))
    if not sources and not faults:
        faults.append(_fault(folder, f"there is no policy in it: no file *{SUFFIX} that holds one", _FIRST))
    if len(sources) > _MOST:
        faults.append(_fault(folder, f"{len(sources)} policies are more than {_MOST}"))
    return PolicyFiles(tuple(sources.values()), tuple(faults))


def stamp_of(folder: Path) -> Stamp:
    """The files as they are now; empty where the folder cannot be read."""
    try:
        states = [(file.name, file.stat()) for file in (folder, *sorted(folder.glob(f"*{SUFFIX}")))]
    except OSError:
        return ()
    return tuple(
        (name, max(state.st_ctime_ns, state.st_mtime_ns), state.st_size, state.st_ino) for name, state in states
    )


def changed_at(stamp: Stamp) -> float:
    """When any of it changed last, in Unix seconds."""
    return max((changed for _, changed, *_ in stamp), default=0) / 1e9


_FIRST: Final = "write one, such as: permit (principal, action, resource); or remove policies.folder"


def _files(folder: Path, faults: list[Fault]) -> list[Path]:
    if not folder.is_dir():
        faults.append(_fault(folder, "there is no such folder", "make it, or remove policies.folder"))
        return []
    try:
        return sorted(file for file in folder.iterdir() if file.suffix == SUFFIX and not file.name.startswith("."))
    except OSError as error:
        faults.append(_fault(folder, error.strerror or str(error)))
        return []


def _sources(file: Path, faults: list[Fault]) -> Iterator[PolicySource]:
    text = _text(file, faults)
    lines, statements = Lines(text), list(_statements(text))
    for number, statement in enumerate(statements, 1):
        name = statement.id or (file.stem if len(statements) == 1 else f"{file.stem}-{number}")
        place = lines.place(statement.start)
        if statement.text.endswith(";"):
            yield PolicySource(PolicyText(name, statement.text), file, place)
        else:
            faults.append(_fault(file, "a policy ends with ;", "write ; behind its last } or )", place))


def _text(file: Path, faults: list[Fault]) -> str:
    """Its text; none, and a fault, where it has none."""
    if file.is_fifo():  # would be waited for
        faults.append(_fault(file, "it is a pipe", "a policy stands in a plain file"))
        return ""
    try:
        with file.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
        if len(content) <= _LARGEST:
            return content.decode("utf-8-sig").replace("\r\n", "\n")
        faults.append(_fault(file, f"more than {_LARGEST} bytes: these are not policies"))
    except OSError as error:
        faults.append(_fault(file, error.strerror or str(error)))
    except UnicodeDecodeError as error:
        place = Place(content.count(b"\n", 0, error.start) + 1, 1)
        faults.append(_fault(file, "it is not UTF-8", "save the file as UTF-8", place))
    return ""


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


def _twice(source: PolicySource, first: PolicySource) -> Fault:
    problem = f"the policy at {first.file.name}:{first.place.line} has this id too"
    fix = 'give one of them another: @id("NAME")'
    return _fault(source.file, problem, fix, source.place, f"policy {source.policy.id}")


def _fault(file: Path, problem: str, fix: str = "", place: Place | None = None, setting: str = SETTING) -> Fault:
    return Fault(setting, str(file), problem, place.line if place else None, place.column if place else None, fix)
