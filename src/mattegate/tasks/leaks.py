"""Tell of keys that were sent in an address: logs and proxies keep addresses, so such a key is to be replaced.

A request only leaves a note in memory, and only where a known key is named; the task behind it does the telling.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from threading import Lock
from types import MappingProxyType
from typing import Protocol

from mattegate.ledger.protocols import IdentityRow, Keyring, StoredKey
from mattegate.outbound.notice import Notice, NoticeKind, day, notice_id
from mattegate.tasks.reminders import Tell, contact_of, named
from mattegate.vocabulary.facts import KeyState, KeyView


class Owners(Protocol):
    """What the store of identities is asked for."""

    def identity(self, name_or_id: str) -> IdentityRow | None:
        """One of them."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A key that stood in the address of a request."""

    at: float
    """Unix seconds."""
    request_id: str
    """Of the first such request since the last look."""
    address: str
    """The client's."""
    requests: int = 1


class LeakWatch:
    """Collects sightings, one a key, and tells of each key at most once a day of UTC, as long as the process lives.

    A key that was made since the last look is not known here yet; its next request is noticed.
    """

    def __init__(self, keyring: Keyring, owners: Owners) -> None:
        self._keyring, self._owners = keyring, owners
        self._known: Mapping[str, StoredKey] = MappingProxyType({})
        self._seen: dict[str, Sighting] = {}
        self._told: dict[str, str] = {}
        self._lock = Lock()

    def note(self, key_id: str, *, at: float, request_id: str, address: str) -> None:
        """A whole key with this id stood in an address. Never waits and never raises; unknown ids leave nothing."""
        if key_id not in self._known:
            return
        with self._lock:
            before = self._seen.get(key_id)
            if before is None:
                self._seen[key_id] = Sighting(at, request_id, address)
            else:
                self._seen[key_id] = replace(before, requests=before.requests + 1)

    def tell_all(self, now: float, *, tell: Tell) -> int:
        """Tell what was seen since the last time; returns how many notices. Raises ``Unavailable``: nothing is lost.

        Where there is no room for a notice it is tried again at the next call.
        """
        self._known = self._keyring.snapshot().keys
        today = day(now)
        self._told = {key: told for key, told in self._told.items() if told == today}
        told = 0
        for key_id in list(self._seen):
            told += self._settle(key_id, now, tell)
        return told

    def _settle(self, key_id: str, now: float, tell: Tell) -> bool:
        stored = self._known.get(key_id)
        due = stored is not None and key_id not in self._told and _is_of_use(stored.view, now)
        if stored is not None and due:
            owner = self._owners.identity(stored.view.identity.id)
            if not tell(_notice(stored.view, self._seen[key_id], owner, now)):
                return False
            self._told[key_id] = day(now)
        with self._lock:
            del self._seen[key_id]
        return due


def _is_of_use(key: KeyView, now: float) -> bool:
    """Whether somebody who read the key could still do something with it, now or once it is enabled again."""
    return key.state is not KeyState.REVOKED and (key.expires_at is None or key.expires_at > now)


def _notice(key: KeyView, seen: Sighting, owner: IdentityRow | None, now: float) -> Notice:
    what = named(key)
    remedy = f"on the server: mattegate keys rotate {key.id}" if owner else "put another one into the configuration"
    return Notice(
        kind=NoticeKind.KEY_LEAKED,
        subject=f"The {what} was sent in an address",
        text=f"A request carried the {what} in its query string, where logs, proxies and browsers keep it; keys are "
        "never accepted there. Only the id was compared, not the secret: whoever knows the id can cause this notice. "
        f"Unless you know better, consider the key leaked.\n\nTo see the request, on the server: mattegate why "
        f"{seen.request_id}\nTo replace the key, {remedy}",
        at=now,
        id=notice_id(NoticeKind.KEY_LEAKED, key.id, day(now)),
        about=key.id,
        facts={
            "key": key.id, "name": key.name, "identity": key.identity.id, "identity_name": key.identity.name,
            "environment": key.environment, "request": seen.request_id, "address": seen.address,
            "requests": seen.requests,
        },
        to=contact_of(owner),
    )  # fmt: skip
