"""Logs that grow: what is new in a file or a pipe since the last look, and what is new to tell.

A file is followed by its name: one that was renamed is read to its end beside its successor, one that was emptied from
its beginning. A line that has no end yet waits for it.
"""

from __future__ import annotations

import io
import os
import select
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import merge
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from mattegate.doctor.readers.logs.blocks import BLOCK, LONGEST
from mattegate.doctor.watch.reading import Lines
from mattegate.doctor.watch.report import Incident, incidents
from mattegate.doctor.watch.rising import Label, Rise, Seen, Watch

_MOMENT_S: Final = 0.1
"""How long the writer of a pipe may take to go on with what it has."""
_PATIENCE: Final = 60
"""Looks at a renamed file without anything new, after which its writer has let it go."""


class Growing(Protocol):
    """Something that more is written to."""

    @property
    def ended(self) -> bool:
        """Whether nothing can come any more."""

    def fresh(self) -> Iterator[bytes]:
        """Blocks of whole lines that came since the last time."""


@dataclass(slots=True)
class Joined:
    """Bytes as they come, cut at line ends."""

    _rest: bytes = b""
    _skipping: bool = False

    def lines(self, data: bytes) -> bytes:
        """The whole lines in what came so far; of one that is too long, the beginning."""
        data = self._rest + data
        if self._skipping:
            _, ending, data = data.partition(b"\n")
            self._skipping = not ending
        at = data.rfind(b"\n") + 1
        whole, self._rest = data[:at], data[at:]
        if len(self._rest) > LONGEST:
            whole, self._rest, self._skipping = whole + self._rest[:LONGEST] + b"\n", b"", True
        return whole

    def last(self) -> bytes:
        """What is left where nothing follows."""
        rest, self._rest = self._rest, b""
        return rest + b"\n" if rest else b""


@dataclass(slots=True)
class _Opened:
    file: io.FileIO
    joined: Joined = field(default_factory=Joined)
    idle: int = 0

    @property
    def identity(self) -> tuple[int, int]:
        about = os.fstat(self.file.fileno())
        return about.st_dev, about.st_ino

    def fresh(self) -> Iterator[bytes]:
        self.idle += 1
        if os.fstat(self.file.fileno()).st_size < self.file.tell():
            self.file.seek(0)
            self.joined = Joined()
        while data := self.file.read(BLOCK):
            self.idle = 0
            if whole := self.joined.lines(data):
                yield whole

    def close(self) -> Iterator[bytes]:
        self.file.close()
        if rest := self.joined.last():
            yield rest


class Tail:
    """A file by its name, through every rotation; one that is not there yet is waited for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: list[_Opened] = []

    @property
    def ended(self) -> bool:
        """Never."""
        return False

    def fresh(self) -> Iterator[bytes]:
        """What was written since the last time, to the old file first. Raises :class:`OSError`."""
        self._open()
        for opened in list(self._opened):
            yield from opened.fresh()
            if opened is not self._opened[-1] and opened.idle >= _PATIENCE:
                self._opened.remove(opened)
                yield from opened.close()

    def close(self) -> None:
        """Let go of all files."""
        for opened in self._opened:
            opened.file.close()
        self._opened.clear()

    def _open(self) -> None:
        """The file that has the name now, where it is another one."""
        try:
            about = self._path.stat()
            if self._opened and self._opened[-1].identity == (about.st_dev, about.st_ino):
                return
            self._opened.append(_Opened(io.FileIO(self._path)))
        except FileNotFoundError:
            return


class Pipe:
    """Standard input, read as far as there is anything."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._joined = Joined()
        self._ended = False

    @property
    def ended(self) -> bool:
        """Whether the writer has closed it."""
        return self._ended

    def fresh(self) -> Iterator[bytes]:
        """What came since the last time."""
        while not self._ended and self._ready():
            data = os.read(self._stream.fileno(), BLOCK)
            self._ended = not data
            if whole := self._joined.lines(data) if data else self._joined.last():
                yield whole

    def _ready(self) -> bool:
        return bool(select.select([self._stream], [], [], _MOMENT_S)[0])


@dataclass(frozen=True, slots=True)
class Change:
    """An incident that began, or one that is over."""

    incident: Incident
    began: bool


class Telling:
    """What was told already, so that each incident is told once when it begins and once when it is over."""

    def __init__(self) -> None:
        self._told: dict[Label, bool] = {}
        """Whether a rise was told as over."""

    def begin(self, rises: Iterable[Rise]) -> None:
        """What was over before anybody watched is no news."""
        self._told = {rise.label: True for rise in rises if rise.over_at is not None}

    def changes(self, rises: Sequence[Rise]) -> tuple[Change, ...]:
        """What is new since the last time. An incident that began and ended in between is told twice at once."""
        found = [change for incident in incidents(rises) for change in self._changes(incident)]
        known = {rise.label for rise in rises}
        self._told = {label: over for label, over in self._told.items() if label in known}
        return tuple(found)

    def _changes(self, incident: Incident) -> Iterator[Change]:
        """A rise may join an incident that was told, or one that was told may turn out to belong to another."""
        labels = [rise.label for rise in (incident.lead, *incident.also)]
        told = [self._told[label] for label in labels if label in self._told]
        over = incident.lead.over_at is not None
        if not told:
            yield Change(incident, began=True)
        if over and not any(told):
            yield Change(incident, began=False)
        self._told |= dict.fromkeys(labels, over or any(told))


def look(watch: Watch, logs: Iterable[tuple[Growing, Lines]]) -> None:
    """Show ``watch`` everything that is new, in the order of its times."""
    for seen in by_time((lines, source.fresh()) for source, lines in logs):
        watch.see(seen)


def by_time(logs: Iterable[tuple[Lines, Iterator[bytes]]]) -> Iterator[Seen]:
    """The lines of several logs as of one."""
    return merge(*(_seen(lines, blocks) for lines, blocks in logs), key=_at)


def _seen(lines: Lines, blocks: Iterator[bytes]) -> Iterator[Seen]:
    for block in blocks:
        yield from lines.block(block)


def _at(seen: Seen) -> float:
    return seen.at
