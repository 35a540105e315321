"""A slot keeps one worker alive and gives it one job at a time.

Two tasks walk here. :meth:`Slot.keep` raises a worker, waits for its end, buries it and raises the next one, at once
after a death on a job and with growing pauses otherwise. :meth:`Slot.do` holds the conversation about one job, and
every end of it is a cut-out or a :class:`Refusal`.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress

from mattegate.cutout.engine.messages import Begun, Cancel, Declined, Done, Order, Ready, Stopped
from mattegate.cutout.engine.process import Blueprint, Gone, Letter, WorkerProcess
from mattegate.cutout.engine.protocol import Cutout, Job
from mattegate.cutout.engine.watch import Patience, Watch
from mattegate.cutout.engine.wire import lend
from mattegate.vocabulary.refusal import Refusal

log = logging.getLogger("mattegate.engine")


class Errand:
    """One job on its way through a worker, which its caller may call off at any time."""

    _numbers = itertools.count(1)

    def __init__(self, job: Job) -> None:
        self.number = next(self._numbers)
        self.job = job
        self.begun = False
        """Whether a worker began with the image itself, so that the image can be blamed for what follows."""
        self.cancelled_at: float | None = None
        self._worker: WorkerProcess | None = None

    def give_to(self, worker: WorkerProcess) -> None:
        """Send the order and its images."""
        self._worker = worker
        with ExitStack() as lent:
            images = [payload for payload in (self.job.image, self.job.background) if payload is not None]
            fds = tuple(lent.enter_context(lend(payload)) for payload in images)
            worker.send(Order(self.number, self.job.options), fds)

    def cancel(self) -> None:
        """Nobody waits any more: tell the worker."""
        self.cancelled_at = time.monotonic()
        if self._worker is not None:
            self._worker.send(Cancel(self.number))

    def overstays(self, now: float, patience: Patience) -> bool:
        """Whether the worker was told to stop and has not."""
        return self.cancelled_at is not None and now - self.cancelled_at > patience.cancel_s


class Slot:
    """A place for one worker.

    ``settled`` is called whenever the slot becomes usable, ceases to be, or cannot be made so. Where no worker comes
    up, ``problem`` tells why, and jobs are refused with it.
    """

    def __init__(self, blueprint: Blueprint, patience: Patience, settled: Callable[[Slot], None]) -> None:
        self._blueprint = blueprint
        self._patience = patience
        self._settled = settled
        self._worker: WorkerProcess | None = None
        self._up = asyncio.Event()
        self._stopping = False
        self._spawned = 0
        self._on_a_job = False
        self._keeper: asyncio.Task[None] | None = None
        self.models: frozenset[str] = frozenset()
        self.problem: Refusal | None = None
        self.proven = False
        """Whether the latest attempt to start a worker went well; stays true while a lost worker is replaced."""

    @property
    def usable(self) -> bool:
        """Whether a warm worker waits for work."""
        return self._warm_worker() is not None

    @property
    def restarts(self) -> int:
        """How many workers were started after the first."""
        return max(0, self._spawned - 1)

    def open(self) -> None:
        """Start keeping a worker alive."""
        self._keeper = asyncio.create_task(self.keep(), name="engine-slot")

    async def close(self) -> None:
        """Let the worker go; a job in hand is refused with ``capacity.draining``."""
        self._stopping = True
        self._up.set()
        if self._worker is not None:
            await self._worker.leave(self._patience.leave_s)
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper

    async def keep(self) -> None:
        """Raise workers, one after the other, until :meth:`close`."""
        failures = 0
        while not self._stopping:
            self._spawned += 1
            self._worker = worker = WorkerProcess(self._blueprint)
            try:
                await self._warm_up(worker)
                await worker.gone.wait()
                failures = 0 if self._on_a_job or self._lasted(worker) else failures + 1
            except Refusal as refusal:
                failures += 1
                self._note_problem(refusal)
            finally:
                self._up.clear()
                self.models = frozenset()
                how = await worker.bury()
            if not self._stopping:
                log.warning("worker %d ended (%s); the next one starts in %g s", worker.pid, how, self._pause(failures))
                self._settled(self)
                await asyncio.sleep(self._pause(failures))

    async def do(self, errand: Errand) -> Cutout:
        """Have one job done. Raises :class:`Refusal`; a call-off by the caller ends as ``request.client_gone``."""
        worker = await self._next_worker()
        if errand.cancelled_at is not None:
            raise Refusal("request.client_gone")
        watch = Watch(worker.pid, self._blueprint.settings.engine, self._patience, time.monotonic())
        self._on_a_job = True
        try:
            errand.give_to(worker)
            return await self._converse(worker, errand, watch)
        except Gone:
            raise await self._obituary(worker) from None
        except Refusal as refusal:
            if refusal.reason.layer in {"engine", "request"}:
                await self._replace(worker)
            raise
        finally:
            self._on_a_job = False

    async def _converse(self, worker: WorkerProcess, errand: Errand, watch: Watch) -> Cutout:
        while True:
            letter = await worker.receive(self._patience.tick_s)
            message = letter.message if letter else None
            match message:
                case None:
                    self._look_after(worker, errand, watch)
                case Begun(number=errand.number):
                    errand.begun = True
                    self.models = frozenset(message.models)
                    watch.begin(time.monotonic(), message.resident)
                case Done(number=errand.number) if letter and letter.enclosed:
                    return Cutout(letter.enclosed[0], message.report)
                case Declined(number=errand.number):
                    raise message.refusal
                case Stopped(number=errand.number):
                    raise Refusal("request.client_gone")
                case _:
                    log.error("worker %d said %s out of turn, so it is killed", worker.pid, type(message).__name__)
                    worker.kill()

    def _look_after(self, worker: WorkerProcess, errand: Errand, watch: Watch) -> None:
        now = time.monotonic()
        if errand.overstays(now, self._patience):
            raise Refusal("request.client_gone")
        refusal = watch.overrun(now, worker.resident())
        if refusal is not None:
            raise refusal
