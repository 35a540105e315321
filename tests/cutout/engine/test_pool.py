"""Workers that crash, hang, lie and eat memory: each costs one request, leaves no trace, and is replaced."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import uvloop

from mattegate.config.settings import AuthorizerSettings, LimitSettings, ModelSettings, NoticeSettings
from mattegate.cutout.engine.protocol import Engine
from mattegate.cutout.engine.wire import SharedBuffer
from mattegate.vocabulary.options import Colour, CutoutOptions, OutputFormat
from mattegate.vocabulary.refusal import Refusal
from tests.cutout.engine.engines import (
    ONE,
    ROOT,
    Running,
    all_settled,
    job,
    made,
    pool,
    run,
    scripted,
    settings_for,
    until,
)

pytestmark = pytest.mark.asyncio

TWO = replace(ONE, workers=2)


async def refusal_of(engine: Engine, script: str) -> Refusal:
    """The refusal that a job ends in."""
    with pytest.raises(Refusal) as caught:
        await run(engine, script)
    return caught.value


@pytest.mark.parametrize(
    ("script", "how"),
    [("die:SIGSEGV", "SIGSEGV"), ("die:SIGKILL", "SIGKILL"), ("die:SIGABRT", "SIGABRT"), ("exit:7", "exit code 7")],
)
async def test_a_worker_that_dies_on_a_job_costs_that_job(tmp_path: Path, script: str, how: str) -> None:
    """The refusal names how it died; the next job runs in a new process; the service stays ready all along."""
    async with Running(pool(tmp_path)) as engine:
        first = await run(engine, "pid:")
        refusal = await refusal_of(engine, script)
        assert refusal.reason.code == "engine.worker_died"
        assert refusal.facts["how"] == how
        assert engine.status().ready
        assert await run(engine, "pid:") != first
        assert engine.status().restarts == 1


async def test_kill_9_in_mid_job_is_answered_and_the_next_is_served(tmp_path: Path) -> None:
    """Somebody kills the worker from outside while it works."""
    async with Running(pool(tmp_path)) as engine:
        pid = int(await run(engine, "pid:"))
        doomed = asyncio.create_task(all_settled(run(engine, f"stubborn:{tmp_path / 'x'}"), run(engine, "echo:next")))
        await until((tmp_path / "x.begun").exists)
        os.kill(pid, signal.SIGKILL)
        assert await doomed == ["engine.worker_died", "next"]


async def test_kill_9_while_idle_goes_unnoticed_by_callers(tmp_path: Path) -> None:
    """A job that comes while the worker is being replaced waits for the new one."""
    async with Running(pool(tmp_path)) as engine:
        os.kill(int(await run(engine, "pid:")), signal.SIGKILL)
        await until(lambda: engine.status().restarts == 1)
        assert await run(engine, "echo:next") == "next"


@pytest.mark.parametrize("script", ["stubborn", "hang"])
async def test_a_hang_ends_at_the_time_limit(tmp_path: Path, script: str) -> None:
    """Even with the interpreter's lock held in C; the refusal names the limit."""
    async with Running(pool(tmp_path, replace(ONE, time_limit_s=0.5))) as engine:
        refusal = await refusal_of(engine, f"{script}:{tmp_path / 'x'}")
        assert (refusal.reason.code, refusal.facts["seconds"]) == ("engine.time_limit", 0.5)
        assert await run(engine, "echo:next") == "next"


@pytest.mark.parametrize("script", ["fill:", "slip:"])
async def test_a_memory_blow_up_ends_at_the_limit(tmp_path: Path, script: str) -> None:
    """Caught by the worker's own limit, or from outside where that was evaded."""
    async with Running(pool(tmp_path)) as engine:
        refusal = await refusal_of(engine, script)
        assert (refusal.reason.code, refusal.facts["limit_mb"]) == ("engine.memory_limit", 200)
        assert await run(engine, "echo:next") == "next"


async def test_loading_a_model_is_not_charged_to_the_image(tmp_path: Path) -> None:
    """A model larger than an image's whole memory limit loads, and stays within reach afterwards."""
    async with Running(pool(tmp_path, replace(ONE, memory_limit_mb=40))) as engine:
        assert await run(engine, job("echo:x", model="heavy")) == "x"
        assert await run(engine, job("echo:y", model="heavy")) == "y"
        assert (await refusal_of(engine, "fill:")).reason.code == "engine.memory_limit"


async def test_a_caller_who_leaves_a_deaf_worker_does_not_block_the_next(tmp_path: Path) -> None:
    """A worker that does not stop when told is killed after a short patience."""
    async with Running(pool(tmp_path)) as engine:
        leaver = asyncio.create_task(run(engine, f"hang:{tmp_path / 'x'}"))
        await until((tmp_path / "x.begun").exists)
        leaver.cancel()
        assert await run(engine, "echo:next") == "next"
        assert engine.status().restarts == 1


async def test_an_image_that_killed_two_workers_is_not_tried_a_third_time(tmp_path: Path) -> None:
    """The same bytes with other options, and other bytes, are still tried."""
    async with Running(pool(tmp_path)) as engine:
        killer = job("die:SIGSEGV")
        other = replace(killer, options=replace(killer.options, format=OutputFormat.WEBP))
        codes = [(await all_settled(run(engine, each)))[0] for each in (killer, killer, killer, other)]
        assert codes == ["engine.worker_died", "engine.worker_died", "engine.poison", "engine.worker_died"]
        assert await run(engine, "echo:innocent") == "innocent"
        assert engine.status().restarts == 3


async def test_an_image_is_not_blamed_for_a_model_that_kills(tmp_path: Path) -> None:
    """A worker that dies while it loads a model has not seen the image yet."""
    async with Running(pool(tmp_path)) as engine:
        fatal = job("echo:x", model="fatal")
        codes = [(await all_settled(run(engine, fatal)))[0] for _ in range(3)]
        assert codes == ["engine.worker_died"] * 3


async def test_a_worker_that_breaks_the_format_is_killed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Rubbish on the socket ends the worker, not the engine."""
    async with Running(pool(tmp_path)) as engine:
        assert (await refusal_of(engine, "babble:")).reason.code == "engine.worker_died"
        assert "does not keep to the format" in caplog.text
        assert await run(engine, "echo:next") == "next"


@pytest.mark.parametrize(
    ("maker", "told"), [("broken", "cannot build for default"), ("stillborn", "SIGKILL"), ("absent", "absent")]
)
async def test_workers_that_never_come_up_refuse_with_the_cause(tmp_path: Path, maker: str, told: str) -> None:
    """Requests get engine.unavailable instead of hanging; the operator reads the cause; attempts go on with pauses."""
    async with Running(pool(tmp_path, maker=maker), warm=False) as engine:
        assert await all_settled(run(engine, "echo:x")) == ["engine.unavailable"]
        assert told in engine.status().problem
        await until(lambda: engine.status().restarts >= 2)
        assert not engine.status().ready


async def test_mending_the_cause_heals_the_engine(tmp_path: Path) -> None:
    """Weights that become readable are found without a restart of the service."""
    (tmp_path / "unreadable").touch()
    async with Running(pool(tmp_path), warm=False) as engine:
        assert await all_settled(run(engine, "echo:x")) == ["model.missing"]
        (tmp_path / "unreadable").unlink()
        await until(lambda: engine.status().ready)
        assert await run(engine, "echo:x") == "x"


async def both_at_work(engine: Engine, home: Path) -> None:
    """Two jobs that run at the same time, which takes two warm workers."""
    async with asyncio.TaskGroup() as tasks:
        for name in ("a", "b"):
            tasks.create_task(run(engine, f"hold:{home / name}"))
        await until(lambda: (home / "a.begun").exists() and (home / "b.begun").exists())
        assert engine.status().busy == 2
        for name in ("a", "b"):
            (home / name).touch()


async def test_a_job_goes_to_the_worker_that_has_its_model(tmp_path: Path) -> None:
    """With two idle workers the one that loaded the model before is chosen again, whoever was used in between."""
    async with Running(pool(tmp_path, TWO)) as engine:
        await both_at_work(engine, tmp_path)
        first = await run(engine, job("pid:", model="rare"))
        for _ in range(4):
            await all_settled(run(engine, "pid:"), run(engine, "pid:"))
            assert await run(engine, job("pid:", model="rare")) == first


async def test_two_workers_work_at_the_same_time(tmp_path: Path) -> None:
    """And are both idle afterwards."""
    async with Running(pool(tmp_path, TWO)) as engine:
        await both_at_work(engine, tmp_path)
        assert engine.status().busy == 0


async def test_every_option_reaches_the_worker(tmp_path: Path) -> None:
    """An order with nested options is understood by a real worker, whose report names the model asked for."""
    options = CutoutOptions(model="m", background=Colour(1, 2, 3), format=OutputFormat.JPEG)
    async with Running(pool(tmp_path)) as engine:
        cutout = await made(engine, replace(job("echo:x"), options=options))
    assert cutout.report.model == "m"


async def test_workers_get_no_secrets_and_the_measured_memory_settings(tmp_path: Path) -> None:
    """The environment is an allow-list plus what plan.py documents."""
    async with Running(pool(tmp_path)) as engine:
        assert await run(engine, "environment:MATTEGATE_TEST_SECRET") == ""
        assert await run(engine, "environment:MALLOC_MMAP_THRESHOLD_") == str(1 << 30)
        assert await run(engine, "environment:OMP_NUM_THREADS") == "1"


async def test_nobody_who_lists_the_processes_reads_a_secret(tmp_path: Path) -> None:
    """Command lines are public, so a worker's says what it goes by: no key, no password, nobody's address."""
    settings = replace(
        settings_for(tmp_path),
        api_keys=("ACME-hush",),
        models=ModelSettings(default="default", base_url="https://user:hush@mirror.example.com/"),
        limits=LimitSettings(redis_url="redis://:hush@127.0.0.1:6379/0"),
        notices=NoticeSettings(webhook_url="https://hooks.example.com/hush"),
        authorizer=AuthorizerSettings(url="https://authorizer.example.com/hush"),
    )
    async with Running(scripted(settings)) as engine:
        told = psutil.Process(int(await run(engine, "pid:"))).cmdline()
        assert "hush" not in " ".join(told)
        assert str(tmp_path) in " ".join(told)


async def test_what_a_maker_prints_does_not_reach_standard_output(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """So that a cut-out written to standard output stays whole; the log tells it instead."""
    async with Running(pool(tmp_path)) as engine:
        assert await run(engine, "print:noise") == "printed"
    captured = capfd.readouterr()
    assert "noise" not in captured.out + captured.err
    assert any(record.getMessage().endswith(": noise") for record in caplog.records)


async def test_signals_of_the_terminal_and_the_service_manager_do_not_stop_a_worker(tmp_path: Path) -> None:
    """Ctrl-C and a group-wide SIGTERM reach workers too, while the engine still wants the work finished."""
    gate = tmp_path / "gate"
    async with Running(pool(tmp_path)) as engine:
        pid = int(await run(engine, "pid:"))
        held = asyncio.create_task(run(engine, f"hold:{gate}"))
        await until(Path(f"{gate}.begun").exists)
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGINT)
        gate.touch()
        assert await held == "held"
        assert engine.status().restarts == 0


async def test_nothing_is_left_behind(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """After answers, deaths, refusals, cancellations and a drain: no descriptor, no process, no mapping."""
    caplog.set_level(logging.CRITICAL, "mattegate.engine")
    await _rough_life(tmp_path)  # libraries open what they keep
    gc.collect()
    before = _holdings()
    await _rough_life(tmp_path)
    gc.collect()
    assert _holdings() == before
    assert psutil.Process().children() == []


async def _rough_life(home: Path) -> None:
    never = home / "never"
    async with Running(pool(home)) as engine:
        for _ in range(3):
            with SharedBuffer() as upload:
                upload.append(b"echo:" + b"x" * 100_000)
                cutout = await made(engine, replace(job(""), image=upload.view(), background=b"y"))
                assert len(cutout.data) == 100_001
            assert await all_settled(run(engine, "die:SIGKILL"), run(engine, "refuse:x"))
        leaver = asyncio.create_task(run(engine, f"hold:{never}"))
        await until(Path(f"{never}.begun").exists)
        leaver.cancel()
    Path(f"{never}.begun").unlink()


def _holdings() -> tuple[int, int]:
    """Open descriptors and mappings of shared buffers."""
    descriptors = sum(1 for _ in Path("/proc/self/fd").iterdir())
    return descriptors, Path("/proc/self/maps").read_text().count("memfd:mattegate")


@pytest.mark.parametrize("script", ["hold", "hang"])
async def test_workers_die_with_their_parent(tmp_path: Path, script: str) -> None:
    """A parent that is killed leaves no worker behind, whatever that is doing."""
    program = (
        "import asyncio, pathlib\n"
        "from tests.cutout.engine.engines import *\n"
        "async def main():\n"
        f"    engine = pool(pathlib.Path({str(tmp_path)!r}))\n"
        "    await engine.start()\n"
        "    print(await run(engine, 'pid:'), flush=True)\n"
        f"    await run(engine, 'hold:{tmp_path / 'x'}'.replace('hold', {script!r}))\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, cwd=ROOT, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert parent.stdout is not None
    worker = psutil.Process(int(await parent.stdout.readline()))
    await until((tmp_path / "x.begun").exists)
    parent.kill()
    await parent.communicate()
    await until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)


async def test_it_runs_on_uvloop(tmp_path: Path) -> None:
    """The server's event loop serves, loses a worker, cancels and drains just the same."""

    async def life() -> None:
        async with Running(pool(tmp_path)) as engine:
            outcomes = await all_settled(run(engine, "echo:x"), run(engine, "die:SIGKILL"), run(engine, "echo:y"))
            assert outcomes == ["x", "engine.worker_died", "y"]
            leaver = asyncio.create_task(run(engine, f"hold:{tmp_path / 'never'}"))
            await until((tmp_path / "never.begun").exists)
            leaver.cancel()
            assert await run(engine, "cancels:") == "1"

    await asyncio.to_thread(uvloop.run, life())
