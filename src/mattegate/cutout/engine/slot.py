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
from mattegate.cutout.engine.process import Blueprint, Gone, WorkerProcess
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
        self._warm = False
        self._turn = asyncio.Event()  # a worker came up, or it is known why none does
        self._stopping = False
        self._spawned = 0
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
        self._keeper = asyncio.create_task(self._keep(), name="engine-slot")

    async def close(self) -> None:
        """End the worker, which holds nothing worth saving; a job in hand is refused with ``capacity.draining``."""
        self._stopping = True
        self._turn.set()
        if self._worker is not None:
            self._worker.kill()
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
        if self._worker is not None:
            await self._worker.bury()

    async def do(self, errand: Errand) -> Cutout:
        """Have one job done. Raises :class:`Refusal`; a call-off by the caller ends as ``request.client_gone``."""
        worker = await self._next_worker()
        if errand.cancelled_at is not None:
            raise Refusal("request.client_gone")
        watch = Watch(worker.pid, self._blueprint.settings.engine, self._patience, time.monotonic())
        try:
            errand.give_to(worker)
            return await self._converse(worker, errand, watch)
        except Gone:
            how = await worker.bury()
            if self._stopping:
                raise Refusal("capacity.draining") from None
            raise Refusal("engine.worker_died", pid=worker.pid, how=how) from None

    async def _keep(self) -> None:
        """Raise workers, one after the other."""
        failures = 0
        while True:
            useful, how = await self._one_life()
            failures = 0 if useful else failures + 1
            pause = self._patience.pause_s(failures)
            log.warning("a worker ended (%s); the next one starts in %g s", how, pause)
            self._settled(self)
            await asyncio.sleep(pause)

    async def _one_life(self) -> tuple[bool, str]:
        """Spawn a worker and see it to its end; tells whether it was of use, and how it ended."""
        self._spawned += 1
        try:
            self._worker = worker = WorkerProcess(self._blueprint)
        except OSError as error:
            self._note_problem(Refusal("engine.unavailable", problem=f"no process can be started: {error}"))
            return False, "not spawned"
        try:
            await self._warm_up(worker)
            await worker.gone.wait()
        except Refusal as refusal:
            self._note_problem(refusal)
            return False, f"pid {worker.pid}, not started"
        finally:
            self._warm = False
            self.models = frozenset()
            how = await worker.bury()
        return worker.orders > 0, f"pid {worker.pid}, {how}"

    async def _warm_up(self, worker: WorkerProcess) -> None:
        """Wait until the worker has loaded its default model; raises :class:`Refusal` where it cannot."""
        try:
            letter = await worker.receive(self._patience.load_s)
        except Gone:
            how = await worker.bury()
            raise Refusal("engine.unavailable", problem=f"a worker died ({how}) while it started") from None
        match letter.message if letter else None:
            case Ready(models=models):
                self._note_warm(worker, models)
            case Declined() as declined:
                raise declined.refusal
            case None:
                raise Refusal("engine.unavailable", problem=f"not ready after {self._patience.load_s:g} s")
            case message:
                raise Refusal("engine.unavailable", problem=f"a worker began with {type(message).__name__}")

    def _note_warm(self, worker: WorkerProcess, models: tuple[str, ...]) -> None:
        log.info("worker %d ready after %.1f s with %s", worker.pid, worker.age_s, ", ".join(models) or "no model")
        self.models = frozenset(models)
        self.problem = None
        self._warm = self.proven = True
        self._turn.set()
        self._settled(self)

    def _note_problem(self, refusal: Refusal) -> None:
        log.error("%s; %s", refusal.operator_detail, refusal.remedy)
        self.problem = refusal
        self.proven = False
        self._turn.set()

    def _warm_worker(self) -> WorkerProcess | None:
        worker = self._worker
        return worker if worker is not None and self._warm and not worker.gone.is_set() else None

    async def _next_worker(self) -> WorkerProcess:
        while True:
            if self._stopping:
                raise Refusal("capacity.draining")
            if self.problem is not None:
                raise Refusal(self.problem.reason.code, **self.problem.facts)
            worker = self._warm_worker()
            if worker is not None:
                return worker
            self._turn.clear()
            await self._turn.wait()

    async def _converse(self, worker: WorkerProcess, errand: Errand, watch: Watch) -> Cutout:
        while True:
            letter = await worker.receive(self._patience.tick_s)
            match letter.message if letter else None:
                case None:
                    self._look_after(worker, errand, watch)
                case Begun(number=errand.number, models=models, resident=resident):
                    errand.begun = True
                    self.models = frozenset(models)
                    watch.begin(time.monotonic(), resident)
                case Done(number=errand.number, report=report) if letter and letter.enclosed:
                    return Cutout(letter.enclosed[0], report)
                case Declined(number=errand.number) as declined:
                    raise self._answered(worker, declined.refusal)
                case Stopped(number=errand.number):
                    raise Refusal("request.client_gone")
                case message:
                    log.error("worker %d said %s out of turn, so it is killed", worker.pid, type(message).__name__)
                    worker.kill()

    def _answered(self, worker: WorkerProcess, refusal: Refusal) -> Refusal:
        """A worker that ran out of memory is in no state to go on."""
        if refusal.reason.layer == "engine":
            worker.kill()
        return refusal

    def _look_after(self, worker: WorkerProcess, errand: Errand, watch: Watch) -> None:
        """Between two messages: end a worker that does not stop, or an image that takes too much."""
        now = time.monotonic()
        refusal = watch.overrun(now, worker.resident())
        if errand.overstays(now, self._patience):
            refusal = Refusal("request.client_gone")
        if refusal is not None:
            worker.kill()
            raise refusal
