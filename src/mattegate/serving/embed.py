"""The gate around somebody else's application: as ASGI middleware, or as a FastAPI dependency.

::

    gate = Gate(gatehouse)
    app = gate.protect(app)                       # every path, before the application sees anything

    app.add_middleware(gate.explaining)           # or: ids, records and explanations for every answer …
    @app.get("/pictures")                         # … and a decision where a route asks for one
    async def pictures(caller: Annotated[KeyView, Depends(gate)]): ...
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from starlette.requests import Request

from mattegate.serving.envelope import Envelope
from mattegate.serving.exchange import Exchange
from mattegate.serving.gatehouse import Gatehouse
from mattegate.serving.routes import every_path
from mattegate.serving.threshold import Threshold
from mattegate.vocabulary.facts import KeyView

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

EXPLANATIONS: Final = "https://mattegate.invalid/reasons"
"""Where a problem's ``type`` points when the application serves no page of reasons: a name that never resolves."""


class Gate:
    """One gate for one application; ``scope`` is what a key needs, ``metered`` whether requests count."""

    def __init__(
        self, gatehouse: Gatehouse, *, scope: str = "", metered: bool = True, explanations: str = EXPLANATIONS
    ) -> None:
        self._gatehouse = gatehouse
        self._scope = scope
        self._metered = metered
        self._explanations = explanations

    def protect(self, app: ASGIApp, *, public: Iterable[str] = ()) -> ASGIApp:
        """``app`` behind the gate: no path but the ``public`` ones is seen by it without a decision that allows it."""
        table = every_path(scope=self._scope, metered=self._metered, public=public)
        return self.explaining(Threshold(app, gatehouse=self._gatehouse, table=table))

    def explaining(self, app: ASGIApp) -> ASGIApp:
        """``app`` with an id on every answer and an explanation in every refusal; decides nothing by itself."""
        return Envelope(app, gatehouse=self._gatehouse, docs=self._explanations)

    async def __call__(self, request: Request) -> KeyView:
        """Decide on this request; returns whoever proved themselves.

        Raises :class:`~mattegate.vocabulary.refusal.Refusal`, which :meth:`explaining` turns into the answer.
        """
        if not Exchange.within(request.scope):
            raise RuntimeError("the gate's dependency needs app.add_middleware(gate.explaining)")
        table = every_path(scope=self._scope, metered=self._metered)
        walk = await Threshold(_nothing, gatehouse=self._gatehouse, table=table).admit(request.scope)
        assert walk.caller is not None
        return walk.caller


async def _nothing(_: Scope, __: Receive, ___: Send) -> None:
    """No application: a dependency only decides."""
