"""The store of identities, keys and admins: what it holds and the one way in which it changes.

A change is decided and written in one transaction: :meth:`Control.change` hands the newest rows to a function, which
refuses or returns what to put; then the rows are put, the audit entry is appended and the epoch is raised, all or
nothing. Nothing else raises the epoch, and nothing that a decision rests on changes without it. Rows are put whole and
never deleted, so that every key that ever was can be named and a snapshot can be brought up to date by its changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from mattegate.ledger.audit import Head
from mattegate.ledger.protocols import AuditEntry, IdentityRow, Keyring, Snapshot, StoredKey
from mattegate.vocabulary.facts import IdentityView, KeyKind, KeyState, Plain

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key as it is kept, with what decisions do not look at."""

    stored: StoredKey
    enabled_at: float
    """When it was made or last enabled, in Unix seconds: the time from which it counts as unused."""
    used_at: float | None = None
    """Its last use, floored to the minute; not written by :meth:`Control.change`."""
    reminded_at: float | None = None
    """When its owner was last reminded of its age; not written by :meth:`Control.change`."""

    @property
    def id(self) -> str:
        """The public id."""
        return self.stored.view.id


@dataclass(frozen=True, slots=True)
class AdminRow:
    """Someone who may use the admin plane."""

    id: str
    name: str
    digest: bytes
    """HMAC-SHA-256 of the token under the pepper of ``pepper_version``."""
    pepper_version: int
    created_at: float
    state: KeyState = KeyState.ACTIVE


@dataclass(frozen=True, slots=True)
class Change:
    """Rows to put, and what the audit log says of it."""

    act: str
    """``key.create``, ``identity.update`` …"""
    subject: str
    details: Mapping[str, Plain] = field(default_factory=dict)
    identities: tuple[IdentityRow, ...] = ()
    keys: tuple[KeyRow, ...] = ()
    admins: tuple[AdminRow, ...] = ()
    then: Change | None = None
    """What is put after it in the same transaction, with an audit entry of its own."""

    def in_order(self) -> Iterator[Change]:
        """This change and all that follow it."""
        yield self
        if self.then is not None:
            yield from self.then.in_order()


class Rows(Protocol):
    """What is stored, row by row. Every method raises ``Unavailable``."""

    def identity(self, name_or_id: str) -> IdentityRow | None:
        """The identity of that id, or else of that name."""

    def identities(self) -> tuple[IdentityRow, ...]:
        """All of them, oldest first."""

    def key(self, key_id: str) -> KeyRow | None:
        """The key of that id."""

    def key_by_digest(self, digest: bytes) -> KeyRow | None:
        """The key of that digest."""

    def keys(self, identity: str = "") -> tuple[KeyRow, ...]:
        """All of them, or those of one identity (by id), oldest first."""

    def admin(self, name_or_id: str) -> AdminRow | None:
        """The admin of that id, or else of that name."""

    def admins(self) -> tuple[AdminRow, ...]:
        """All of them, revoked ones too, oldest first."""


Decide = Callable[[Rows], tuple[Result, Change | None]]
"""Looks at the newest rows and says what to put (``None``: nothing is to be done), with a result for the caller."""


class Control(Keyring, Rows, Protocol):
    """Identities, keys, admins and the audit log. Every method raises ``Unavailable``."""

    def change(self, decide: Decide[Result], *, actor: str, at: float) -> Result:
        """Decide and write in one transaction that no other writer can come between.

        Whatever ``decide`` raises leaves everything as it was; it must not call the store.
        """

    def touch(self, used: Mapping[str, float]) -> None:
        """Note the last use of keys by id; an earlier time than the one known changes nothing, nor does an unknown id.

        No audit entry and no new epoch, as with :meth:`remind`.
        """

    def remind(self, key_ids: Iterable[str], at: float) -> None:
        """Note that the owners of these keys were reminded."""

    def audit(self, after: int = 0) -> Iterator[AuditEntry]:
        """The audit log from the entry behind number ``after`` on, oldest first."""

    def head(self) -> Head:
        """The newest audit entry, as kept beside the epoch."""

    def close(self) -> None:
        """Let go of files; the store answers nothing afterwards."""


def note(control: Control, act: str, subject: str, details: Mapping[str, Plain], *, actor: str, at: float) -> None:
    """Write an act into the audit log that puts no rows here. Raises ``Unavailable``."""
    change = Change(act, subject, details)
    control.change(lambda _: (None, change), actor=actor, at=at)


EMPTY = Snapshot(0, {}, {})
"""What is known before anything was read."""


def brought_up_to(
    epoch: int, before: Snapshot, changed: Iterable[StoredKey], identities: Iterable[IdentityView] = ()
) -> Snapshot:
    """``before`` with the keys and identities that changed since.

    Plain dictionaries, because those are copied and read fastest.
    """
    new = {stored.view.id: stored for stored in changed}
    keys = {**before.keys, **new}
    foreign, certificates = before.foreign, before.certificates
    if any(stored.foreign for stored in new.values()):
        foreign = {stored.digest: stored for stored in keys.values() if stored.foreign}
    if any(stored.view.kind is KeyKind.CERTIFICATE for stored in new.values()):
        bound = (stored for stored in keys.values() if stored.view.kind is KeyKind.CERTIFICATE)
        certificates = {stored.material: stored for stored in bound}
    known, named = before.identities, before.named
    if others := {view.id: view for view in identities}:
        known = {**known, **others}
        named = {view.name: view for view in known.values()}
    return Snapshot(epoch, keys, foreign, certificates, known, named)
