"""What the admin plane answers with, as models, so that the OpenAPI document tells every member."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mattegate.ledger.control import AdminRow, KeyRow
from mattegate.ledger.protocols import AuditEntry, IdentityRow
from mattegate.serving.account import timestamp
from mattegate.vocabulary.facts import Plain
from mattegate.vocabulary.rulebook import Limit


class Shown(BaseModel):
    """One answer, or a part of one."""

    model_config = ConfigDict(extra="forbid")


class LimitShown(Shown):
    """A limit of one identity, which replaces the tier's of the same name."""

    name: str
    kind: str
    amount: int
    window_s: int
    burst: int
    unit: str
    shadow: bool

    @classmethod
    def of(cls, limit: Limit) -> LimitShown:
        """Of a limit."""
        return cls(
            name=limit.name,
            kind=str(limit.kind),
            amount=limit.amount,
            window_s=limit.window_s,
            burst=limit.burst,
            unit=limit.unit,
            shadow=limit.shadow,
        )


class IdentityShown(Shown):
    """Who pays."""

    id: str
    name: str
    tier: str
    scopes: list[str]
    state: str
    limits: list[LimitShown]
    contact: str
    created_at: str

    @classmethod
    def of(cls, row: IdentityRow) -> IdentityShown:
        """Of a row."""
        view = row.view
        return cls(
            id=view.id,
            name=view.name,
            tier=view.tier,
            scopes=list(view.scopes),
            state=str(view.state),
            limits=[LimitShown.of(limit) for limit in view.limits],
            contact=row.contact,
            created_at=str(timestamp(row.created_at)),
        )


class KeyShown(Shown):
    """A key without its secret."""

    id: str
    identity: str = Field(description="The id of its identity.")
    name: str
    environment: str
    state: str
    created_at: str
    expires_at: str | None
    enabled_at: str
    used_at: str | None = Field(description="To the minute.")
    reminded_at: str | None
    replaced_by: str | None
    scopes: list[str] | None = Field(description="null: all of the identity's.")
    addresses: list[str]
    origins: list[str]
    models: list[str]
    url_hosts: list[str] = Field(description="Hosts that images are fetched from for it; empty: the server's.")
    foreign: bool = Field(description="Brought from elsewhere: it carries no id.")

    @classmethod
    def of(cls, row: KeyRow) -> KeyShown:
        """Of a row."""
        view = row.stored.view
        return cls(
            id=view.id,
            identity=view.identity.id,
            name=view.name,
            environment=view.environment,
            state=str(view.state),
            created_at=str(timestamp(view.created_at)),
            expires_at=timestamp(view.expires_at),
            enabled_at=str(timestamp(row.enabled_at)),
            used_at=timestamp(row.used_at),
            reminded_at=timestamp(row.reminded_at),
            replaced_by=view.replaced_by or None,
            scopes=None if view.scopes is None else list(view.scopes),
            addresses=list(view.addresses),
            origins=list(view.origins),
            models=list(view.models),
            url_hosts=list(view.url_hosts),
            foreign=row.stored.foreign,
        )


class NewKeyShown(Shown):
    """A key that was just made. This is the only answer with its text."""

    id: str
    key: str
    stored: KeyShown


class AdminShown(Shown):
    """Someone who may use the admin plane."""

    id: str
    name: str
    state: str
    created_at: str

    @classmethod
    def of(cls, row: AdminRow) -> AdminShown:
        """Of a row."""
        return cls(id=row.id, name=row.name, state=str(row.state), created_at=str(timestamp(row.created_at)))


class AuditShown(Shown):
    """One administrative act."""

    seq: int
    at: str
    actor: str
    act: str
    subject: str
    details: dict[str, Plain]
    previous: str
    hash: str

    @classmethod
    def of(cls, entry: AuditEntry) -> AuditShown:
        """Of an entry."""
        return cls(
            seq=entry.seq,
            at=str(timestamp(entry.at)),
            actor=entry.actor,
            act=entry.act,
            subject=entry.subject,
            details=dict(entry.details),
            previous=entry.previous,
            hash=entry.hash,
        )


class IdentityList(Shown):
    """Identities, oldest first."""

    identities: list[IdentityShown]
    next: str | None = Field(description="What to give as 'after' for more; null at the end.")


class KeyList(Shown):
    """Keys, oldest first."""

    keys: list[KeyShown]
    next: str | None = Field(description="What to give as 'after' for more; null at the end.")


class AdminList(Shown):
    """All admins, revoked ones too."""

    admins: list[AdminShown]


class AuditList(Shown):
    """Entries of the audit log, oldest first."""

    entries: list[AuditShown]
    head: dict[str, Any] = Field(description="Number and hash of the newest entry: keep them elsewhere.")


def paged(ids: Iterable[str], after: str | None, limit: int) -> tuple[slice, bool]:
    """Which part of a list to show, and whether more follows. An unknown ``after`` begins at the start."""
    known = list(ids)
    start = known.index(after) + 1 if after in known else 0
    return slice(start, start + limit), start + limit < len(known)
