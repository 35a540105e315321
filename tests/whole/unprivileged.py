"""Starts the application in this very process and then gives up all rights, so that closed folders are closed.

A process of its own, because rights that were given up do not come back. The interpreter's files may be readable by
the superuser only, so everything is imported first and the engine runs in a thread instead of new processes.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import httpx2

from mattegate.config.settings import Settings
from mattegate.cutout.engine.inline import InlineEngine
from mattegate.cutout.models.catalogue import built_in
from mattegate.cutout.pipeline import build_maker
from mattegate.serving.app import DataPlane
from tests.serving.gates import memory_gate

_NOBODY = 65534


def ready() -> None:
    """Print what ``/ready`` and ``/health`` answer for the home named on the command line."""
    built_in()
    settings = Settings(home=Path(sys.argv[1]))
    maker = build_maker(settings, threads=1)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
    print(json.dumps(asyncio.run(_answers(settings, InlineEngine(maker)))))


async def _answers(settings: Settings, engine: InlineEngine) -> dict[str, object]:
    with memory_gate(settings) as gate:
        app = DataPlane(settings, engine, gate.gatehouse, records=gate.records, standing=gate.usage.standing)
        await engine.start()
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://x") as client:
            for _ in range(200):
                await asyncio.sleep(0.02)
                answer = await client.get("/ready")
                if answer.json().get("reason") != "capacity.starting":
                    break
            health = await client.get("/health")
    return {"status": answer.status_code, "health": health.status_code, "detail": answer.json()["detail"]}
