"""The server around an application of a few lines: ``python -m tests.serving.run_bare SETTINGS``.

Prints the admin plane's address (or an empty line), then the data plane's. ``/slow`` answers after ``pause_s``,
``/mirror`` tells what it was asked and how it came, ``/big`` answers a megabyte; a call that was off is logged.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

from starlette.types import Receive, Scope, Send

from mattegate.config.load import ConfigurationError
from mattegate.config.settings import AdminSettings, NetworkSettings, ServerSettings, Settings
from mattegate.ledger.tickets import TicketBox
from mattegate.serving.drain import Drain
from mattegate.serving.echo import Echo
from mattegate.serving.server import Vitals, serve
from mattegate.serving.watch import until_gone
from mattegate.vocabulary.refusal import Refusal
from tests.serving.engines import EchoEngine

_LOG = logging.getLogger("tests.bare")
_PATHS = {"tls_certificate", "tls_key"}


def main() -> None:
    """Serve with what the arguments say."""
    given = json.loads(sys.argv[1])
    server: dict[str, Any] = {
        name: Path(value) if name in _PATHS else value for name, value in given.get("server", {}).items()
    }
    settings = Settings(
        home=Path(given.get("home", "/nonexistent")),
        server=ServerSettings(**({"port": 0} | server)),
        admin=AdminSettings(**{"port": 0} | given.get("admin", {})),
        network=NetworkSettings(trusted_proxies=tuple(given.get("trusted_proxies", ()))),
    )
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(name)s %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    vitals = Vitals()
    app = Bare(given.get("pause_s", 0.5), vitals, Echo(TicketBox(settings.home), prefix=""))
    with_admin = "admin" in given
    try:
        serve(
            app,
            settings,
            admin=_admin if with_admin else None,
            vitals=vitals,
            on_admin=lambda url: print(url, flush=True),
            on_bound=lambda url: print(url if with_admin else f"\n{url}", flush=True),
            on_ready=lambda url: _LOG.info("ready %s", url),
        )
    except ConfigurationError as error:
        sys.exit(str(error))


class Bare:
    """An application with the drain that a server needs."""

    def __init__(self, pause_s: float, vitals: Vitals, echo: Echo) -> None:
        self._engine = EchoEngine()
        self.drain = Drain(self._engine, patience_s=5)
        self._pause_s = pause_s
        self._vitals = vitals
        self._echo = echo

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or the lifespan."""
        if scope["type"] == "lifespan":
            return await self._live(receive, send)
        try:
            await self._answer(scope, receive, send)
        except Refusal as refusal:
            _LOG.info("refused %s", refusal.reason.code)
        return None

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await self._engine.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.drain.finish()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        ticket = self._echo.wants(scope["path"])
        if ticket is not None and self._echo.consume(ticket, time.time()):
            return await self._echo(scope, receive, send)
        with self.drain.work():
            while (await receive()).get("more_body"):
                pass
            if scope["path"] == "/slow":
                _LOG.info("begun")
                await until_gone(receive, asyncio.sleep(self._pause_s))
            body = b"x" * 1_000_000 if scope["path"] == "/big" else json.dumps(_told(scope, self._vitals)).encode()
        await _respond(send, body)
        return None


def _told(scope: Scope, vitals: Vitals) -> dict[str, Any]:
    status = vitals.tls.status() if vitals.tls else None
    return {
        "path": scope["path"],
        "scheme": scope["scheme"],
        "client": scope["client"],
        "tls": scope.get("mattegate.tls"),
        "headers": [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]],
        "refused": dict(vitals.refused_before_asgi),
        "open": vitals.connections.open if vitals.connections else None,
        "certificate": [status.fingerprint, status.not_after, status.problem] if status else None,
    }


async def _admin(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await _respond(send, b"the admin plane")


async def _respond(send: Send, body: bytes) -> None:
    length = str(len(body)).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    main()
