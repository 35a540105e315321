"""Admins: who may use this plane."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field

from mattegate.serving.admin.parts import Actor, Parts
from mattegate.serving.admin.shown import AdminList, AdminShown, Shown
from mattegate.serving.small_body import Strict

router = APIRouter(prefix="/admins", tags=["admins"])


class NewAdmin(Strict):
    """Someone else who may do all this."""

    name: str


class NewAdminShown(Shown):
    """An admin that was just made."""

    id: str
    name: str
    token: str = Field(description="Stands in this answer and nowhere else.")


@router.get("")
async def list_admins(parts: Parts) -> AdminList:
    """All admins, revoked ones too."""
    return AdminList(admins=[AdminShown.of(row) for row in await parts.act(parts.control.admins)])


@router.post("", status_code=201)
async def create_admin(parts: Parts, actor: Actor, body: NewAdmin) -> NewAdminShown:
    """Another admin, with a token of its own."""
    minted = await parts.act(parts.desk.create_admin, body.name, actor=actor)
    return NewAdminShown(id=minted.id, name=body.name, token=minted.text)


@router.post("/{admin}/revoke")
async def revoke_admin(parts: Parts, actor: Actor, admin: str) -> AdminShown:
    """Take a token back for good, one's own too; after the last one, only the command line makes a new admin."""
    return AdminShown.of(await parts.act(parts.desk.revoke_admin, admin, actor=actor))
