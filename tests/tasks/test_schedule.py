"""The scheduler: every task on its own, whatever tasks and clocks do."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

import pytest

from mattegate.tasks.schedule import Scheduler, Task, in_thread

NOON = 1_780_000_000.0


class Counted:
    """A task that notes when it ran, and fails or waits when told to."""

    def __init__(self) -> None:
        self.runs: list[float] = []
        self.fault: BaseException | None = None
        self.gate: asyncio.Event | None = None

    async def __call__(self, now: float) -> int:
        """One run."""
        self.runs.append(now)
        if self.gate is not None:
            await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        return len(self.runs)


def scheduler(*tasks: Task, clock: Callable[[], float] = lambda: NOON, spread: float = 0.0) -> Scheduler:
    """One whose jitter is known."""
    return Scheduler(tasks, clock=clock, spread=lambda: spread)


async def test_a_task_runs_at_the_start_and_then_every_interval() -> None:
    """At once, after 60 s, after 120 s, and not in between."""
    task = Counted()
    schedule = scheduler(Task("sweep", 60, task))
    for now in (NOON, NOON + 59.9, NOON + 60, NOON + 61, NOON + 120):
        await schedule.run_due(now)
    assert task.runs == [NOON, NOON + 60, NOON + 120]


async def test_jitter_makes_a_run_later_never_sooner() -> None:
    """A tenth of a minute at most, by default."""
    task = Counted()
    schedule = scheduler(Task("sweep", 60, task), spread=0.5)
    for now in (NOON, NOON + 62.9, NOON + 63):
        await schedule.run_due(now)
    assert task.runs == [NOON, NOON + 63]


async def test_a_task_that_raises_is_logged_by_name_tried_again_and_stops_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The whole story the first time, one line from then on, and a word when it works again."""
    caplog.set_level(logging.INFO, "mattegate.tasks")
    broken, fine = Counted(), Counted()
    broken.fault = OSError("disk full")
    schedule = scheduler(Task("records", 60, broken), Task("leases", 60, fine))
    for number in range(3):
        assert await schedule.run_due(NOON + 60 * number) == ("records", "leases")
    assert len(fine.runs) == len(broken.runs) == 3
    assert [record.exc_info is not None for record in caplog.records] == [True, False, False]
    assert caplog.messages[1] == "task records failed again: OSError: disk full"
    status = {one.name: one for one in schedule.status()}
    assert (status["records"].failures, status["records"].failures_in_a_row) == (3, 3)
    assert status["records"].error == "OSError: disk full"
    assert (status["leases"].runs, status["leases"].failures, status["leases"].result) == (3, 0, "3")
    broken.fault = None
    await schedule.run_due(NOON + 180)
    assert caplog.messages[-1] == "task records works again after 3 failures"
    [records, _] = schedule.status()
    assert (records.error, records.failures, records.failures_in_a_row, records.result) == ("", 3, 0, "4")


async def test_a_task_that_hangs_hangs_alone() -> None:
    """The others run on time, and the hanging one is shown as running and not started a second time."""
    stuck, fine = Counted(), Counted()
    stuck.gate = asyncio.Event()
    schedule = scheduler(Task("stuck", 60, stuck), Task("fine", 60, fine))
    first = asyncio.create_task(schedule.run_due(NOON))
    while not fine.runs or "fine" in schedule._running:
        await asyncio.sleep(0)
    for number in range(1, 4):
        assert await schedule.run_due(NOON + 60 * number) == ("fine",)
    assert (len(stuck.runs), len(fine.runs)) == (1, 4)
    assert [one.running for one in schedule.status()] == [True, False]
    stuck.gate.set()
    await first
    assert await schedule.run_due(NOON + 240) == ("stuck", "fine")


async def test_what_a_suspended_machine_missed_runs_once() -> None:
    """A week asleep is one run, not ten thousand."""
    task = Counted()
    schedule = scheduler(Task("sweep", 60, task))
    for now in (NOON, NOON + 604_800, NOON + 604_801):
        await schedule.run_due(now)
    assert task.runs == [NOON, NOON + 604_800]


async def test_a_clock_turned_back_makes_nothing_wait() -> None:
    """A year back or half a minute: it runs at once, and then every interval of the new time."""
    task = Counted()
    schedule = scheduler(Task("sweep", 60, task))
    past = NOON - 31_536_000
    for now in (NOON, NOON - 0.5, past, past + 1, past + 60, past + 30, past + 89, past + 90):
        await schedule.run_due(now)
    assert task.runs == [NOON, past, past + 60, past + 30, past + 90]


async def test_the_status_tells_before_during_and_after() -> None:
    """Times come from the same clock as the runs."""
    task = Counted()
    schedule = scheduler(Task("sweep", 60, task), clock=lambda: NOON + 2)
    [before] = schedule.status()
    assert (before.runs, before.started_at, before.ended_at) == (0, None, None)
    await schedule.run_due(NOON)
    [after] = schedule.status()
    assert (after.started_at, after.ended_at, after.next_at) == (NOON, NOON + 2, NOON + 60)


async def test_running_means_running_until_cancelled() -> None:
    """The loop starts what is due by the clock it was given; cancelling it ends what runs, in good order."""
    now = [NOON]
    ticking, stuck = Counted(), Counted()
    stuck.gate = asyncio.Event()
    schedule = scheduler(Task("tick", 0.02, ticking, jitter=0), Task("stuck", 60, stuck), clock=lambda: now[0])
    loop = asyncio.create_task(schedule.run())
    while len(ticking.runs) < 3:
        now[0] += 0.02
        await asyncio.sleep(0.005)
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop
    status = {one.name: one for one in schedule.status()}
    assert not any(one.running for one in status.values())
    assert status["stuck"].error == "cancelled"
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_task_cancelled_before_its_first_step_is_no_longer_running() -> None:
    """Stopped in the very moment of its start."""
    task = Counted()
    schedule = scheduler(Task("sweep", 60, task))
    schedule._start_due(NOON)
    await schedule.stop()
    [status] = schedule.status()
    assert (task.runs, status.running, status.error) == ([], False, "cancelled")


async def test_stopping_waits_for_what_runs_in_a_thread() -> None:
    """A store may be closed after the stop: nothing is left at work in it."""
    started, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def act(_now: float) -> None:
        started.set()
        may_end.wait()
        ended.set()

    schedule = scheduler(Task("slow", 60, in_thread(act)))
    run = asyncio.create_task(schedule.run_due(NOON))
    await asyncio.to_thread(started.wait)
    stop = asyncio.create_task(schedule.stop())
    await asyncio.sleep(0)
    assert not stop.done()
    may_end.set()
    await stop
    assert ended.is_set()
    await run


async def test_a_fault_in_a_thread_is_the_tasks_fault() -> None:
    """The thread's exception arrives where any other would."""

    def act(_now: float) -> None:
        raise OSError("disk full")

    schedule = scheduler(Task("slow", 60, in_thread(act)))
    await schedule.run_due(NOON)
    assert schedule.status()[0].error == "OSError: disk full"


def test_tasks_without_an_interval_or_with_one_name_are_mistakes() -> None:
    """They are told when the list is made."""
    task = Counted()
    with pytest.raises(ValueError, match="needs an interval"):
        Task("sweep", 0, task)
    with pytest.raises(ValueError, match="same name"):
        Scheduler([Task("sweep", 1, task), Task("sweep", 2, task)])
