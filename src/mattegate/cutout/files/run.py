"""Tasks in, outcomes out, as fast as the engine takes them and never more in hand than it can use.

A refusal of one picture is that picture's outcome. A refusal that the next picture would meet just the same (the
model, the options, a full disk) ends the run: it is raised instead of being told once per file.
"""

from __future__ import annotations

import asyncio
import os
import stat
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mattegate.config.settings import MB, UploadSettings
from mattegate.cutout.engine.protocol import Cutout, Engine, Job, Priority
from mattegate.cutout.files.faults import unreadable, unwritable
from mattegate.cutout.files.tasks import Done, Failed, Outcome, Task
from mattegate.cutout.files.writing import write_whole
from mattegate.cutout.probe import check_upload
from mattegate.vocabulary.options import CutoutOptions
from mattegate.vocabulary.refusal import Refusal

_SAME_FOR_ALL: Final = frozenset(
    {"model", "option", "request.option", "file.disk_full", "engine.unavailable", "capacity.draining"}
)
"""Layers and reasons that do not depend on the picture."""

_PORTION: Final = 256


@dataclass(frozen=True, slots=True)
class Work:
    """What is done to every picture of a run; ``background`` holds an encoded image when the options name one."""

    options: CutoutOptions
    limits: UploadSettings
    background: bytes | None = None
    deadline_s: float = 3_600.0
    """Nobody waits at a counter: the queue in front of the engine is our own."""


@asynccontextmanager
async def running(engine: Engine) -> AsyncIterator[Engine]:
    """An engine that was started and that is drained whatever happens."""
    await engine.start()
    try:
        yield engine
    finally:
        await engine.drain()


def read_image(path: Path, limits: UploadSettings) -> bytes:
    """The bytes of a file that is not over the limit; one that is is never read.

    Pipes and devices are refused, because nobody knows whether they ever end.

    Raises :class:`Refusal` ``upload.too_large`` or ``file.unreadable``.
    """
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise Refusal("file.unreadable", path=str(path), problem="it is no regular file (a pipe is read by -)")
            if status.st_size <= limits.max_bytes:
                return file.read(limits.max_bytes + 1)  # no more even of a file that grows, or hides its size
    except OSError as error:
        raise unreadable(path, error) from error
    raise Refusal("upload.too_large", limit_mb=limits.max_bytes / MB, read_bytes=0, declared_bytes=status.st_size)


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting for whoever might write into a named pipe."""
    return os.open(path, flags | os.O_NONBLOCK)


@dataclass(frozen=True, slots=True)
class Made:
    """A cut-out, and how long its worker took; waiting for a worker does not count."""

    cutout: Cutout
    milliseconds: float


async def cut(engine: Engine, image: bytes, *, name: str | None, work: Work) -> Made:
    """One picture's bytes to its cut-out; ``name`` is what the file claims to be, if it claims anything.

    Raises :class:`Refusal`.
    """
    check_upload(image, filename=name, limits=work.limits)
    permit = await engine.admit(
        priority=Priority.BULK, owner="files", deadline_s=work.deadline_s, model=work.options.model
    )
    async with permit:
        begun = time.perf_counter()
        cutout = await permit.run(Job(image, work.options, work.background))
    return Made(cutout, round((time.perf_counter() - begun) * 1000, 1))


async def run_tasks(
    engine: Engine, tasks: Iterable[Task | Outcome], *, work: Work, in_flight: int
) -> AsyncGenerator[Outcome, None]:
    """Work through ``tasks`` and yield each outcome as it falls; what planning has settled passes straight through.

    At most ``in_flight`` files are in memory at once, and ``tasks`` is drawn from only when there is room. When it
    ends early, what is in hand is finished; when the caller closes this iterator, it is cancelled.

    Raises :class:`Refusal` for what would meet every file alike.
    """
    waiting, hand = iter(tasks), set[asyncio.Task[Outcome]]()
    more = True
    try:
        while True:
            while more and len(hand) < in_flight:
                settled, task, more = await asyncio.to_thread(_draw, waiting)
                for outcome in settled:
                    yield outcome
                if task is not None:
                    hand.add(asyncio.create_task(_settle(engine, task, work)))
            if not hand:
                return
            finished, hand = await asyncio.wait(hand, return_when=asyncio.FIRST_COMPLETED)
            for one in finished:
                yield one.result()
    finally:
        await _cancel(hand)


def _draw(waiting: Iterator[Task | Outcome]) -> tuple[list[Outcome], Task | None, bool]:
    """The outcomes up to the next task (in portions, so that a long resume stays lively), that task, and "more?"."""
    settled: list[Outcome] = []
    for item in waiting:
        if isinstance(item, Task):
            return settled, item, True
        settled.append(item)
        if len(settled) == _PORTION:
            return settled, None, True
    return settled, None, False


async def _cancel(hand: set[asyncio.Task[Outcome]]) -> None:
    for task in hand:
        task.cancel()
    await asyncio.gather(*hand, return_exceptions=True)


async def _settle(engine: Engine, task: Task, work: Work) -> Outcome:
    try:
        image = await asyncio.to_thread(read_image, task.source, work.limits)
        made = await cut(engine, image, name=task.source.name, work=work)
        await asyncio.to_thread(_write, task.target, made.cutout.data)
    except Refusal as refusal:
        if _meets_every_file(refusal):
            raise
        return Failed(task.name, refusal, task)
    return Done(task, made.cutout.report, len(made.cutout.data), made.milliseconds)


def _meets_every_file(refusal: Refusal) -> bool:
    return not _SAME_FOR_ALL.isdisjoint({refusal.reason.layer, refusal.reason.code})


def _write(path: Path, data: memoryview) -> None:
    try:
        write_whole(path, data)
    except OSError as error:
        raise unwritable(path, error) from error
