"""Acts on keys: what comes in is checked here, what may be done is decided in :mod:`mattegate.ledger.key_acts`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final

from mattegate.config.rulebook import foreign_prefix
from mattegate.ledger import key_acts
from mattegate.ledger.account_values import (
    checked_expiry,
    checked_foreign,
    checked_models,
    checked_networks,
    checked_origins,
    checked_require,
    checked_scopes,
    checked_text,
    invalid,
)
from mattegate.ledger.control import Change, KeyRow, Rows
from mattegate.ledger.desk_base import Owner, Workplace, require_operator
from mattegate.ledger.host_values import checked_hosts
from mattegate.ledger.identity_acts import found_identity, require_free
from mattegate.ledger.protocols import StoredKey
from mattegate.signing.keys import Minted, digest_key, id_of, mint
from mattegate.vocabulary.facts import IdentityView, KeyState, KeyView
from mattegate.vocabulary.refusal import Refusal

_NOBODY: Final = IdentityView("", "", "")
"""Stands in a key until its identity was looked up."""


class Unchanged(Enum):
    """For values of which ``None`` means something."""

    UNCHANGED = "unchanged"


UNCHANGED: Final = Unchanged.UNCHANGED


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a new key is called, how long it lives and what it is bound to; checked when the key is made."""

    name: str = ""
    environment: str = "prod"
    expires_at: float | None = None
    scopes: Iterable[str] | None = None
    addresses: Iterable[str] = ()
    origins: Iterable[str] = ()
    models: Iterable[str] = ()
    require: Iterable[str] = ()
    url_hosts: Iterable[str] = ()

    def view(self, key_id: str, at: float) -> KeyView:
        """The key, but for its identity. Raises ``account.invalid``."""
        return KeyView(
            key_id,
            _NOBODY,
            name=checked_text("name", self.name, empty=True),
            environment=self.environment,
            created_at=at,
            expires_at=checked_expiry(self.expires_at, at),
            scopes=None if self.scopes is None else checked_scopes(self.scopes),
            addresses=checked_networks(self.addresses),
            origins=checked_origins(self.origins),
            models=checked_models(self.models),
            require=checked_require(self.require),
            url_hosts=checked_hosts(self.url_hosts),
        )


class KeyDesk(Workplace):
    """Making, changing, rotating and taking back keys."""

    def create_key(
        self,
        identity: Owner,
        *,
        actor: str,
        name: str = "",
        environment: str = "prod",
        expires_at: float | None = None,
        scopes: Iterable[str] | None = None,
        addresses: Iterable[str] = (),
        origins: Iterable[str] = (),
        models: Iterable[str] = (),
        require: Iterable[str] = (),
        url_hosts: Iterable[str] = (),
    ) -> Minted:
        """A new key of an identity. Its text is in the result and nowhere else."""
        at = self._clock()
        minted = mint(self._prefix(environment), self._entropy)
        terms = Terms(
            name=name, environment=environment, expires_at=expires_at, scopes=scopes, addresses=addresses,
            origins=origins, models=models, require=require, url_hosts=url_hosts,
        )  # fmt: skip
        stored = self._stored(terms.view(minted.id, at), minted.text)
        self._create(stored, identity, actor, at)
        return minted

    def _create(self, stored: StoredKey, identity: Owner, actor: str, at: float) -> None:
        owner = self._owner(identity, actor, at)
        self._change(lambda rows: key_acts.create(rows, stored, owner, actor, at), actor, at)

    def import_key(
        self,
        text: str,
        *,
        actor: str,
        name: str,
        identity: str = "",
        tier: str = "",
        environment: str = "prod",
    ) -> KeyRow:
        """Keep the digest of a key from elsewhere, for an ``identity`` or for a new one of ``tier`` called ``name``."""
        require_operator(actor, "import keys")
        self._prefix(environment)  # refuses one that is not known here
        if bool(identity) == bool(tier):
            raise invalid("identity", identity, "give the identity, or the tier of a new one")
        at = self._clock()
        stored = self._brought(checked_foreign(text), checked_text("name", name), environment, at)
        fresh = self._new_identity(name, tier, ("cutout", "self"), "", at) if tier else None

        def decide(rows: Rows) -> tuple[KeyRow, Change]:
            for digest in self._digests(text):
                if known := rows.key_by_digest(digest):
                    raise Refusal("account.exists", what="key", name=known.id)
            if fresh is not None:
                require_free(rows, fresh)
            owner = fresh or found_identity(rows, identity)
            return key_acts.bring(rows, stored, owner, new=fresh is not None, at=at)

        return self._change(decide, actor, at)

    def _brought(self, text: str, name: str, environment: str, at: float) -> StoredKey:
        """A key of another home keeps its id, by which it is found; any other is found by its digest."""
        own = next((kind for prefix, kind in self._rules.prefixes if text.startswith(prefix)), "")
        key_id = id_of(text) if own else None
        view = KeyView(
            key_id or self._id("imp_"), _NOBODY, name=name, environment=own or environment, created_at=at
        )  # fmt: skip
        return replace(self._stored(view, text), foreign=key_id is None, brand="" if key_id else foreign_prefix(text))

    def update_key(
        self,
        key_id: str,
        *,
        actor: str,
        name: str | Unchanged = UNCHANGED,
        expires_at: float | Unchanged | None = UNCHANGED,
        scopes: Iterable[str] | Unchanged | None = UNCHANGED,
        addresses: Iterable[str] | Unchanged = UNCHANGED,
        origins: Iterable[str] | Unchanged = UNCHANGED,
        models: Iterable[str] | Unchanged = UNCHANGED,
        url_hosts: Iterable[str] | Unchanged = UNCHANGED,
    ) -> KeyRow:
        """Change what is given: operators within the identity, owners only to narrow (else ``account.wider``)."""
        at = self._clock()
        given: dict[str, Any] = {}
        if not isinstance(name, Unchanged):
            given["name"] = checked_text("name", name, empty=True)
        if not isinstance(expires_at, Unchanged):
            given["expires_at"] = checked_expiry(expires_at, at)
        if not isinstance(scopes, Unchanged):
            given["scopes"] = None if scopes is None else checked_scopes(scopes)
        if not isinstance(addresses, Unchanged):
            given["addresses"] = checked_networks(addresses)
        if not isinstance(origins, Unchanged):
            given["origins"] = checked_origins(origins)
        if not isinstance(models, Unchanged):
            given["models"] = checked_models(models)
        if not isinstance(url_hosts, Unchanged):
            given["url_hosts"] = checked_hosts(url_hosts)
        return self._change(
            lambda rows: key_acts.update(rows, key_id, lambda old: replace(old, **given), actor, at), actor, at
        )  # fmt: skip

    def rotate_key(self, key_id: str, *, overlap_s: float, actor: str) -> Minted:
        """A new key in the place of an old one, which goes on working for ``overlap_s`` seconds at most."""
        if not (math.isfinite(overlap_s) and overlap_s >= 0):
            raise invalid("overlap", str(overlap_s), "it is not a number of seconds")
        at = self._clock()
        known = self._control.key(key_id)
        minted, stored = self._successor(known.stored.view if known else None)
        self._change(lambda rows: key_acts.rotate(rows, key_id, stored, overlap_s, actor, at), actor, at)
        return minted

    def _successor(self, old: KeyView | None) -> tuple[Minted, StoredKey]:
        """What takes the place of ``old``; where there is no such key, something that will not be stored."""
        environment = old.environment if old else self._rules.prefixes[0][1]
        minted = mint(self._prefix(environment), self._entropy)
        return minted, self._stored(KeyView(minted.id, _NOBODY, environment=environment), minted.text)

    def revoke_key(self, key_id: str, *, actor: str, why: str = "") -> KeyRow:
        """Take a key back for good. Revoked already: nothing happens."""
        return self._set_state(key_id, KeyState.REVOKED, actor, why)

    def disable_key(self, key_id: str, *, actor: str, why: str = "") -> KeyRow:
        """Let a key rest until it is enabled."""
        return self._set_state(key_id, KeyState.DISABLED, actor, why)

    def enable_key(self, key_id: str, *, actor: str, why: str = "") -> KeyRow:
        """End a key's rest; its time without use counts from now. Owners cannot."""
        return self._set_state(key_id, KeyState.ACTIVE, actor, why)

    def _set_state(self, key_id: str, state: KeyState, actor: str, why: str) -> KeyRow:
        at, why = self._clock(), checked_text("why", why, empty=True)
        return self._change(lambda rows: key_acts.set_state(rows, key_id, state, why, actor, at), actor, at)

    def revoke_leaked(self, text: str, *, actor: str) -> KeyRow:
        """Revoke the key that was found where it should not be, given whole.

        A text that only has the id of a key proves nothing and revokes nothing: ``account.not_found``, which does not
        repeat the text.
        """
        row = self._of_text(text.strip().strip("\"'"))
        if row is None:
            raise Refusal("account.not_found", what="key", name=f"with that text ({len(text)} characters)")
        return self.revoke_key(row.id, actor=actor, why="leaked")

    def _of_text(self, text: str) -> KeyRow | None:
        digests = self._digests(text)
        return next((row for digest in digests if (row := self._control.key_by_digest(digest))), None)

    def _prefix(self, environment: str) -> str:
        for prefix, kind in self._rules.prefixes:
            if kind == environment:
                return prefix
        known = ", ".join(dict.fromkeys(kind for _, kind in self._rules.prefixes))
        raise invalid("environment", environment, f"keys here are made for {known}")

    def _stored(self, view: KeyView, text: str) -> StoredKey:
        pepper = self._peppers.current
        return StoredKey(view, digest_key(text, pepper), pepper.version)
