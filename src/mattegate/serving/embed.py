"""The gate around somebody else's ASGI application, FastAPI, Starlette and Gradio among them.

A :class:`Gate` is made where the application is made, and opened where it starts::

    gate = Gate()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with open_gate(settings) as opened, gate.open(opened.gatehouse):  # mattegate.assembly.open_gate
            yield

    app = FastAPI(lifespan=lifespan)

Then one of the two::

    app.add_middleware(gate.protect, public=("/health",))    # every path, before a byte of a body is read

    app.add_middleware(gate.explaining)                      # explains whatever is refused, decides nothing …
    @app.post("/remove-background")                          # … and a decision where a route asks for one
    async def remove(caller: Annotated[KeyView, Depends(gate)], file: UploadFile): ...

A dependency decides late: FastAPI reads and parses the body first. Nothing here imports a model runtime, an image
library or the API itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from starlette.requests import HTTPConnection

from mattegate.serving.envelope import Envelope
from mattegate.serving.exchange import Exchange
from mattegate.serving.gatehouse import Gatehouse
from mattegate.serving.routes import every_path
from mattegate.serving.threshold import Threshold
from mattegate.vocabulary.facts import KeyView

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

EXPLANATIONS: Final = "https://mattegate.invalid/reasons"
"""Where a problem's ``type`` points when the application serves no page of reasons: a name that never resolves."""

_CHALLENGE: Final = (b"www-authenticate", b'Basic realm="mattegate", charset="UTF-8"')
_CLOSED: Final = (
    "the gate is closed: hold `with open_gate(settings) as opened, gate.open(opened.gatehouse):` while the application "
    "runs, best in its lifespan"
)


class Gate:
    """One gate for one application.

    ``scope`` is what a key must have (``""``: being a key is enough). ``metered`` says whether requests take from rates
    and quotas, or which methods alone do, where an application begins its work by ``POST`` and a page of it costs fifty
    ``GET``; the handshake of a WebSocket counts as soon as anything does. ``browser_login`` lets people in who come
    with a browser: it asks them for name and password, and the password is the key. ``explanations`` is the URL or path
    that a problem's ``type`` points into.

    Routes that need different scopes take a gate each; all of them may be open over the same gatehouse.
    """

    def __init__(
        self,
        *,
        scope: str = "",
        metered: bool | Collection[str] = True,
        browser_login: bool = False,
        explanations: str = EXPLANATIONS,
    ) -> None:
        self._scope = scope
        self._metered = metered
        self._browser_login = browser_login
        self._explanations = explanations
        self._gatehouse: Gatehouse | None = None

    @contextmanager
    def open(self, gatehouse: Gatehouse) -> Iterator[None]:
        """Decide with ``gatehouse`` for the length of the block. Before and after it nothing at all is let through."""
        if self._gatehouse is not None:
            raise RuntimeError("the gate is open already")
        self._gatehouse = gatehouse
        try:
            yield
        finally:
            self._gatehouse = None

    def protect(self, app: ASGIApp, *, public: Iterable[str] = ()) -> ASGIApp:
        """``app`` behind the gate, as ASGI middleware: it sees no request and no WebSocket that is not allowed.

        ``public`` are exact paths that anybody may call. The decision falls on the head, before the body is read, and
        preflights are answered by the gate: the application needs no CORS middleware of its own.
        """
        listed = frozenset(public)

        def build(gatehouse: Gatehouse) -> ASGIApp:
            counted, free = (self._threshold(app, gatehouse, metered, listed) for metered in (True, False))

            async def threshold(scope: Scope, receive: Receive, send: Send) -> None:
                inner = app if self._decided(scope) else counted if self._counts(scope) else free
                await inner(scope, receive, send)

            return self._envelope(threshold, gatehouse)

        return _Middleware(self, app, build)

    def explaining(self, app: ASGIApp) -> ASGIApp:
        """``app`` with an id on every answer and an explanation in every refusal, as ASGI middleware.

        It decides nothing by itself: a route that does not depend on the gate is open to everybody.
        """
        return _Middleware(self, app, lambda gatehouse: self._envelope(app, gatehouse))

    async def __call__(self, request: HTTPConnection) -> KeyView:
        """Decide on this request or WebSocket, as a FastAPI dependency; returns the key that proved good.

        Behind :meth:`protect` the decision has fallen already, and this tells whose request it is.

        Raises :class:`~mattegate.vocabulary.refusal.Refusal`, which :meth:`explaining` turns into the answer, and
        ``RuntimeError`` where the application is not wired up for that.
        """
        if not Exchange.within(request.scope):
            raise RuntimeError("the gate's dependency needs app.add_middleware(gate.explaining)")
        if not self._decided(request.scope):
            await self._admit(request.scope)
        return self.caller(request)

    def caller(self, request: HTTPConnection) -> KeyView:
        """The key that this gate let a request or a WebSocket in with.

        Raises ``RuntimeError`` where it did not: on public paths, and where another gate decided.
        """
        walk = Exchange.of(request.scope).walk if Exchange.within(request.scope) else None
        if walk is None or walk.caller is None or walk.attempt.route.scope != self._scope:
            raise RuntimeError("this gate has not let anybody in with this request")
        return walk.caller

    @property
    def gatehouse(self) -> Gatehouse:
        """What decides. Raises ``RuntimeError`` while the gate is closed."""
        if self._gatehouse is None:
            raise RuntimeError(_CLOSED)
        return self._gatehouse

    async def _admit(self, scope: Scope) -> None:
        await self._threshold(_nothing, self.gatehouse, self._counts(scope)).admit(scope)

    def _decided(self, scope: Scope) -> bool:
        """Whether somebody was let in already. Raises ``RuntimeError`` where that was under another scope."""
        walk = Exchange.of(scope).walk
        if walk is None or walk.attempt.route.public:
            return False
        if walk.attempt.route.scope != self._scope:
            raise RuntimeError("two gates of different scopes cannot both decide on one request")
        return True

    def _counts(self, scope: Scope) -> bool:
        if isinstance(self._metered, bool):
            return self._metered
        return scope["method"] in self._metered if scope["type"] == "http" else bool(self._metered)

    def _threshold(self, app: ASGIApp, gatehouse: Gatehouse, metered: bool, public: Collection[str] = ()) -> Threshold:
        table = every_path(scope=self._scope, metered=metered, public=public)
        return Threshold(app, gatehouse=gatehouse, table=table, websockets=True)

    def _envelope(self, app: ASGIApp, gatehouse: Gatehouse) -> ASGIApp:
        envelope = Envelope(app, gatehouse=gatehouse, docs=self._explanations)
        return _asking(envelope) if self._browser_login else envelope


class _Middleware:
    """Around an application from the start, with what is needed of the gatehouse put together once it is there."""

    def __init__(self, gate: Gate, app: ASGIApp, build: Callable[[Gatehouse], ASGIApp]) -> None:
        self._gate = gate
        self._app = app
        self._build = build
        self._built: tuple[Gatehouse, ASGIApp] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        gatehouse = self._gate.gatehouse
        if self._built is None or self._built[0] is not gatehouse:
            self._built = (gatehouse, self._build(gatehouse))
        await self._built[1](scope, receive, send)


async def _nothing(_: Scope, __: Receive, ___: Send) -> None:
    """No application: a dependency only decides."""


def _asking(app: ASGIApp) -> ASGIApp:
    """``app`` with one challenge more on every 401: the one for which browsers ask people (RFC 7617)."""

    async def asking(scope: Scope, receive: Receive, send: Send) -> None:
        async def ask(message: Message) -> None:
            if message.get("status") == 401:
                message = {**message, "headers": [*message["headers"], _CHALLENGE]}
            await send(message)

        await app(scope, receive, ask)

    return asking
