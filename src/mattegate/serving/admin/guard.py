"""Who comes in: the host, then whether there is an admin at all, then the token, then a small body. In this order.

0. Whatever is refused here or behind is on record like the refusals of the data plane, so that ``why`` explains it.

1. A page of another name that resolves here (DNS rebinding) is told nothing, not even whether there is an admin.
2. Without the token nothing of the request but its head is looked at, and every path answers the same; but for
   liveness and the page of reasons, which tell nothing of this installation.
3. What the application raises goes on to the envelope, which answers it like every other refusal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from mattegate.gate.hosts import Hosts, plain_host
from mattegate.ledger.desk_admins import ADMIN_PREFIX
from mattegate.ledger.protocols import Unavailable
from mattegate.serving.access import client_address
from mattegate.serving.admin.pages import page_paths
from mattegate.serving.bookkeeping import unavailable
from mattegate.serving.evidence import Evidence
from mattegate.serving.exchange import Exchange
from mattegate.serving.reading import Reading, kept
from mattegate.serving.small_body import SmallBodies, refused, require_json
from mattegate.signing.shape import Known
from mattegate.vocabulary.attempt import ADMIN_ROUTE, Attempt
from mattegate.vocabulary.facts import CredentialFact, IdentityView, KeyView
from mattegate.vocabulary.refusal import Refusal

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from mattegate.serving.admin.parts import AdminParts

LIVENESS: Final = "/health"
METRICS: Final = "/metrics"

_RAISED: Final = "mattegate.admin.raised"
_LONGEST: Final = 256
_ADMINS: Final = IdentityView("admins", "admins", tier="")
"""Who pays for what admins do: nobody, under this name."""
_METHODS: Final = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")


class Guard:
    """ASGI around the application; an :class:`~mattegate.serving.envelope.Envelope` must be around it in turn."""

    def __init__(self, app: FastAPI, parts: AdminParts) -> None:
        self._app = app
        self._parts = parts
        self._hosts = Hosts.of(parts.settings.admin.hosts, "admin.hosts")
        self._bodies = SmallBodies(parts.settings.upload)
        self._public = {LIVENESS, *([METRICS] if parts.open_metrics else []), *page_paths(parts.settings.server)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request pass. Raises :class:`Refusal`."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        self._begin(scope)
        self._require_host(scope)
        if scope["path"] not in self._public:
            await self._require_admin(scope)
        body = await self._body(scope, receive)
        await self._app(scope, _again(body, receive), _uncached(send))
        if (error := scope.pop(_RAISED, None)) is not None:
            raise self._as_refusal(error, scope) from error

    def _begin(self, scope: Scope) -> None:
        """Begin the walk that is put on record; without rules there is no record, and the refusal still tells why."""
        exchange, gatehouse = Exchange.of(scope), self._parts.gatehouse
        exchange.at = self._parts.clock()
        try:
            rules, keys = gatehouse.rules_and_keys()
        except Unavailable:
            return
        prefixes = (*Known.of(rules.rulebook.credential).prefixes, ADMIN_PREFIX)
        exchange.walk = gatehouse.begin(Reading(admin_attempt(scope, exchange, prefixes), Evidence()), rules, keys)

    def _require_host(self, scope: Scope) -> None:
        hosts = _values(scope, b"host")
        if len(hosts) != 1 or not self._hosts.hold(plain_host(hosts[0])):
            raise Refusal("admin.host", host=", ".join(hosts)[:_LONGEST])

    async def _require_admin(self, scope: Scope) -> None:
        desk = self._parts.desk
        token = _token(scope)
        try:
            admin = await self._parts.act(desk.check_admin, token) if token else None
            nobody = admin is None and not await self._parts.act(desk.has_admin)
        except Unavailable as error:
            raise unavailable(error) from error
        if nobody:
            raise Refusal("admin.no_admin")
        if admin is None:
            raise Refusal("admin.unauthorized", address=client_address(scope))
        exchange = Exchange.of(scope)
        exchange.admin = admin
        if exchange.walk is not None:
            exchange.walk.learn(credential=CredentialFact(KeyView(admin, _ADMINS), proven=True))

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        if not Exchange.of(scope).body_expected:
            return b""
        body = await self._bodies.read(scope, receive)
        if body:
            require_json(", ".join(_values(scope, b"content-type")))
        return body

    def _as_refusal(self, error: Exception, scope: Scope) -> Exception:
        match error:
            case Unavailable():
                return unavailable(error)
            case RequestValidationError():
                return refused(error.errors())
            case HTTPException(status_code=405):
                facts = {"method": scope["method"], "path": scope["path"][:_LONGEST]}
                return Refusal("route.method", allowed=", ".join(self._methods(scope)), **facts)
            case HTTPException(status_code=404):
                return Refusal("route.unknown", method=scope["method"], path=scope["path"][:_LONGEST])
            case HTTPException():
                return Refusal("account.malformed", problem="it is not JSON")
        return error

    def _methods(self, scope: Scope) -> list[str]:
        """What the path of a request answers, over all routes that it leads to."""
        return [
            method
            for method in _METHODS
            if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in self._app.routes)
        ]


def admin_attempt(scope: Scope, exchange: Exchange, prefixes: tuple[str, ...]) -> Attempt:
    """What is kept of a request: no header but those that say who asks whom, and no credential at all."""
    return Attempt(
        exchange.request_id,
        exchange.at,
        scope["method"],
        kept(scope["path"], prefixes),
        ADMIN_ROUTE,
        peer=client_address(scope),
        host=kept(", ".join(_values(scope, b"host")), prefixes),
        user_agent=kept(", ".join(_values(scope, b"user-agent")), prefixes),
        client_request_id=kept(", ".join(_values(scope, b"x-request-id")), prefixes),
    )


class Carrying:
    """ASGI inside the framework's own handling of errors: whatever is raised is carried out to the guard."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            await self._app(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - raised again by the guard
            scope[_RAISED] = error


async def raise_on(_: Any, error: Exception) -> Any:
    """Handle an exception of the framework by not answering it here."""
    raise error


def _again(body: bytes, receive: Receive) -> Receive:
    """A receive channel that gives the body that was read already, and then what is left of the connection."""
    rest: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return rest.pop() if rest else await receive()

    return again


def _uncached(send: Send) -> Send:
    """Nobody keeps an answer of this plane."""

    async def uncached(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"cache-control", b"no-store")]}
        await send(message)

    return uncached


def _token(scope: Scope) -> str:
    """The bearer token; empty where there is none, or more than one header that could hold it."""
    values = _values(scope, b"authorization")
    if len(values) != 1:
        return ""
    scheme, _, token = values[0].partition(" ")
    return token.strip(" ") if scheme.lower() == "bearer" else ""


def _values(scope: Scope, wanted: bytes) -> list[str]:
    return [value.decode("latin-1") for name, value in scope["headers"] if name == wanted]
