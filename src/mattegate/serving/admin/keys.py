"""Keys of every identity. A text leaves here once, in the answer to the act that made it."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from mattegate.ledger.control import KeyRow
from mattegate.serving.admin.identities import id_of
from mattegate.serving.admin.parts import Actor, AdminParts, Parts
from mattegate.serving.admin.shown import KeyList, KeyShown, NewKeyShown, paged
from mattegate.serving.key_terms import KeyTerms
from mattegate.serving.small_body import Strict
from mattegate.signing.keys import Minted
from mattegate.vocabulary.refusal import Refusal

router = APIRouter(prefix="/keys", tags=["keys"])

LONGEST_OVERLAP_S: Final = 366 * 86_400.0
State = Literal["active", "disabled", "revoked"]


class NewKey(KeyTerms):
    """A key for an identity, by its id or name. An empty list means: any."""

    identity: str
    environment: str = "prod"


class KeyChange(KeyTerms):
    """What is left out stays."""


class Rotation(Strict):
    """How long the old key goes on working."""

    overlap_s: Annotated[float, Field(ge=0, le=LONGEST_OVERLAP_S)] | None = None


class Why(Strict):
    """What the audit log is to say of it."""

    why: str = ""


class Brought(Strict):
    """A key from elsewhere, for an identity, or for a new one of a tier."""

    text: str = Field(json_schema_extra={"format": "password"})
    name: str
    identity: str = ""
    tier: str = ""
    environment: str = "prod"


class Leaked(Strict):
    """A key that was found where it should not be, whole."""

    text: str = Field(json_schema_extra={"format": "password"})


@router.get("")
async def list_keys(
    parts: Parts,
    identity: str | None = None,
    state: State | None = None,
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> KeyList:
    """All keys, or those of one identity or state, a page at a time."""
    owner = await parts.act(id_of, parts, identity) if identity else ""
    stored = await parts.read(parts.control.keys, owner)
    rows = [row for row in stored if state in (None, str(row.stored.view.state))]
    part, more = paged((row.id for row in rows), after, limit)
    shown = [KeyShown.of(row) for row in rows[part]]
    return KeyList(keys=shown, next=shown[-1].id if more else None)


@router.post("", status_code=201)
async def create_key(parts: Parts, actor: Actor, body: NewKey) -> NewKeyShown:
    """A new key. Its text stands in this answer and nowhere else."""
    values = body.values()
    minted = await parts.act(parts.desk.create_key, values.pop("identity"), actor=actor, **values)
    return await _made(parts, minted)


@router.post("/import", status_code=201)
async def import_key(parts: Parts, actor: Actor, body: Brought) -> KeyShown:
    """Keep the digest of a key that callers have already."""
    return KeyShown.of(await parts.act(parts.desk.import_key, actor=actor, **body.model_dump()))


@router.post("/revoke-leaked")
async def revoke_leaked(parts: Parts, actor: Actor, body: Leaked) -> KeyShown:
    """Revoke the key with this text, given whole."""
    return KeyShown.of(await parts.act(parts.desk.revoke_leaked, body.text, actor=actor))


@router.get("/{key_id}")
async def see_key(parts: Parts, key_id: str) -> KeyShown:
    """One key."""
    return KeyShown.of(await parts.act(found, parts, key_id))


@router.patch("/{key_id}")
async def change_key(parts: Parts, actor: Actor, key_id: str, body: KeyChange) -> KeyShown:
    """Another name, expiry, scopes, addresses, origins, models or hosts of images."""
    return KeyShown.of(await parts.act(parts.desk.update_key, key_id, actor=actor, **body.values()))


@router.post("/{key_id}/rotate", status_code=201)
async def rotate_key(parts: Parts, actor: Actor, key_id: str, body: Rotation | None = None) -> NewKeyShown:
    """A successor with the same rights; the old key works on for the overlap."""
    overlap_s = body.overlap_s if body and body.overlap_s is not None else parts.settings.keys.overlap_hours * 3_600
    return await _made(parts, await parts.act(parts.desk.rotate_key, key_id, overlap_s=overlap_s, actor=actor))


@router.post("/{key_id}/revoke")
async def revoke_key(parts: Parts, actor: Actor, key_id: str, body: Why | None = None) -> KeyShown:
    """Take a key back, for good; effective on the next request."""
    return KeyShown.of(await parts.act(parts.desk.revoke_key, key_id, actor=actor, why=body.why if body else ""))


@router.post("/{key_id}/disable")
async def disable_key(parts: Parts, actor: Actor, key_id: str, body: Why | None = None) -> KeyShown:
    """Let a key rest until it is enabled."""
    return KeyShown.of(await parts.act(parts.desk.disable_key, key_id, actor=actor, why=body.why if body else ""))


@router.post("/{key_id}/enable")
async def enable_key(parts: Parts, actor: Actor, key_id: str, body: Why | None = None) -> KeyShown:
    """End a key's rest."""
    return KeyShown.of(await parts.act(parts.desk.enable_key, key_id, actor=actor, why=body.why if body else ""))


def found(parts: AdminParts, key_id: str) -> KeyRow:
    """The key. Raises ``account.not_found``."""
    row = parts.control.key(key_id)
    if row is None:
        raise Refusal("account.not_found", what="key", name=key_id[:100])
    return row


async def _made(parts: AdminParts, minted: Minted) -> NewKeyShown:
    row = await parts.act(found, parts, minted.id)
    return NewKeyShown(id=minted.id, key=minted.text, stored=KeyShown.of(row))
