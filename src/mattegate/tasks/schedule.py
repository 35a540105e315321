"""Run tasks at the start and every so often, each on its own: one that fails or hangs keeps no other from running.

Rules of this file: it knows nothing of what tasks do. Time is the wall clock, handed in. A machine that was suspended
runs what it missed once; a clock that was turned back makes nothing wait longer than its interval.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from random import random
from typing import Final, TypeVar

log = logging.getLogger("mattegate.tasks")

Result = TypeVar("Result")

_LONGEST_SLEEP_S: Final = 30.0
"""Between two looks at the clock, because it can be turned."""


@dataclass(frozen=True, slots=True)
class Task:
    """Something that is done again and again. Raises ``ValueError`` for an interval that is none."""

    name: str
    every_s: float
    run: Callable[[float], Awaitable[object]]
    """Is told the time in Unix seconds; what it returns is shown in the status."""
    jitter: float = 0.1
    """The share of ``every_s`` by which a run may come later, so that many installations do not act as one."""

    def __post_init__(self) -> None:
        if not (self.every_s > 0 and self.jitter >= 0):
            raise ValueError(f"the task {self.name} needs an interval above 0 and a jitter of at least 0")


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """How a task has fared since the start. Times are Unix seconds."""

    name: str
    every_s: float
    next_at: float
    running: bool = False
    runs: int = 0
    """Those that ended, failed ones too."""
    failures: int = 0
    failures_in_a_row: int = 0
    started_at: float | None = None
    ended_at: float | None = None
    result: str = ""
    """Of the last run that did not fail."""
    error: str = ""
    """Of the last run; empty if it did not fail."""


class Scheduler:
    """Runs tasks until told to stop. Raises ``ValueError`` where two have one name."""

    def __init__(
        self, tasks: Sequence[Task], *, clock: Callable[[], float] = time.time, spread: Callable[[], float] = random
    ) -> None:
        self._tasks = {task.name: task for task in tasks}
        if len(self._tasks) != len(tasks):
            raise ValueError("two tasks have the same name")
        self._clock, self._spread = clock, spread
        self._status = {task.name: TaskStatus(task.name, task.every_s, next_at=0.0) for task in tasks}
        self._running: dict[str, asyncio.Task[None]] = {}

    def status(self) -> tuple[TaskStatus, ...]:
        """Every task, in the order given."""
        return tuple(self._status.values())

    async def run(self) -> None:
        """Run tasks when they are due, until cancelled; then :meth:`stop`."""
        try:
            while True:
                now = self._clock()
                self._start_due(now)
                await asyncio.sleep(self._pause(now))
        finally:
            await self.stop()

    async def run_due(self, now: float) -> tuple[str, ...]:
        """Run what is due at ``now`` and wait for it; returns the names. What still runs is not started again."""
        started = self._start_due(now)
        if started:
            await asyncio.wait([self._running[name] for name in started])
        return started

    async def stop(self) -> None:
        """Cancel what runs and wait until it has ended."""
        running = list(self._running.values())
        for run in running:
            run.cancel()
        if running:
            await asyncio.wait(running)

    def _start_due(self, now: float) -> tuple[str, ...]:
        due = tuple(name for name in self._tasks if name not in self._running and self._is_due(name, now))
        for name in due:
            task = self._tasks[name]
            wait = task.every_s * (1 + task.jitter * self._spread())
            self._status[name] = replace(self._status[name], running=True, started_at=now, next_at=now + wait)
            self._running[name] = run = asyncio.create_task(self._run_one(task, now), name=f"mattegate:{name}")
            run.add_done_callback(partial(self._ended, task))
        return due

    def _is_due(self, name: str, now: float) -> bool:
        task, next_at = self._tasks[name], self._status[name].next_at
        turned_back = next_at - now > task.every_s * (1 + task.jitter) + 1
        return next_at <= now or turned_back

    def _pause(self, now: float) -> float:
        waits = (self._wait(name, now) for name in self._tasks)
        return min(max(min(waits, default=_LONGEST_SLEEP_S), 0.01), _LONGEST_SLEEP_S)

    def _wait(self, name: str, now: float) -> float:
        wait = self._status[name].next_at - now
        return 1.0 if wait <= 0 and name in self._running else wait  # overdue: it starts again soon after its end

    async def _run_one(self, task: Task, now: float) -> None:
        try:
            result = await task.run(now)
        except Exception as error:
            # The whole story once, then one line a time: a store that is down for a night must not fill the disk.
            if self._status[task.name].failures_in_a_row == 0:
                log.exception("task %s failed; it is tried again in %g s", task.name, task.every_s)
            else:
                log.warning("task %s failed again: %s: %s", task.name, type(error).__name__, error)
            self._book_failure(task, f"{type(error).__name__}: {error}"[:300])
        else:
            self._book_success(task, result)

    def _ended(self, task: Task, run: asyncio.Task[None]) -> None:
        del self._running[task.name]
        if run.cancelled():  # perhaps before its first step
            self._book_failure(task, "cancelled")

    def _book_success(self, task: Task, result: object) -> None:
        before = self._status[task.name]
        if before.failures_in_a_row:
            log.info("task %s works again after %d failures", task.name, before.failures_in_a_row)
        self._status[task.name] = replace(
            before, running=False, runs=before.runs + 1, failures_in_a_row=0, ended_at=self._clock(),
            result="" if result is None else str(result)[:300], error="",
        )  # fmt: skip

    def _book_failure(self, task: Task, error: str) -> None:
        before = self._status[task.name]
        self._status[task.name] = replace(
            before, running=False, runs=before.runs + 1, failures=before.failures + 1,
            failures_in_a_row=before.failures_in_a_row + 1, ended_at=self._clock(), error=error,
        )  # fmt: skip


def in_thread(act: Callable[[float], Result], executor: Executor | None = None) -> Callable[[float], Awaitable[Result]]:
    """``act`` off the event loop, in ``executor`` or the loop's own.

    A cancelled run waits until ``act`` has come to its end: nothing is left at work behind a store that is closed.
    """

    async def run(now: float) -> Result:
        ending = asyncio.get_running_loop().run_in_executor(executor, act, now)
        try:
            return await asyncio.shield(ending)
        except asyncio.CancelledError:
            await asyncio.wait([ending])
            ending.cancelled() or ending.exception()  # looked at, so that the loop does not complain of it
            raise

    return run
