"""Keys listed in the configuration (``api_keys:``), joined to the stored ones.

They are hashed when they are loaded and live in memory only; taking one back means taking it out of the file, or
importing and revoking it: a stored key always wins over a listed one, so that what was revoked stays revoked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

from mattegate.config.rulebook import foreign_prefix
from mattegate.ledger.account_values import checked_foreign
from mattegate.ledger.protocols import Keyring, Snapshot, StoredKey
from mattegate.signing.keys import digest_key, id_of
from mattegate.vocabulary.facts import IdentityView, KeyView
from mattegate.vocabulary.rulebook import CredentialRules
from mattegate.vocabulary.secrets import Peppers

CONFIGURED: Final = "config"
"""Id and name of the identity that all listed keys belong to."""


class ConfiguredKeyring(Keyring):
    """The snapshots of ``source`` with the listed keys in them; none at first."""

    def __init__(self, source: Keyring, peppers: Peppers) -> None:
        self._source, self._peppers = source, peppers
        self._listed: Mapping[tuple[bytes, ...], StoredKey] = {}
        self._list_again: Callable[[], None] | None = None
        self._hashed_under = peppers.all
        self._joined: tuple[Snapshot, Snapshot] | None = None

    def list_keys(self, texts: Iterable[str], *, tier: str, rules: CredentialRules) -> None:
        """Let ``texts`` be the listed keys from the next request on, of the identity ``config`` of ``tier``.

        Their ids are ``cfg_`` and twelve hex digits of their digest; a text that is a key of our own making keeps its
        id. Raises :class:`~mattegate.vocabulary.refusal.Refusal` ``account.invalid`` for a text that no header can
        carry; the old list stays then.
        """
        texts, identity = tuple(texts), IdentityView(CONFIGURED, CONFIGURED, tier)
        self._hashed_under = self._peppers.all
        self._listed = {
            tuple(digest_key(text, pepper) for pepper in self._peppers.all): _listed(
                checked_foreign(text), identity, self._peppers, rules
            )
            for text in texts
        }
        self._list_again = partial(self.list_keys, texts, tier=tier, rules=rules)
        self._joined = None

    def snapshot(self) -> Snapshot:
        """As free as the source's own: it is joined anew only when one of the two has changed.

        Under a new pepper every text is hashed again: a stored key under it would not be known for the same otherwise.
        """
        stored = self._source.snapshot()
        if not self._listed:
            return stored
        if self._hashed_under is not self._peppers.all and self._list_again is not None:
            self._list_again()
        joined = self._joined
        if joined is None or joined[0] is not stored:
            self._joined = joined = (stored, _join(stored, self._listed))
        return joined[1]


def with_configured(
    source: Keyring, texts: Iterable[str], *, tier: str, peppers: Peppers, rules: CredentialRules
) -> ConfiguredKeyring:
    """``source`` and the keys ``texts``: see :meth:`ConfiguredKeyring.list_keys`."""
    keyring = ConfiguredKeyring(source, peppers)
    keyring.list_keys(texts, tier=tier, rules=rules)
    return keyring


def _listed(text: str, identity: IdentityView, peppers: Peppers, rules: CredentialRules) -> StoredKey:
    pepper = peppers.current
    digest = digest_key(text, pepper)
    environment = next((kind for prefix, kind in rules.prefixes if text.startswith(prefix)), "")
    own = id_of(text) if environment else None
    view = KeyView(own or f"cfg_{digest.hex()[:12]}", identity, name=CONFIGURED, environment=environment or "prod")
    brand = "" if own else foreign_prefix(text)
    return StoredKey(view, digest, pepper.version, foreign=own is None, brand=brand)


def _join(stored: Snapshot, listed: Mapping[tuple[bytes, ...], StoredKey]) -> Snapshot:
    new = [
        key
        for digests, key in listed.items()
        if key.view.id not in stored.keys and not any(digest in stored.foreign for digest in digests)
    ]
    return replace(
        stored,
        keys={**stored.keys, **{key.view.id: key for key in new}},
        foreign={**stored.foreign, **{key.digest: key for key in new if key.foreign}},
    )
