"""The control store in memory: for tests and for a gate without a home."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from mattegate.ledger.audit import Head, chained
from mattegate.ledger.control import EMPTY, AdminRow, Change, Control, Decide, KeyRow, Result, brought_up_to
from mattegate.ledger.protocols import AuditEntry, IdentityRow, Snapshot
from mattegate.vocabulary.facts import IdentityView


@dataclass(slots=True)
class _Tables:
    identities: dict[str, IdentityRow] = field(default_factory=dict)
    keys: dict[str, KeyRow] = field(default_factory=dict)
    admins: dict[str, AdminRow] = field(default_factory=dict)
    audit: list[AuditEntry] = field(default_factory=list)


class MemoryControl(Control):
    """Dictionaries under one lock. A change is checked before anything is put, so that it cannot stop half-way."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._tables = _Tables()
        self._snapshot = replace(EMPTY, epoch=1)

    def snapshot(self) -> Snapshot:
        """The newest state."""
        return self._snapshot

    def identity(self, name_or_id: str) -> IdentityRow | None:
        """The identity of that id, or else of that name."""
        with self._lock:
            rows = self._tables.identities
            return rows.get(name_or_id) or next((row for row in rows.values() if row.view.name == name_or_id), None)

    def identities(self) -> tuple[IdentityRow, ...]:
        """All of them, oldest first."""
        with self._lock:
            return tuple(self._tables.identities.values())

    def key(self, key_id: str) -> KeyRow | None:
        """The key of that id."""
        with self._lock:
            return self._tables.keys.get(key_id)

    def key_by_digest(self, digest: bytes) -> KeyRow | None:
        """The key of that digest."""
        with self._lock:
            return next((row for row in self._tables.keys.values() if row.stored.digest == digest), None)

    def keys(self, identity: str = "") -> tuple[KeyRow, ...]:
        """All of them, or those of one identity (by id), oldest first."""
        with self._lock:
            rows = self._tables.keys.values()
            return tuple(row for row in rows if identity in ("", row.stored.view.identity.id))

    def admin(self, name_or_id: str) -> AdminRow | None:
        """The admin of that id, or else of that name."""
        with self._lock:
            rows = self._tables.admins
            return rows.get(name_or_id) or next((row for row in rows.values() if row.name == name_or_id), None)

    def admins(self) -> tuple[AdminRow, ...]:
        """All of them, oldest first."""
        with self._lock:
            return tuple(self._tables.admins.values())

    def change(self, decide: Decide[Result], *, actor: str, at: float) -> Result:
        """Decide and put under the lock."""
        with self._lock:
            result, change = decide(self)
            for each in change.in_order() if change is not None else ():
                self._put(each, actor, at)
            return result

    def _put(self, change: Change, actor: str, at: float) -> None:
        tables = self._tables
        entry = chained(
            self.head(), at=at, actor=actor, act=change.act, subject=change.subject, details=change.details
        )  # fmt: skip
        moved = self._with_identities(change)
        tables.identities.update((row.view.id, row) for row in change.identities)
        tables.keys.update((row.id, row) for row in moved)
        tables.admins.update((row.id, row) for row in change.admins)
        tables.audit.append(entry)
        self._snapshot = brought_up_to(
            self._snapshot.epoch + 1,
            self._snapshot,
            [row.stored for row in moved],
            [row.view for row in change.identities],
        )

    def _with_identities(self, change: Change) -> list[KeyRow]:
        """Every key that the change puts or whose identity it puts, with its identity as it will be."""
        new = {row.view.id: row.view for row in change.identities}
        views = {row.view.id: row.view for row in self._tables.identities.values()} | new
        put = {row.id: self._with_use(row) for row in change.keys}
        for row in self._tables.keys.values():
            if row.stored.view.identity.id in new:
                put.setdefault(row.id, row)
        return [_of(row, views[row.stored.view.identity.id]) for row in put.values()]

    def _with_use(self, row: KeyRow) -> KeyRow:
        known = self._tables.keys.get(row.id)
        return replace(
            row, used_at=known.used_at if known else None, reminded_at=known.reminded_at if known else None
        )  # fmt: skip

    def touch(self, used: Mapping[str, float]) -> None:
        """Note last uses."""
        with self._lock:
            keys = self._tables.keys
            for key_id, at in used.items():
                if (row := keys.get(key_id)) and (row.used_at is None or row.used_at < at):
                    keys[key_id] = replace(row, used_at=at)

    def remind(self, key_ids: Iterable[str], at: float) -> None:
        """Note that owners were reminded."""
        with self._lock:
            for key_id in key_ids:
                if row := self._tables.keys.get(key_id):
                    self._tables.keys[key_id] = replace(row, reminded_at=at)

    def audit(self, after: int = 0) -> Iterator[AuditEntry]:
        """The audit log as it is now."""
        with self._lock:
            return iter(self._tables.audit[max(after, 0) :])

    def head(self) -> Head:
        """The newest audit entry."""
        with self._lock:
            audit = self._tables.audit
            return Head(audit[-1].seq, audit[-1].hash) if audit else Head()

    def close(self) -> None:
        """Nothing to let go of."""


def _of(row: KeyRow, identity: IdentityView) -> KeyRow:
    return replace(row, stored=replace(row.stored, view=replace(row.stored.view, identity=identity)))
