"""Engines in memory: the Protocol without models, so that the HTTP side can be told as stories."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from mattegate.cutout.engine.protocol import Cutout, EngineStatus, Job, Permit, Priority
from mattegate.vocabulary.refusal import Refusal
from mattegate.vocabulary.report import Report, Stage


@dataclass
class EchoEngine:
    """Answers every image with its own bytes; ``pause_s`` is how long it works, ``queue`` how many may wait."""

    pause_s: float = 0.0
    workers: int = 2
    queue: int = 64
    problem: str = ""
    starting: bool = False
    refusal: tuple[str, dict[str, object]] | None = None
    crash: str = ""
    notes: tuple[str, ...] = ()
    seen: list[Job] = field(default_factory=list)
    cancelled: int = 0
    draining: bool = False
    started: bool = False
    waiting: int = 0
    busy: int = 0

    async def start(self) -> None:
        """Be warm at once."""
        self._free = asyncio.Semaphore(self.workers)
        self.started = True

    async def admit(self, *, priority: Priority, owner: str, deadline_s: float, model: str | None = None) -> Permit:
        """Wait in arrival order."""
        if self.draining:
            raise Refusal("capacity.draining")
        if self.waiting >= self.queue:
            raise Refusal("capacity.queue_full", waiting=self.waiting)
        self.waiting += 1
        try:
            await asyncio.wait_for(self._free.acquire(), deadline_s)
        except TimeoutError:
            raise Refusal("capacity.deadline", seconds=deadline_s) from None
        finally:
            self.waiting -= 1
        return EchoPermit(self)

    def status(self) -> EngineStatus:
        """What the fields say."""
        ready = self.started and not self.draining and not self.problem
        return EngineStatus(ready, self.problem, self.workers, self.busy, self.waiting, 0, self.starting)

    async def drain(self) -> None:
        """Wait until nothing runs."""
        self.draining = True
        while self.busy:
            await asyncio.sleep(0.01)

    def release(self) -> None:
        """Give a slot back."""
        self._free.release()


@dataclass
class EchoPermit:
    """One slot of an :class:`EchoEngine`."""

    engine: EchoEngine

    async def __aenter__(self) -> Permit:
        self.engine.busy += 1
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.engine.busy -= 1
        self.engine.release()

    async def run(self, job: Job) -> Cutout:
        """Echo the image, or fail as the engine was told to."""
        self.engine.seen.append(job)
        try:
            await asyncio.sleep(self.engine.pause_s)
        except asyncio.CancelledError:
            self.engine.cancelled += 1
            raise
        if self.engine.crash:
            raise RuntimeError(self.engine.crash)
        if self.engine.refusal:
            code, facts = self.engine.refusal
            raise Refusal(code, **facts)
        return Cutout(memoryview(bytes(job.image)), _report(job, self.engine.notes))


def _report(job: Job, notes: tuple[str, ...]) -> Report:
    return Report(
        model=job.options.model or "echo",
        media_type=job.options.format.media_type,
        input_width=4,
        input_height=3,
        width=4,
        height=3,
        foreground=(0, 0, 4, 3),
        stages=(Stage("decode", 1.5), Stage("infer", 2.25)),
        notes=notes,
    )
