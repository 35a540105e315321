"""Tasks through an engine, with a reporter watching and Ctrl-C understood.

The first Ctrl-C (or SIGTERM) stops taking new files and finishes those in hand; the second stops at once. Either way
the exit code is 128 plus the signal's number, and nothing half-made stands under a final name.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import chain

from mattegate.cli.rendering import Reporter, exit_code_after
from mattegate.cutout.engine.protocol import Engine
from mattegate.cutout.files.run import Work, run_tasks, running
from mattegate.cutout.files.tally import Tally
from mattegate.cutout.files.tasks import Outcome, Task


def hush() -> None:
    """Keep the library's log out of a run whose every trouble is told as an outcome anyway."""
    logging.getLogger("mattegate").addHandler(logging.NullHandler())


@dataclass(slots=True)
class Interruption:
    """Whether somebody asked to stop, and with which signal."""

    notice: Callable[[], None]
    signal: int = 0
    _work: asyncio.Task[object] | None = None

    def watch(self) -> None:
        """Take over SIGINT and SIGTERM in the running loop, for the task that calls."""
        self._work = asyncio.current_task()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._ask, number)

    def until(self, tasks: Iterable[Task | Outcome]) -> Iterator[Task | Outcome]:
        """``tasks``, ending early once somebody asked to stop."""
        for task in tasks:
            if self.signal:
                return
            yield task

    def _ask(self, number: int) -> None:
        if not self.signal:
            self.signal = number
            self.notice()
        elif self._work is not None:
            self._work.cancel()


@dataclass(frozen=True, slots=True)
class Shift:
    """One run of the command line over many files."""

    build_engine: Callable[[], Engine]
    work: Work
    reporter: Reporter
    remember: Callable[[Outcome], None] = field(default=lambda outcome: None)
    """Called with every outcome before it is shown."""
    hint: str = "press Ctrl-C again to stop at once"

    def run(self, tasks: Iterable[Task | Outcome]) -> int:
        """Work through ``tasks``; returns the exit code.

        Raises :class:`Refusal` for what would meet every file alike; the summary was shown then.
        """
        hush()
        tally, started = Tally(), time.monotonic()
        interruption = Interruption(lambda: self.reporter.notice(f"stopping: finishing what is in hand; {self.hint}"))
        try:
            with self.reporter:
                asyncio.run(self._run(tasks, tally, interruption))
        except asyncio.CancelledError:
            self.reporter.notice("stopped at once; what was in hand was not written")
        finally:
            self.reporter.sum_up(tally, time.monotonic() - started)
        return 128 + interruption.signal if interruption.signal else exit_code_after(tally)

    async def _run(self, tasks: Iterable[Task | Outcome], tally: Tally, interruption: Interruption) -> None:
        interruption.watch()
        waiting = iter(interruption.until(tasks))
        first = self._tell_settled(waiting, tally)
        if first is None:
            return
        async with running(self.build_engine()) as engine:
            in_flight = engine.status().workers + 1
            outcomes = run_tasks(engine, chain([first], waiting), work=self.work, in_flight=in_flight)
            async with aclosing(outcomes):
                async for outcome in outcomes:
                    self._tell(outcome, tally)

    def _tell_settled(self, waiting: Iterator[Task | Outcome], tally: Tally) -> Task | None:
        """Tell what needs no engine, up to the first task: with nothing to do, no worker is started."""
        for item in waiting:
            if isinstance(item, Task):
                return item
            self._tell(item, tally)
        return None

    def _tell(self, outcome: Outcome, tally: Tally) -> None:
        self.remember(outcome)
        tally.add(outcome)
        self.reporter.tell(outcome)
