"""Endpoints as functions: a request in, a response out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from starlette.requests import Request

from mattegate.serving.threshold import VALUES

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

Answering = Callable[[Request], Awaitable["Response"]]


def answered(endpoint: Answering) -> ASGIApp:
    """A function from request to response as an ASGI application."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["path_params"] = dict(scope[VALUES])
        response = await endpoint(Request(scope, receive))
        await response(scope, receive, send)

    return app
