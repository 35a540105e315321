"""A server process for the gate's figures: ``python -m bench.gate_driver KIND HOME`` prints its port and its key.

``empty``: nothing but a 204, on the product's own server. ``gated``: the data plane behind the gate, with the books of
HOME on the disk. ``open``: the same data plane without a gate around it. The engine of both answers every image at once
with the image itself, so that what is left is what stands around the engine.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from starlette.types import Receive, Scope, Send

from mattegate import assembly
from mattegate.config.settings import AdminSettings, LogSettings, ServerSettings, Settings
from mattegate.cutout.engine.protocol import Cutout, Engine, EngineStatus, Job, Permit, Priority
from mattegate.ledger.first_key import make_first_key
from mattegate.serving import access, server
from mattegate.serving.app import DataPlane
from mattegate.serving.drain import Drain
from mattegate.serving.exchange import Exchange
from mattegate.serving.gatehouse import Gatehouse
from mattegate.serving.plane import RemoveBackground
from mattegate.serving.reading import read_attempt
from mattegate.serving.routes import CUTOUT, Match
from mattegate.vocabulary.report import Report
from mattegate.vocabulary.rulebook import FloodRules

_UNLIMITED = 10**9


class Mirror:
    """An engine that answers every image with itself."""

    async def start(self) -> None:
        """Nothing has to warm up."""

    async def admit(self, *, priority: Priority, owner: str, deadline_s: float, model: str | None = None) -> Permit:
        """At once, whoever asks for whatever."""
        del priority, owner, deadline_s, model
        return _Permit()

    def status(self) -> EngineStatus:
        """Always ready."""
        return EngineStatus(ready=True, problem="", workers=1, busy=0, waiting=0, restarts=0)

    async def drain(self) -> None:
        """Nothing runs."""


class _Permit:
    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Nothing is held."""

    async def run(self, job: Job) -> Cutout:
        """The image as it came."""
        return Cutout(memoryview(job.image), Report("none", "image/png", 1, 1, 1, 1, None, ()))


class Empty:
    """An application that answers everything with 204."""

    def __init__(self, engine: Engine) -> None:
        self.drain = Drain(engine, patience_s=1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or live through the lifespan."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class Open(Empty):
    """The data plane's one act with nothing in front of it."""

    def __init__(self, settings: Settings, engine: Engine, gatehouse: Gatehouse) -> None:
        super().__init__(engine)
        self._gatehouse = gatehouse
        self._plane = RemoveBackground(settings, engine, self.drain, gatehouse, str)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Make a cut-out for anybody."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        rules = self._gatehouse.rules()
        exchange = Exchange(started=time.perf_counter(), at=time.time())
        exchange.attach(scope)
        match = Match(CUTOUT, {})
        reading = read_attempt(scope, match, rules.rulebook.credential, request_id=exchange.request_id, at=exchange.at)
        exchange.walk = self._gatehouse.begin(reading, rules)
        await self._plane(scope, receive, send)


async def _live(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


def main() -> None:
    """Serve one kind until told to stop."""
    kind, home = sys.argv[1], Path(sys.argv[2])
    settings = Settings(
        home=home,
        server=ServerSettings(port=0),
        admin=AdminSettings(enabled=False),
        flood=FloodRules(unproven_per_minute=_UNLIMITED, failures_per_minute=_UNLIMITED),
        log=LogSettings(file=home / "access.jsonl"),
    )
    home.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        access.send_lines_to(access.open_access_log(settings.log.file))
        gate = stack.enter_context(assembly.open_gate(settings))
        file = make_first_key(gate.books.accounts, home, tier="enterprise", actor="cli:bench")
        key = file.read_text("ascii").strip() if file else ""
        app = _app(kind, settings, gate)
        server.serve(app, settings, on_ready=lambda url: print(url.rpartition(":")[2], key, flush=True))


def _app(kind: str, settings: Settings, gate: assembly.OpenGate) -> Empty | DataPlane:
    engine: Engine = Mirror()
    kinds: dict[str, Callable[[], Empty | DataPlane]] = {
        "empty": lambda: Empty(engine),
        "open": lambda: Open(settings, engine, gate.gatehouse),
        "gated": lambda: DataPlane(
            settings, engine, gate.gatehouse, records=gate.books.records, standing=gate.books.usage.standing
        ),
    }
    return kinds[kind]()


if __name__ == "__main__":
    main()
