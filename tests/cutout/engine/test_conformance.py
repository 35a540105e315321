"""What every engine promises, told once and asked of each implementation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mattegate.config.settings import EngineSettings
from mattegate.cutout.engine.protocol import Engine, Priority
from mattegate.cutout.engine.wire import SharedBuffer
from mattegate.vocabulary.refusal import Refusal
from tests.cutout.engine.engines import ONE, Running, all_settled, inline, job, made, pool, run, until

MakeEngine = Callable[[EngineSettings], Engine]


@pytest.fixture(params=["inline", "pool"])
def engine_of(request: pytest.FixtureRequest, tmp_path: Path) -> MakeEngine:
    """Builds an engine of either kind with one slot."""
    return lambda settings: (inline if request.param == "inline" else pool)(tmp_path, settings)


@pytest.mark.asyncio
class TestEveryEngine:
    """The contract of :class:`mattegate.cutout.engine.protocol.Engine`."""

    async def test_answer_and_report_come_through_unchanged(self, engine_of: MakeEngine) -> None:
        """The segments arrive joined in order, read-only, and the report is equal to what the maker wrote."""
        async with Running(engine_of(ONE)) as engine:
            cutout = await made(engine, job("echo:hello ", model="other", background=b"world"))
        assert bytes(cutout.data) == b"hello world"
        assert cutout.data.readonly
        assert (cutout.report.model, cutout.report.foreground) == ("other", (0, 1, 2, 3))
        assert cutout.report.stages[0].name == "echo"
        assert cutout.report.notes == ("a note with ümlauts",)

    async def test_an_image_in_shared_memory_is_taken_as_it_is(self, engine_of: MakeEngine) -> None:
        """A view of a shared buffer is as good as bytes."""
        async with Running(engine_of(ONE)) as engine:
            with SharedBuffer() as upload:
                upload.append(b"echo:from ")
                upload.append(b"shared memory")
                cutout = await made(engine, replace(job(""), image=upload.view()))
        assert bytes(cutout.data) == b"from shared memory"

    async def test_an_empty_answer_is_an_answer(self, engine_of: MakeEngine) -> None:
        """Nothing made is nothing handed over, not an error."""
        async with Running(engine_of(ONE)) as engine:
            assert await run(engine, "echo:") == ""

    @pytest.mark.parametrize(
        ("script", "code"),
        [
            ("refuse:bad crc", "upload.corrupt"),
            ("bug:oops", "internal.error"),
            ("memory:", "engine.memory_limit"),
        ],
    )
    async def test_failures_are_refusals_and_the_engine_serves_on(
        self, engine_of: MakeEngine, script: str, code: str
    ) -> None:
        """Whatever a maker raises becomes a typed refusal whose every sentence can be told; the next job is served."""
        async with Running(engine_of(ONE)) as engine:
            with pytest.raises(Refusal) as caught:
                await run(engine, script)
            assert caught.value.reason.code == code
            assert caught.value.detail
            assert caught.value.remedy
            assert caught.value.operator_detail
            assert await run(engine, "echo:next") == "next"

    async def test_an_unknown_model_refuses_one_job_only(self, engine_of: MakeEngine) -> None:
        """A model that cannot be loaded on demand is that request's trouble, not the engine's."""
        async with Running(engine_of(ONE)) as engine:
            outcome = await all_settled(run(engine, job("echo:x", model="missing")), run(engine, "echo:y"))
            assert outcome == ["model.missing", "y"]
            assert engine.status().ready

    async def test_priorities_then_turns_of_owners(self, engine_of: MakeEngine, tmp_path: Path) -> None:
        """While one job holds the slot, the line is served VIP first, then owner by owner, each in its own order."""
        served: list[str] = []

        async def record(name: str, priority: Priority, owner: str) -> None:
            served.append(await run(engine, f"echo:{name}", priority=priority, owner=owner))

        gate = tmp_path / "gate"
        async with Running(engine_of(replace(ONE, queue=9))) as engine, asyncio.TaskGroup() as tasks:
            tasks.create_task(run(engine, f"hold:{gate}"))
            await until(Path(f"{gate}.begun").exists)
            for name, priority, owner in [
                ("bulk", Priority.BULK, "a"),
                ("a1", Priority.STANDARD, "a"),
                ("a2", Priority.STANDARD, "a"),
                ("a3", Priority.STANDARD, "a"),
                ("b1", Priority.STANDARD, "b"),
                ("vip", Priority.VIP, "c"),
            ]:
                tasks.create_task(record(name, priority, owner))
            await until(lambda: engine.status().waiting == 6)
            gate.touch()
        assert served == ["vip", "a1", "b1", "a2", "a3", "bulk"]

    async def test_a_full_queue_refuses_at_once_and_makes_room_for_vip(
        self, engine_of: MakeEngine, tmp_path: Path
    ) -> None:
        """The newcomer is refused when the line is full; a VIP takes the place of the newest of the lowest class."""
        gate = tmp_path / "gate"
        async with Running(engine_of(replace(ONE, queue=2))) as engine, asyncio.TaskGroup() as tasks:
            tasks.create_task(run(engine, f"hold:{gate}"))
            await until(Path(f"{gate}.begun").exists)
            first = tasks.create_task(all_settled(run(engine, "echo:first")))
            await until(lambda: engine.status().waiting == 1)
            second = tasks.create_task(all_settled(run(engine, "echo:second")))
            await until(lambda: engine.status().waiting == 2)
            assert await all_settled(run(engine, "echo:third")) == ["capacity.queue_full"]
            vip = tasks.create_task(run(engine, "echo:vip", priority=Priority.VIP))
            assert await second == ["capacity.queue_full"]
            gate.touch()
        assert (await first, await vip) == (["first"], "vip")

    async def test_waiting_ends_at_the_deadline(self, engine_of: MakeEngine, tmp_path: Path) -> None:
        """Whoever waits too long is told so and leaves the line."""
        gate = tmp_path / "gate"
        async with Running(engine_of(ONE)) as engine, asyncio.TaskGroup() as tasks:
            tasks.create_task(run(engine, f"hold:{gate}"))
            await until(Path(f"{gate}.begun").exists)
            assert await all_settled(run(engine, "echo:late", wait_s=0.02)) == ["capacity.deadline"]
            assert engine.status().waiting == 0
            gate.touch()

    async def test_a_waiting_caller_who_leaves_gives_up_the_place(self, engine_of: MakeEngine, tmp_path: Path) -> None:
        """A cancelled waiter is never served and costs nobody a slot."""
        gate = tmp_path / "gate"
        async with Running(engine_of(ONE)) as engine, asyncio.TaskGroup() as tasks:
            tasks.create_task(run(engine, f"hold:{gate}"))
            await until(Path(f"{gate}.begun").exists)
            leaver = asyncio.create_task(run(engine, f"hold:{tmp_path / 'never'}"))
            await until(lambda: engine.status().waiting == 1)
            leaver.cancel()
            await until(lambda: engine.status().waiting == 0)
            gate.touch()
            assert await run(engine, "echo:next") == "next"
        assert not (tmp_path / "never.begun").exists()

    @pytest.mark.parametrize("script", ["hold", "runtime"])
    async def test_a_running_caller_who_leaves_frees_the_worker(
        self, engine_of: MakeEngine, tmp_path: Path, script: str
    ) -> None:
        """Cancelling the task stops the maker, which is told once, and the same maker serves the next caller."""
        never = tmp_path / "never"
        async with Running(engine_of(ONE)) as engine:
            leaver = asyncio.create_task(run(engine, f"{script}:{never}"))
            await until(Path(f"{never}.begun").exists)
            leaver.cancel()
            with pytest.raises(asyncio.CancelledError):
                await leaver
            assert await run(engine, "cancels:") == "1"
            assert engine.status().restarts == 0

    async def test_a_permit_that_is_not_used_gives_the_slot_back(self, engine_of: MakeEngine) -> None:
        """Leaving the block is enough."""
        async with Running(engine_of(ONE)) as engine:
            async with await engine.admit(priority=Priority.VIP, owner="", deadline_s=1):
                assert engine.status().busy == 1
            assert engine.status().busy == 0
            assert await run(engine, "echo:next") == "next"

    async def test_a_permit_is_good_for_one_job(self, engine_of: MakeEngine) -> None:
        """A second run is a bug of the caller, and is called so."""
        async with (
            Running(engine_of(ONE)) as engine,
            await engine.admit(priority=Priority.VIP, owner="", deadline_s=1) as permit,
        ):
            await permit.run(job("echo:once"))
            with pytest.raises(RuntimeError):
                await permit.run(job("echo:twice"))

    async def test_drain_finishes_what_runs_and_waits_and_takes_nothing_new(
        self, engine_of: MakeEngine, tmp_path: Path
    ) -> None:
        """After drain is called newcomers are refused; what was in hand is delivered; a second drain waits too."""
        gate = tmp_path / "gate"
        async with Running(engine_of(ONE)) as engine, asyncio.TaskGroup() as tasks:
            running = tasks.create_task(run(engine, f"hold:{gate}"))
            await until(Path(f"{gate}.begun").exists)
            waiting = tasks.create_task(run(engine, "echo:patient"))
            await until(lambda: engine.status().waiting == 1)
            drains = [tasks.create_task(engine.drain()) for _ in range(2)]
            await until(lambda: not engine.status().ready)
            assert await all_settled(run(engine, "echo:new")) == ["capacity.draining"]
            gate.touch()
        assert (running.result(), waiting.result()) == ("held", "patient")
        assert all(drain.done() for drain in drains)

    async def test_drain_time_ends(self, engine_of: MakeEngine, tmp_path: Path) -> None:
        """What is still running or waiting after the drain time is refused as draining."""
        never = tmp_path / "never"
        async with Running(engine_of(replace(ONE, drain_s=0.05))) as engine:
            running = asyncio.create_task(all_settled(run(engine, f"hold:{never}"), run(engine, "echo:waits")))
            await until(Path(f"{never}.begun").exists)
            await engine.drain()
            assert await running == ["capacity.draining", "capacity.draining"]

    async def test_time_limit(self, engine_of: MakeEngine, tmp_path: Path) -> None:
        """A job that runs longer than the limit ends as a refusal, and the next is served."""
        async with Running(engine_of(replace(ONE, time_limit_s=0.5))) as engine:
            assert await all_settled(run(engine, f"hold:{tmp_path / 'never'}")) == ["engine.time_limit"]
            assert await run(engine, "echo:next") == "next"

    async def test_status_tells_what_goes_on(self, engine_of: MakeEngine, tmp_path: Path) -> None:
        """Not ready before the start, ready when warm, busy and waiting counted, not ready after draining."""
        gate = tmp_path / "gate"
        engine = engine_of(ONE)
        assert not engine.status().ready
        assert engine.status().problem
        assert engine.status().starting
        async with Running(engine), asyncio.TaskGroup() as tasks:
            assert engine.status().problem == ""
            assert not engine.status().starting
            tasks.create_task(run(engine, f"hold:{gate}"))
            await until(Path(f"{gate}.begun").exists)
            tasks.create_task(run(engine, "echo:x"))
            await until(lambda: engine.status().waiting == 1)
            assert (engine.status().workers, engine.status().busy) == (1, 1)
            gate.touch()
        assert not engine.status().ready
        assert "shutting down" in engine.status().problem
        assert not engine.status().starting

    async def test_jobs_that_come_while_it_warms_up_are_served(self, engine_of: MakeEngine) -> None:
        """Starting does not refuse; it queues."""
        async with Running(engine_of(ONE), warm=False) as engine:
            assert await run(engine, "echo:early") == "early"


@pytest.mark.asyncio
@pytest.mark.parametrize("build", [inline, pool])
async def test_a_default_model_that_cannot_be_loaded_refuses_instead_of_hanging(
    build: Callable[..., Engine], tmp_path: Path
) -> None:
    """Who waits and who comes later both get the model's own refusal, and status tells the operator why."""
    async with Running(build(tmp_path, default="missing"), warm=False) as engine:
        assert await all_settled(run(engine, "echo:x"), run(engine, "echo:y")) == ["model.missing"] * 2
        assert await all_settled(run(engine, "echo:later")) == ["model.missing"]
        assert str(tmp_path / "missing") in engine.status().problem
