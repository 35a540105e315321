"""Whether the process is up, and whether a first request would be served."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from mattegate import __version__
from mattegate.serving.problem import encode_json
from mattegate.vocabulary.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from mattegate.cutout.engine.protocol import Engine, EngineStatus
    from mattegate.serving.drain import Drain


class Health:
    """The two endpoints that a supervisor asks."""

    def __init__(self, engine: Engine, drain: Drain) -> None:
        self._engine = engine
        self._drain = drain

    async def alive(self, _: Request) -> Response:
        """``GET /health``: always 200 while the process answers at all."""
        return _json({"status": "ok", "version": __version__})

    async def ready(self, _: Request) -> Response:
        """``GET /ready``: 200 once a first request would be served.

        Raises :class:`Refusal` ``capacity.draining``, ``capacity.not_ready`` with the operator's sentence, or
        ``capacity.starting``.
        """
        status = self._engine.status()
        if self._drain.begun:
            raise Refusal("capacity.draining")
        if not status.ready:
            raise _not_ready(status)
        return _json(
            {
                "status": "ready",
                "workers": status.workers,
                "busy": status.busy,
                "waiting": status.waiting,
                "restarts": status.restarts,
            }
        )


def _not_ready(status: EngineStatus) -> Refusal:
    """Starting passes by itself; whatever else is wrong waits for somebody, who is told of it."""
    if status.starting or not status.problem:
        return Refusal("capacity.starting")
    return Refusal("capacity.not_ready", problem=status.problem.removesuffix("."))


def _json(document: Mapping[str, object]) -> Response:
    return Response(encode_json(document), media_type="application/json", headers={"Cache-Control": "no-store"})
