"""Identities: who pays, with which tier, scopes and limits; and their credits."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Header, Query
from pydantic import Field

from mattegate.ledger.account_values import RESERVED
from mattegate.ledger.protocols import IdentityRow, UsageRow
from mattegate.serving.account import limits_shown
from mattegate.serving.admin.parts import Actor, AdminParts, Parts
from mattegate.serving.admin.shown import IdentityList, IdentityShown, Shown, paged
from mattegate.serving.small_body import Strict
from mattegate.vocabulary.facts import KeyState, Plain
from mattegate.vocabulary.refusal import Refusal
from mattegate.vocabulary.rulebook import Limit

router = APIRouter(prefix="/identities", tags=["identities"])

_MOST: Final = 10**12
_IDEMPOTENCY_KEY: Final = re.compile(r"[!-~]{1,255}")
Amount = Annotated[int, Field(ge=0, le=_MOST)]


class LimitGiven(Strict):
    """A limit of one identity."""

    name: str
    kind: Literal["rate", "quota", "bytes", "credits"]
    amount: Amount
    window_s: Annotated[int, Field(ge=0, le=10 * 366 * 86_400)] = 0
    burst: Amount = 0
    unit: Literal["images", "megapixels", "bytes"] = "images"
    shadow: bool = False


class NewIdentity(Strict):
    """Someone who pays."""

    name: str
    tier: str
    scopes: list[str] = Field(default=["cutout", "self"])
    contact: str = ""


class IdentityChange(Strict):
    """What is left out stays."""

    tier: str = ""
    scopes: list[str] = Field(default=[])
    state: Literal["active", "disabled"] = "active"
    limits: list[LimitGiven] = Field(default=[], max_length=32)
    contact: str = ""


class CreditsGiven(Strict):
    """Credits to add, or (below 0) to take away."""

    units: Annotated[int, Field(ge=-_MOST, le=_MOST)]
    note: Annotated[str, Field(max_length=200)] = ""


class CreditsShown(Shown):
    """The balance after an act."""

    identity: str
    balance: int
    repeated: bool = Field(description="It was done before, under the same Idempotency-Key, and not again.")


class IdentityStanding(IdentityShown):
    """An identity, with its balance and where its limits stand."""

    credits: int
    standing: list[dict[str, Any]]


@router.get("")
async def list_identities(
    parts: Parts, after: str | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 200
) -> IdentityList:
    """All identities, a page at a time."""
    rows = await parts.read(parts.control.identities)
    part, more = paged((row.view.id for row in rows), after, limit)
    shown = [IdentityShown.of(row) for row in rows[part]]
    return IdentityList(identities=shown, next=shown[-1].id if more else None)


@router.post("", status_code=201)
async def create_identity(parts: Parts, actor: Actor, body: NewIdentity) -> IdentityShown:
    """A new identity, with a name that nobody else has."""
    row = await parts.act(
        parts.desk.create_identity,
        body.name,
        tier=body.tier,
        scopes=body.scopes,
        contact=body.contact,
        actor=actor,
    )
    return IdentityShown.of(row)


@router.get("/{identity}")
async def see_identity(parts: Parts, identity: str) -> IdentityStanding:
    """One identity, by id or name."""
    row = await parts.act(found, parts, identity)
    limits = parts.gatehouse.limits_of(row.view)
    standing = await parts.act(parts.usage.standing, row.view.id, limits, parts.clock())
    balance = await parts.act(parts.usage.balance, row.view.id)
    return IdentityStanding(
        **IdentityShown.of(row).model_dump(), credits=balance, standing=limits_shown(standing)
    )  # fmt: skip


@router.patch("/{identity}")
async def change_identity(parts: Parts, actor: Actor, identity: str, body: IdentityChange) -> IdentityShown:
    """Another tier, other scopes or limits, another contact; or disable all its keys at once."""
    given = body.given()
    if "state" in given:
        given["state"] = KeyState(body.state)
    if "limits" in given:
        given["limits"] = [Limit(**limit.model_dump()) for limit in body.limits]
    row = await parts.act(parts.desk.update_identity, identity, actor=actor, **given)
    return IdentityShown.of(row)


@router.post("/{identity}/credits")
async def add_credits(
    parts: Parts, actor: Actor, identity: str, body: CreditsGiven, idempotency_key: Annotated[str, Header()]
) -> CreditsShown:
    """Add credits, once for each Idempotency-Key, which must be given."""
    if not _IDEMPOTENCY_KEY.fullmatch(idempotency_key):
        raise Refusal("idempotency.malformed", length=len(idempotency_key))
    return await parts.act(_credit, parts, actor, identity, body, idempotency_key)


def _credit(parts: AdminParts, actor: str, identity: str, body: CreditsGiven, key: str) -> CreditsShown:
    """In the ledger's thread: nobody of this process comes between. The row in the book names the actor, too."""
    who = found(parts, identity).view.id
    request_id = "credit_" + hashlib.sha256(key.encode()).hexdigest()[:32]
    if _repeats(parts.usage.credit_row(who, request_id), body, key):
        return CreditsShown(identity=who, balance=parts.usage.balance(who), repeated=True)
    balance = parts.usage.credit(
        who, body.units, body.note, actor=actor, request_id=request_id, at=parts.clock()
    )  # fmt: skip
    details: dict[str, Plain] = {"units": body.units, "note": body.note, "balance": balance, "request": request_id}
    parts.note("credits.add", who, details, actor=actor)
    return CreditsShown(identity=who, balance=balance, repeated=False)


def _repeats(row: UsageRow | None, body: CreditsGiven, key: str) -> bool:
    """Whether this was done before. Raises ``account.invalid`` where something else was done under the key."""
    if row is None:
        return False
    if (row.units, row.note) != (body.units, body.note):
        problem = f"{row.units} credits were added under it; use a fresh one for each act"
        raise Refusal("account.invalid", what="Idempotency-Key", value=key[:40], problem=problem)
    return True


def id_of(parts: AdminParts, name_or_id: str) -> str:
    """The id of an identity, of those that are not stored, too. Raises ``account.not_found``."""
    return name_or_id if name_or_id in RESERVED else found(parts, name_or_id).view.id


def found(parts: AdminParts, name_or_id: str) -> IdentityRow:
    """The identity. Raises ``account.not_found``."""
    row = parts.control.identity(name_or_id)
    if row is None:
        raise Refusal("account.not_found", what="identity", name=name_or_id[:100])
    return row
