"""The application: which path is answered by what. Composition only; each endpoint lives in its own file."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from mattegate import __version__
from mattegate.serving.drain import Drain
from mattegate.serving.envelope import Envelope
from mattegate.serving.health import Health
from mattegate.serving.plane import RemoveBackground
from mattegate.serving.routes import CUTOUT_PATHS, REASONS_PATH
from mattegate.serving.site import Site
from mattegate.vocabulary.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from starlette.requests import Request

    from mattegate.config.settings import Settings
    from mattegate.cutout.engine.protocol import Engine

_NO_MODELS: Final[tuple[str, ...]] = ()


def create_app(
    settings: Settings, engine: Engine, *, models: Callable[[], Sequence[str]] = lambda: _NO_MODELS
) -> FastAPI:
    """The data plane as an ASGI application; its lifespan starts and drains the engine.

    ``models`` gives the names a request may use, for the pages and the OpenAPI document.
    ``app.state.drain`` is the :class:`~mattegate.serving.drain.Drain` that a server tells of its end.
    """
    drain = Drain(engine, patience_s=settings.engine.drain_s)
    prefix = settings.server.prefix

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await engine.start()
        yield
        await drain.finish()

    app = FastAPI(
        title="mattegate",
        version=__version__,
        openapi_url=None,  # ours is made from the vocabulary
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False},
        lifespan=lifespan,
        middleware=[Middleware(Envelope, docs=prefix + REASONS_PATH)],
        exception_handlers={HTTPException: _refuse_route},
        routes=_routes(settings, engine, drain, Site(settings, models)),
    )
    app.state.drain = drain
    return app


def _routes(settings: Settings, engine: Engine, drain: Drain, site: Site) -> list[BaseRoute]:
    prefix = settings.server.prefix
    health = Health(engine, drain)
    cutout = RemoveBackground(settings, engine, drain)
    routes: list[BaseRoute] = [Route(prefix + path, cutout, methods=["POST"]) for path in CUTOUT_PATHS]
    for root in dict.fromkeys((prefix, "")):  # supervisors ask the process itself, whatever the prefix
        routes += [Route(f"{root}/health", health.alive), Route(f"{root}/ready", health.ready)]
    routes += [Route(f"{prefix}/", site.page), Route(f"{prefix}/assets/{{name}}", site.asset)]
    if settings.server.docs:
        routes += [
            Route(f"{prefix}/openapi.json", site.openapi),
            Route(f"{prefix}/docs", site.docs),
            Route(prefix + REASONS_PATH, site.reasons),
        ]
    return routes


async def _refuse_route(request: Request, error: Exception) -> Response:
    """The framework's own exceptions as refusals of the catalogue; OPTIONS is answered with what is allowed."""
    assert isinstance(error, HTTPException)
    path, method = request.url.path[:256], request.method[:32]
    if error.status_code == 404:
        raise Refusal("route.unknown", path=path, method=method)
    if error.status_code == 405:
        allowed = ", ".join(sorted({*(error.headers or {}).get("Allow", "").split(", "), "OPTIONS"}))
        if method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": allowed})
        raise Refusal("route.method", path=path, method=method, allowed=allowed)
    raise error
