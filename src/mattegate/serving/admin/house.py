"""The house itself: how its parts stand, what its tasks do, its figures, its backups."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import Field

from mattegate import __version__
from mattegate.ledger.backup import back_up
from mattegate.ledger.protocols import Unavailable
from mattegate.serving.admin.guard import LIVENESS, METRICS
from mattegate.serving.admin.parts import Actor, AdminParts, Parts
from mattegate.serving.admin.shown import Shown
from mattegate.serving.metrics import CONTENT_TYPE
from mattegate.serving.small_body import Strict

router = APIRouter(tags=["house"])
root = APIRouter(tags=["supervision"])


class Standing(Shown):
    """How the parts stand."""

    version: str
    revision: str = Field(description="Of the rulebook in force.")
    epoch: int = Field(description="Raised by every change of keys, identities and admins.")
    keys: int
    parts: dict[str, dict[str, Any]] = Field(description="A part that cannot say how it stands tells its problem.")
    refused_early: dict[str, int] = Field(description="Refusals before a request reached the application.")


class TaskList(Shown):
    """What is done again and again."""

    running: bool
    tasks: list[dict[str, Any]]


class NoMembers(Strict):
    """A backup over HTTP never holds secrets: those leave a home by the command line alone."""


class BackupShown(Shown):
    """A backup that was just made."""

    path: str
    at: str
    files: list[dict[str, Any]]


@root.get(LIVENESS)
async def alive() -> dict[str, str]:
    """Whether the admin plane is up; needs no token."""
    return {"status": "ok"}


@root.get(METRICS, response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(parts: Parts) -> Response:
    """The figures for Prometheus."""
    return Response(await parts.read(parts.metrics.render), media_type=CONTENT_TYPE)


@router.get("/health")
async def see_health(parts: Parts) -> Standing:
    """How every part stands."""
    return await parts.read(_standing, parts)


@router.get("/tasks")
async def see_tasks(parts: Parts) -> TaskList:
    """How every task has fared since the start."""
    if parts.tasks is None:
        return TaskList(running=False, tasks=[])
    return TaskList(running=True, tasks=[dict(task) for task in parts.tasks()])


@router.post("/backups", status_code=201)
async def make_backup(parts: Parts, actor: Actor, body: NoMembers | None = None) -> BackupShown:
    """Copy the ledger, while all goes on, into a new file in the home's folder ``backups``; without secrets."""
    return await parts.read(_backed_up, parts, actor)


def _backed_up(parts: AdminParts, actor: str) -> BackupShown:
    at = datetime.fromtimestamp(parts.clock(), UTC)
    folder = parts.settings.home / "backups"
    target = folder / f"mattegate-{at:%Y%m%dT%H%M%S}Z.tar"
    _make_folder(folder)
    manifest = back_up(parts.settings.home, target, at=at.timestamp())
    parts.note("backup.create", target.name, {"files": len(manifest.files)}, actor=actor)
    return BackupShown(
        path=str(target), at=at.isoformat(timespec="seconds"), files=[asdict(file) for file in manifest.files]
    )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable("ledger", f"{folder} cannot be made: {error.strerror}") from error


def _standing(parts: AdminParts) -> Standing:
    snapshot = parts.keyring.snapshot()
    sources = parts.sources
    asked: Mapping[str, Callable[[], Any] | None] = {
        "engine": sources.engine,
        "records": sources.records,
        "limits": sources.limits,
    }
    return Standing(
        version=__version__,
        revision=parts.gatehouse.rules().revision,
        epoch=snapshot.epoch,
        keys=len(snapshot.keys),
        parts={name: _asked(source) for name, source in asked.items() if source is not None},
        refused_early=dict(sources.early()) if sources.early else {},
    )


def _asked(source: Callable[[], Any]) -> dict[str, Any]:
    try:
        return asdict(source())
    except Unavailable as error:
        return {"problem": str(error)}
