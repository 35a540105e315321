"""Tell the owners of keys what is due: rotate it, it expires, it will be disabled for want of use.

One notice says all that is to be said of a key, under its most pressing matter. The key's owner counts as told only
once the notice lies in the outbox, so that a crash in between tells twice rather than never.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from mattegate.config.settings import KeySettings
from mattegate.ledger.control import KeyRow
from mattegate.ledger.protocols import IdentityRow
from mattegate.outbound.notice import Notice, NoticeKind, day, notice_id, one_line
from mattegate.tasks.lifetimes import Matter, matters, told_at
from mattegate.vocabulary.facts import KeyView, Plain

Tell = Callable[[Notice], bool]
"""Sees a notice out; False where there is no room for it now."""


class RemindedKeys(Protocol):
    """What the store of keys is asked for."""

    def keys(self) -> Sequence[KeyRow]:
        """All of them."""

    def identity(self, name_or_id: str) -> IdentityRow | None:
        """Whose they are."""

    def remind(self, key_ids: Iterable[str], at: float) -> None:
        """Note that the owners of these keys were told at ``at``."""


def remind_owners(now: float, *, store: RemindedKeys, settings: KeySettings, tell: Tell) -> int:
    """Tell what became due since each owner was last told; returns how many notices went out.

    Stops where there is no room for a notice: the rest is told next time. Raises ``Unavailable``.
    """
    told = 0
    rows = store.keys()
    for row in rows:
        all_of_it = matters(row, settings, now)
        due = [matter for matter in all_of_it if told_at(row, now) < matter.since]
        if not due:
            continue
        if not tell(_notice(row, due[0], all_of_it, contact_of(store.identity(row.stored.view.identity.id)), now)):
            break
        store.remind([row.id], now)
        told += 1
    return told


def contact_of(identity: IdentityRow | None) -> tuple[str, ...]:
    """Where an identity's notices go, beside the operators."""
    return (identity.contact,) if identity is not None and identity.contact else ()


def key_facts(row: KeyRow) -> dict[str, Plain]:
    """What every notice about a key tells of it."""
    key = row.stored.view
    return {
        "key": key.id,
        "name": key.name,
        "identity": key.identity.id,
        "identity_name": key.identity.name,
        "environment": key.environment,
        "created": day(key.created_at),
        "last_used": day(row.used_at) if row.used_at else None,
        "expires": day(key.expires_at) if key.expires_at is not None else None,
    }


def called(row: KeyRow) -> str:
    """What texts call a key: :func:`named`."""
    return named(row.stored.view)


def named(key: KeyView) -> str:
    """``key key_… (name) of owner``, on one line."""
    name = f" ({one_line(key.name, limit=60)})" if key.name else ""
    return f"key {key.id}{name} of {one_line(key.identity.name, limit=60)}"


_SUBJECTS = {
    NoticeKind.KEY_EXPIRING: "expires soon",
    NoticeKind.KEY_UNUSED_WARNING: "is unused and will be disabled",
    NoticeKind.KEY_REMINDER: "should be rotated",
}


def _notice(row: KeyRow, first: Matter, all_of_it: Sequence[Matter], to: tuple[str, ...], now: float) -> Notice:
    what = called(row)
    sentences = " ".join(matter.sentence for matter in all_of_it)
    return Notice(
        kind=first.kind,
        subject=f"The {what} {_SUBJECTS[first.kind]}",
        text=f"This is about the {what}. {sentences}\n\nTo rotate it, on the server: mattegate keys rotate {row.id}\n"
        "The old key goes on working for a while, so that clients can be changed one after the other.",
        at=now,
        id=notice_id(first.kind, row.id, math.floor(first.since)),
        about=row.id,
        facts=key_facts(row),
        to=to,
    )
