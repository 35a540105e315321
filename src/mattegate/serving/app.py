"""The data plane: which route is answered by what. Composition only; each endpoint lives in its own file."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from mattegate.serving import routes
from mattegate.serving.account import Account
from mattegate.serving.drain import Drain
from mattegate.serving.endpoint import Answering, answered
from mattegate.serving.envelope import Envelope
from mattegate.serving.exchange import Exchange
from mattegate.serving.forward_auth import ForwardAuth
from mattegate.serving.health import Health
from mattegate.serving.plane import RemoveBackground, head_reader
from mattegate.serving.site import Site
from mattegate.serving.threshold import Threshold

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from mattegate.config.settings import Settings
    from mattegate.cutout.engine.protocol import Engine
    from mattegate.ledger.protocols import RecordBook
    from mattegate.serving.echo import Echo
    from mattegate.serving.fetching import ImageFetcher
    from mattegate.serving.gatehouse import Gatehouse
    from mattegate.serving.standing import Standing

Companion = Callable[[], Coroutine[Any, Any, None]]
"""Something that runs beside the requests until it is cancelled."""
Closing = Callable[[], Coroutine[Any, Any, None]]
"""Ends what a part still has under way when no request needs it any more."""

_NO_MODELS: Final[tuple[str, ...]] = ()


class DataPlane:
    """The data plane as an ASGI application; its lifespan starts and drains the engine.

    ``models`` gives the names a request may use, for the pages and the OpenAPI document; ``proper_name`` turns an alias
    into the name that policies speak of. ``drain`` is what a server tells of its end. ``extra`` answers further routes
    by their names; ``companions`` run beside it as long as it lives, and ``closing`` is called at its end; ``observe``
    is told of every exchange once it is over. ``images`` fetches those that come as addresses.
    """

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        gatehouse: Gatehouse,
        *,
        records: RecordBook,
        standing: Standing,
        extra: Mapping[str, Answering] | None = None,
        models: Callable[[], Sequence[str]] = lambda: _NO_MODELS,
        proper_name: Callable[[str], str] = str,
        echo: Echo | None = None,
        companions: Sequence[Companion] = (),
        closing: Sequence[Closing] = (),
        observe: Callable[[Exchange], None] | None = None,
        images: ImageFetcher | None = None,
    ) -> None:
        self.drain = Drain(engine, patience_s=settings.engine.drain_s)
        self._engine = engine
        self._companions, self._closing = companions, closing
        self._echo = echo if settings.server.echo else None
        self._authz = ForwardAuth.of(settings, gatehouse, observe=observe)
        cutout = RemoveBackground(settings, engine, self.drain, gatehouse, proper_name, images=images)
        account = Account(gatehouse, records, standing)
        server = settings.server
        wanted = routes.wanted(docs=server.docs, page=server.page)
        self._endpoints = _endpoints(cutout, account, Health(engine, self.drain), Site(settings, models, wanted))
        self._endpoints |= {name: answered(call) for name, call in (extra or {}).items()}
        table = routes.data_plane(server.prefix, wanted & self._endpoints.keys())
        self._http = Envelope(
            Threshold(self._dispatch, gatehouse=gatehouse, table=table, read_head=head_reader(settings.upload)),
            gatehouse=gatehouse,
            docs=server.prefix + routes.REASONS_PATH,
            legacy_rate_headers=settings.limits.legacy_headers,
            observe=observe,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or live through the lifespan."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif self._authz is not None and self._authz.wants(scope):
            await self._authz(scope, receive, send)
        elif self._echo is None or not await self._echoed(self._echo, scope, receive, send):
            await self._http(scope, receive, send)

    @staticmethod
    async def _echoed(echo: Echo, scope: Scope, receive: Receive, send: Send) -> bool:
        """Answer a good ticket, which is used up by it; everything else is an ordinary request."""
        ticket = echo.wants(scope["path"]) if scope["type"] == "http" else None
        if ticket is None or not await asyncio.to_thread(echo.consume, ticket, time.time()):
            return False
        await echo(scope, receive, send)
        return True

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        walk = Exchange.of(scope).walk
        assert walk is not None
        await self._endpoints[walk.attempt.route.name](scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await self._engine.start()
        beside = [asyncio.create_task(companion()) for companion in self._companions]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.drain.finish()
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)  # how a cancelled task ends interests nobody
        for close in self._closing:
            await close()
        await send({"type": "lifespan.shutdown.complete"})


def _endpoints(cutout: RemoveBackground, account: Account, health: Health, site: Site) -> dict[str, ASGIApp]:
    return {
        routes.CUTOUT.name: cutout,
        routes.HEALTH.name: answered(health.alive),
        routes.READY.name: answered(health.ready),
        routes.PAGE.name: answered(site.page),
        routes.ASSET.name: answered(site.asset),
        routes.OPENAPI.name: answered(site.openapi),
        routes.DOCS.name: answered(site.docs),
        routes.REASONS.name: answered(site.reasons),
        routes.WHOAMI.name: answered(account.whoami),
        routes.DECISION.name: answered(account.decision),
    }
