"""Disable keys that nobody has used for long, and tell their owners.

Whether a key is still unused is looked at again inside the transaction that disables it, after what this process noted
of uses was written: a key that was used a moment ago stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from mattegate.config.settings import KeySettings
from mattegate.ledger import key_acts
from mattegate.ledger.control import Change, Decide, KeyRow, Result, Rows
from mattegate.ledger.protocols import IdentityRow
from mattegate.outbound.notice import Notice, NoticeKind, notice_id
from mattegate.tasks.lifetimes import is_to_be_disabled
from mattegate.tasks.reminders import Tell, called, contact_of, key_facts
from mattegate.vocabulary.facts import KeyState

ACTOR: Final = "task:unused"


class UnusedKeys(Protocol):
    """What the store of keys is asked for."""

    def keys(self) -> Sequence[KeyRow]:
        """All of them."""

    def identity(self, name_or_id: str) -> IdentityRow | None:
        """Whose they are."""

    def change(self, decide: Decide[Result], *, actor: str, at: float) -> Result:
        """Decide and write in one transaction that no other writer can come between."""


def disable_unused(
    now: float, *, store: UnusedKeys, settings: KeySettings, write_uses: Callable[[], object], tell: Tell
) -> int:
    """Disable what is to be disabled; returns how many keys.

    Raises ``Unavailable``, also where uses cannot be written: then nothing is disabled.
    """
    write_uses()
    rows = store.keys()
    candidates = [row for row in rows if is_to_be_disabled(row, settings, now)]
    disabled = [row for row in candidates if _disable(row.id, store, settings, now)]
    for row in disabled:
        tell(_notice(row, settings, contact_of(store.identity(row.stored.view.identity.id)), now))
    return len(disabled)


def _disable(key_id: str, store: UnusedKeys, settings: KeySettings, now: float) -> bool:
    def decide(rows: Rows) -> tuple[bool, Change | None]:
        row = rows.key(key_id)
        if row is None or not is_to_be_disabled(row, settings, now):
            return False, None
        why = f"not used for {settings.unused_days} days"
        _, change = key_acts.set_state(rows, key_id, KeyState.DISABLED, why, ACTOR, now)
        return change is not None, change

    return store.change(decide, actor=ACTOR, at=now)


def _notice(row: KeyRow, settings: KeySettings, to: tuple[str, ...], now: float) -> Notice:
    what = called(row)
    return Notice(
        kind=NoticeKind.KEY_DISABLED,
        subject=f"The {what} was disabled: unused",
        text=f"The {what} was not used for {settings.unused_days} days, so it was disabled. Requests with it are "
        f"refused.\n\nTo have it back, on the server: mattegate keys enable {row.id}",
        at=now,
        id=notice_id(NoticeKind.KEY_DISABLED, row.id, int(now)),
        about=row.id,
        facts=key_facts(row),
        to=to,
    )
