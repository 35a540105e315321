"""What a proven caller can do about their own keys: see, make, narrow, rotate and revoke them.

A key acts here as ``key:ID`` and can only narrow: whatever it makes has no right that it has not itself. To it, keys of
others do not exist; the desk decides both in the transaction that writes. A secret stands in the answer to the act that
made it, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from pydantic import Field

from mattegate.ledger.account_values import invalid
from mattegate.ledger.desk_keys import Terms
from mattegate.ledger.narrowing import shown_at_once
from mattegate.serving.account import caller_of, json_response, timestamp
from mattegate.serving.key_terms import KeyTerms
from mattegate.serving.small_body import SmallBodies, Strict, decode
from mattegate.serving.threshold import VALUES
from mattegate.vocabulary.facts import KeyKind, KeyState
from mattegate.vocabulary.refusal import Refusal

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from mattegate.config.settings import Settings
    from mattegate.ledger.control import KeyRow, Rows
    from mattegate.ledger.desk import Desk
    from mattegate.serving.gatehouse import Gatehouse
    from mattegate.signing.keys import Minted
    from mattegate.vocabulary.facts import KeyView

MOST_KEYS: Final = 100
"""Keys that an account may have at a time by its own doing, revoked ones not counted."""
MADE_A_DAY: Final = 100
"""Keys that it may make in 24 hours, whatever becomes of them: every key that ever was is kept."""
LONGEST_OVERLAP_S: Final = 30 * 86_400.0

_DAY_S: Final = 86_400.0


class KeyChange(KeyTerms):
    """The body of ``PATCH /v1/keys/{key_id}``; what is left out stays."""


class NewKey(KeyTerms):
    """The body of ``POST /v1/keys``; what is left out is as with the key that asks."""

    kind: Literal["api", "signing"] = "api"
    """``signing``: requests are signed with it, and it never travels."""
    public_key: str = ""
    """Of a signing key whose private half stays with its owner (PEM); left out: an HMAC secret is made."""
    schemes: list[str] = Field(default=[])
    """How requests may be signed with it; left out: every way that suits it, but ``compat-hmac``."""
    require: list[str] = Field(default=[])
    environment: str = ""


class Rotation(Strict):
    """The body of ``POST /v1/keys/{key_id}/rotate``."""

    overlap_s: float | None = Field(default=None, ge=0, le=LONGEST_OVERLAP_S)
    """How long the old key goes on working; left out: as the operator has it."""


class OwnKeys:
    """The keys of the caller's account."""

    def __init__(self, settings: Settings, gatehouse: Gatehouse, *, desk: Desk, rows: Rows) -> None:
        self._gatehouse = gatehouse
        self._desk = desk
        self._rows = rows
        self._bodies = SmallBodies(settings.upload)
        self._overlap_s = min(settings.keys.overlap_hours * 3_600, LONGEST_OVERLAP_S)

    async def all(self, request: Request) -> Response:
        """``GET`` and ``POST /v1/keys``."""
        return await (self._create(request) if request.method == "POST" else self._list(request))

    async def one(self, request: Request) -> Response:
        """``GET``, ``PATCH`` and ``DELETE /v1/keys/{key_id}``: to narrow and to revoke. The answer is the key.

        Raises :class:`Refusal` ``account.not_found``, the same for keys of others and for none, and what
        :class:`~mattegate.ledger.desk.Desk` does.
        """
        if request.method == "PATCH":
            return await self._narrow(request)
        if request.method == "DELETE":
            return await self._revoke(request)
        _, me = caller_of(request)
        row = await self._gatehouse.bookkeeper.in_thread(self._found, me, _key_id(request))
        return json_response(key_shown(row))

    async def rotate(self, request: Request) -> Response:
        """``POST /v1/keys/{key_id}/rotate``: a successor with the same rights; its text stands in this answer only."""
        walk, me = caller_of(request)
        body = await self._body(request, Rotation)
        overlap_s = self._overlap_s if body.overlap_s is None else body.overlap_s
        key_id = _key_id(request)

        def act() -> dict[str, Any]:
            self._found(me, key_id)
            self._require_room(me, walk.attempt.at)
            minted = self._desk.rotate_key(key_id, overlap_s=overlap_s, actor=_actor(me))
            return _handed(minted, self._found(me, minted.id)) | {"replaces": key_id}

        return json_response(await self._gatehouse.bookkeeper.in_thread(act), 201)

    async def _list(self, request: Request) -> Response:
        _, me = caller_of(request)
        rows = await self._gatehouse.bookkeeper.in_thread(self._rows.keys, me.identity.id)
        return json_response({"keys": [key_shown(row) for row in rows]})

    async def _create(self, request: Request) -> Response:
        walk, me = caller_of(request)
        wanted = _as_asking(me) | (await self._body(request, NewKey)).values()

        def act() -> dict[str, Any]:
            self._require_room(me, walk.attempt.at)
            minted = self._made(me, wanted)
            return _handed(minted, self._found(me, minted.id))

        return json_response(await self._gatehouse.bookkeeper.in_thread(act), 201)

    def _made(self, me: KeyView, wanted: dict[str, Any]) -> Minted:
        kind = wanted.pop("kind", "api")
        of_signing = {name: wanted.pop(name) for name in ("public_key", "schemes") if name in wanted}
        if kind == "api" and of_signing:
            raise invalid("a member", next(iter(of_signing)), "only keys of the kind 'signing' have it")
        if kind == "api":
            return self._desk.create_key(me.identity.id, actor=_actor(me), **wanted)
        return self._desk.create_signing_key(
            me.identity.id,
            actor=_actor(me),
            terms=Terms(**wanted),
            public_key=of_signing.get("public_key", "").encode(),
            schemes=of_signing.get("schemes", ()),
        )

    async def _narrow(self, request: Request) -> Response:
        given = (await self._body(request, KeyChange)).values()
        return await self._changed(request, partial(self._desk.update_key, **given))

    async def _revoke(self, request: Request) -> Response:
        return await self._changed(request, partial(self._desk.revoke_key, why="by its owner"))

    async def _changed(self, request: Request, act: Callable[..., KeyRow]) -> Response:
        _, me = caller_of(request)
        row = await self._gatehouse.bookkeeper.in_thread(partial(act, _key_id(request), actor=_actor(me)))
        return json_response(key_shown(row))

    async def _body(self, request: Request, kind: type[_Body]) -> _Body:
        body = await self._bodies.read(request.scope, request.receive)
        return decode(body, kind, request.headers.get("content-type", ""))

    def _found(self, me: KeyView, key_id: str) -> KeyRow:
        row = self._rows.key(key_id)
        if row is None or row.stored.view.identity.id != me.identity.id:
            raise Refusal("account.not_found", what="key", name=key_id)
        return row

    def _require_room(self, me: KeyView, at: float) -> None:
        views = [row.stored.view for row in self._rows.keys(me.identity.id)]
        if sum(view.state is not KeyState.REVOKED for view in views) >= MOST_KEYS:
            raise Refusal("account.many_keys", limit=MOST_KEYS, per="at a time")
        if sum(view.created_at > at - _DAY_S for view in views) >= MADE_A_DAY:
            raise Refusal("account.many_keys", limit=MADE_A_DAY, per="a day")


_Body = TypeVar("_Body", bound=Strict)


def key_shown(row: KeyRow) -> dict[str, Any]:
    """A key without its secret, as its owner may see it."""
    view = row.stored.view
    return {
        "id": view.id,
        "kind": str(view.kind),
        "algorithm": view.algorithm or None,
        "schemes": list(view.schemes),
        "require": list(view.require),
        "name": view.name,
        "environment": view.environment,
        "state": str(view.state),
        "created_at": timestamp(view.created_at),
        "expires_at": timestamp(view.expires_at),
        "used_at": timestamp(row.used_at),
        "replaced_by": view.replaced_by or None,
        "scopes": list(view.scopes if view.scopes is not None else view.identity.scopes),
        "addresses": list(view.addresses),
        "origins": list(view.origins),
        "models": list(view.models),
        "url_hosts": list(view.url_hosts),
    }


def _handed(minted: Minted, row: KeyRow) -> dict[str, Any]:
    """A new key with its secret, where it has one: this is the only answer that holds it."""
    name = "key" if row.stored.view.kind is KeyKind.API else "secret"
    return {"id": minted.id} | ({name: minted.text} if minted.text else {}) | key_shown(row)


def _as_asking(me: KeyView) -> dict[str, Any]:
    """What a new key is like where nothing is said: it may do what the key that asks for it may."""
    return {
        "require": shown_at_once(me) if me.require else (),
        "environment": me.environment,
        "expires_at": me.expires_at,
        "scopes": me.scopes,
        "addresses": me.addresses,
        "origins": me.origins,
        "models": me.models,
        "url_hosts": me.url_hosts,
    }


def _actor(me: KeyView) -> str:
    return f"key:{me.id}"


def _key_id(request: Request) -> str:
    key_id: str = request.scope[VALUES]["key_id"]
    return key_id[:64]
