"""What a vip request waits while ordinary ones saturate the queue.

No credential carries a priority class over HTTP yet, so this is measured at the engine's own contract, with its real
worker processes: a 1.5 MP JPEG by `admit(VIP)` and `run`, alone, and while 24 standard callers with pictures of the
same size keep the queue full. The vip comes at moments that have nothing to do with the queue: it pauses for 0 to 0.5
s (fixed seed) before each request, idle or not. Blocks of both alternate; each pair of blocks gives one ratio of
their medians.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.context import Bench, Outcome
from bench.inputs import MP_1P5, SUBJECTS, large_jpeg
from bench.pairs import Paired, Spread
from bench.problems import Unmeasurable
from mattegate.assembly import build_engine
from mattegate.config.settings import Settings
from mattegate.cutout.engine.protocol import Engine, Job, Priority
from mattegate.vocabulary.options import CutoutOptions

NAME = "priority"
STANDARD_CALLERS = 24
_DEADLINE_S = 60.0
_START_LIMIT_S = 120.0
_LONGEST_PAUSE_S = 0.5


def measure(bench: Bench) -> Outcome:
    """The figure ``vip_over_idle``."""
    bench.weights("u2netp")
    found, waiting = asyncio.run(_blocks(bench))
    return Outcome(
        {"vip_over_idle": found.ratio.median},
        __doc__ or "",
        {
            "ratio": found.ratio.as_json(),
            "saturated_ms": Spread.of(found.first).scaled(1e3).as_json(1),
            "idle_ms": Spread.of(found.second).scaled(1e3).as_json(1),
            "standard_callers": STANDARD_CALLERS,
            "waiting_while_saturated": Spread.of(waiting).as_json(0),
        },
    )


async def _blocks(bench: Bench) -> tuple[Paired, list[float]]:
    blocks, told = bench.effort.vip_blocks, bench.steps(NAME, bench.effort.vip_blocks)
    saturated: list[float] = []
    idle: list[float] = []
    waiting: list[float] = []
    for name in SUBJECTS:
        large_jpeg(name, MP_1P5)  # made and remembered before any clock runs
    async with running(build_engine(Settings(home=bench.home))) as engine:
        await _vip_block(engine, 2)
        for block in range(blocks):
            idle.append(await _vip_block(engine, bench.effort.vip_requests_per_block))
            async with _saturation(engine):
                saturated.append(await _vip_block(engine, bench.effort.vip_requests_per_block))
                waiting.append(engine.status().waiting)
            told(block + 1)
    return Paired(tuple(saturated), tuple(idle)), waiting


@asynccontextmanager
async def running(engine: Engine) -> AsyncIterator[Engine]:
    """Start an engine, wait until it is warm, drain it at the end. Raises :class:`Unmeasurable` where it stays cold."""
    await engine.start()
    try:
        deadline = time.monotonic() + _START_LIMIT_S
        while not engine.status().ready:
            if time.monotonic() > deadline:
                raise Unmeasurable(f"the engine was not ready within {_START_LIMIT_S:g} s: {engine.status().problem}")
            await asyncio.sleep(0.05)
        yield engine
    finally:
        await engine.drain()


@asynccontextmanager
async def _saturation(engine: Engine) -> AsyncIterator[None]:
    """Keep the queue full of standard work while the block runs."""
    callers = [asyncio.create_task(_standard_caller(engine, number)) for number in range(STANDARD_CALLERS)]
    try:
        while engine.status().waiting < STANDARD_CALLERS // 2:
            await asyncio.sleep(0.01)
        yield
    finally:
        for caller in callers:
            caller.cancel()
        await asyncio.gather(*callers, return_exceptions=True)


async def _standard_caller(engine: Engine, number: int) -> None:
    while True:
        await _one(engine, Priority.STANDARD, f"standard-{number}", number)


async def _vip_block(engine: Engine, requests: int) -> float:
    """The median latency of vip requests, from asking for a permit to the finished bytes."""
    taken, draw = [], random.Random(requests)
    for number in range(requests):
        await asyncio.sleep(draw.uniform(0, _LONGEST_PAUSE_S))
        start = time.perf_counter()
        await _one(engine, Priority.VIP, "vip", number)
        taken.append(time.perf_counter() - start)
    return Spread.of(taken).median


async def _one(engine: Engine, priority: Priority, owner: str, number: int) -> None:
    job = Job(large_jpeg(SUBJECTS[number % len(SUBJECTS)], MP_1P5), CutoutOptions())
    async with await engine.admit(priority=priority, owner=owner, deadline_s=_DEADLINE_S) as permit:
        await permit.run(job)
