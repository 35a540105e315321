"""Engines for the tests, and how to wait for what they do without a fixed time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

from mattegate.config.settings import EngineSettings, ModelSettings, Settings
from mattegate.cutout.engine.inline import InlineEngine
from mattegate.cutout.engine.pool import WorkerPool
from mattegate.cutout.engine.protocol import Cutout, Engine, Job, Priority
from mattegate.cutout.engine.watch import Patience
from mattegate.vocabulary.options import CutoutOptions
from tests.cutout.engine.makers import ScriptedMaker

ROOT = Path(__file__).parents[3]
QUICK = Patience(tick_s=0.02, load_s=20.0, cancel_s=1.0, first_pause_s=0.05, longest_pause_s=0.2)
ONE = EngineSettings(workers=1, threads=1, queue=4, time_limit_s=20.0, memory_limit_mb=200, drain_s=20.0)


def settings_for(home: Path, engine: EngineSettings = ONE, default: str = "default") -> Settings:
    """Settings with a home of their own."""
    return Settings(home=home, engine=engine, models=ModelSettings(default=default))


def pool(home: Path, engine: EngineSettings = ONE, *, maker: str = "scripted", default: str = "default") -> WorkerPool:
    """A pool of workers that run a maker of :mod:`tests.cutout.engine.makers`."""
    return scripted(settings_for(home, engine, default), maker=maker)


def scripted(settings: Settings, *, maker: str = "scripted") -> WorkerPool:
    """The same under settings of one's own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MATTEGATE_TEST_SECRET": "hush"}
    factory = f"tests.cutout.engine.makers:{maker}"
    return WorkerPool(settings, factory=factory, environment=environment, patience=QUICK)


def inline(home: Path, engine: EngineSettings = ONE, *, default: str = "default") -> InlineEngine:
    """The same maker in a thread of this process."""
    return InlineEngine(ScriptedMaker(settings_for(home, engine, default)), engine)


class Running(AbstractAsyncContextManager[Engine]):
    """Starts an engine, waits until it is warm, and drains it at the end."""

    def __init__(self, engine: Engine, *, warm: bool = True) -> None:
        self._engine = engine
        self._warm = warm

    async def __aenter__(self) -> Engine:
        await self._engine.start()
        if self._warm:
            await until(lambda: self._engine.status().ready)
        return self._engine

    async def __aexit__(self, *exc_info: object) -> None:
        await self._engine.drain()


def job(script: str, *, model: str | None = None, background: bytes | None = None) -> Job:
    """A job whose image is a script for the maker."""
    return Job(script.encode(), replace(CutoutOptions(), model=model), background)


async def run(
    engine: Engine, script: str | Job, *, priority: Priority = Priority.STANDARD, owner: str = "", wait_s: float = 20.0
) -> str:
    """Admit, run and give back; the answer as text."""
    return bytes((await made(engine, script, priority=priority, owner=owner, wait_s=wait_s)).data).decode()


async def made(
    engine: Engine, script: str | Job, *, priority: Priority = Priority.STANDARD, owner: str = "", wait_s: float = 20.0
) -> Cutout:
    """Admit, run and give back; the whole answer."""
    work = job(script) if isinstance(script, str) else script
    async with await engine.admit(
        priority=priority, owner=owner, deadline_s=wait_s, model=work.options.model
    ) as permit:
        return await permit.run(work)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens elsewhere; fails the test when it does not happen for a long time."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def all_settled(*work: Awaitable[str]) -> list[str]:
    """Let everything run at once; answers and the codes of refusals, in the given order."""
    outcomes = await asyncio.gather(*work, return_exceptions=True)
    return [getattr(getattr(each, "reason", None), "code", None) or str(each) for each in outcomes]
