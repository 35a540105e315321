"""The memory of a batch: a JSON-lines file in the output folder, from which an interrupted batch goes on.

1. One line per run says with what options (their fingerprint) the lines after it were made; one line per file says
   what became of it. The last line about a file counts.
2. Lines are only ever appended and reach the operating system at once, so ``kill -9`` loses no line; they reach the
   disk at least every second, so a power failure loses little. A last line that was torn is cut off.
3. A file is not made again while its size, its time and the options are the same and its cut-out still stands.
4. Whoever writes holds a lock on the file; a second batch with the same manifest is refused.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final

from mattegate.cutout.files.faults import unreadable, unwritable
from mattegate.cutout.files.plan import Listing
from mattegate.cutout.files.tasks import Done, Failed, Outcome, Skipped, Task, Why
from mattegate.vocabulary.options import CutoutOptions
from mattegate.vocabulary.refusal import Refusal

NAME: Final = "mattegate-batch.jsonl"
FORMAT: Final = 1
SYNC_EVERY_S: Final = 1.0


def fingerprint(options: CutoutOptions, background: bytes | None = None) -> str:
    """A digest of everything that was asked for; other options make other cut-outs."""
    asked = asdict(options) | {"background_sha256": hashlib.sha256(background).hexdigest() if background else None}
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one file; ``source`` and ``target`` are relative to the two folders of the batch."""

    source: str
    size: int
    mtime_ns: int
    target: str
    status: str
    """``done`` or ``failed``."""
    reason: str | None
    detail: str | None
    milliseconds: float | None
    model: str | None


@dataclass(frozen=True, slots=True)
class Remembered:
    """A line and the fingerprint of the run it belongs to."""

    line: Line
    fingerprint: str


@dataclass(frozen=True, slots=True)
class History:
    """What a manifest tells: the last word on every file, and how many bytes of it are whole lines."""

    lines: Mapping[str, Remembered]
    whole_bytes: int


def read_history(path: Path) -> History:
    """Read a manifest, also while a batch is writing to it; a missing one is empty.

    Raises :class:`Refusal` ``file.manifest`` naming the line that cannot be understood, ``file.unreadable``.
    """
    try:
        with path.open("rb") as file:
            return _read(file, path)
    except FileNotFoundError:
        return History({}, 0)
    except OSError as error:
        raise unreadable(path, error) from error


def _read(file: Iterable[bytes], path: Path) -> History:
    lines: dict[str, Remembered] = {}
    current, whole = "", 0
    for number, raw in enumerate(file, start=1):
        if not raw.endswith(b"\n"):
            break
        record = _record(raw, number, path)
        if "mattegate_batch" in record:
            current = str(record.get("fingerprint", ""))
        else:
            line = _line(record, number, path)
            lines[line.source] = Remembered(line, current)
        whole += len(raw)
    return History(lines, whole)


def _record(raw: bytes, number: int, path: Path) -> dict[str, Any]:
    try:
        record = json.loads(raw)
    except ValueError as error:
        raise Refusal("file.manifest", path=str(path), line=number, problem=f"not JSON ({error})") from None
    if not isinstance(record, dict) or record.get("mattegate_batch", FORMAT) != FORMAT:
        raise Refusal("file.manifest", path=str(path), line=number, problem="made by another version")
    return record


def _line(record: dict[str, Any], number: int, path: Path) -> Line:
    missing = [field.name for field in fields(Line) if field.name not in record]
    if missing:
        raise Refusal("file.manifest", path=str(path), line=number, problem=f"it lacks {', '.join(missing)}")
    return Line(**{field.name: record[field.name] for field in fields(Line)})


class Manifest:
    """A batch's manifest, open and locked for writing; a context manager.

    Entering raises :class:`Refusal` ``file.batch_in_use``, ``file.manifest`` or ``file.unwritable``.
    """

    def __init__(self, folder: Path, *, run: Mapping[str, object], clock: Callable[[], float] = time.monotonic) -> None:
        """``run`` is told in the line that opens this run and holds at least ``fingerprint``."""
        self._path = folder / NAME
        self._folder = folder
        self._run = run
        self._clock = clock
        self._synced = clock()
        self._file: BinaryIO
        self.history = History({}, 0)

    def __enter__(self) -> Manifest:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab")
            self._lock()
        except OSError as error:
            raise unwritable(self._path, error) from error
        try:
            self.history = read_history(self._path)
            self._file.truncate(self.history.whole_bytes)
            self._append({"mattegate_batch": FORMAT, **self._run})
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sync()
        self._file.close()

    def record(self, outcome: Outcome) -> None:
        """Append one line; what was skipped has its line already, and what never was a file gets none."""
        if isinstance(outcome, Skipped) or outcome.task is None or outcome.task.stamp is None:
            return
        self._append(asdict(self._line(outcome, outcome.task)))
        if self._clock() - self._synced >= SYNC_EVERY_S:
            self._sync()

    def settle(
        self, tasks: Iterable[Task | Failed], listing: Listing, *, retry: bool
    ) -> Iterator[Task | Skipped | Failed]:
        """Let through what is still to be done."""
        for task in tasks:
            why = self._settled(task, listing, retry=retry) if isinstance(task, Task) else None
            yield Skipped(task, why) if isinstance(task, Task) and why else task

    def _settled(self, task: Task, listing: Listing, *, retry: bool) -> Why | None:
        known = self.history.lines.get(task.name)
        if known is None or not self._same(known, task):
            return None
        if known.line.status == "done":
            return Why.DONE if listing.exists(task.target) else None
        return None if retry else Why.FAILED

    def _same(self, known: Remembered, task: Task) -> bool:
        stamp, line = task.stamp, known.line
        assert stamp is not None
        then = (known.fingerprint, line.size, line.mtime_ns, line.target)
        return then == (self._run["fingerprint"], stamp.size, stamp.mtime_ns, self._relative(task.target))

    def _line(self, outcome: Done | Failed, task: Task) -> Line:
        assert task.stamp is not None
        refusal = outcome.refusal if isinstance(outcome, Failed) else None
        return Line(
            source=task.name,
            size=task.stamp.size,
            mtime_ns=task.stamp.mtime_ns,
            target=self._relative(task.target),
            status="failed" if refusal else "done",
            reason=refusal.reason.code if refusal else None,
            detail=refusal.detail if refusal else None,
            milliseconds=outcome.milliseconds if isinstance(outcome, Done) else None,
            model=outcome.report.model if isinstance(outcome, Done) else None,
        )

    def _relative(self, target: Path) -> str:
        return target.relative_to(self._folder).as_posix()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise Refusal("file.batch_in_use", path=str(self._path)) from None

    def _append(self, record: Mapping[str, object]) -> None:
        try:
            self._file.write(json.dumps(record).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise unwritable(self._path, error) from error

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._synced = self._clock()
