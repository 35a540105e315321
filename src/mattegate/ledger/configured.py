"""Keys listed in the configuration (``api_keys:``), joined to the stored ones.

They are hashed when they are loaded and live in memory only; taking one back means taking it out of the file, or
importing and revoking it: a stored key always wins over a listed one, so that what was revoked stays revoked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
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
    """The snapshots of ``source`` with the keys ``listed`` in them."""

    def __init__(self, source: Keyring, listed: Mapping[tuple[bytes, ...], StoredKey]) -> None:
        self._source, self._listed = source, listed
        first = source.snapshot()
        self._joined = (first, _join(first, listed))

    def snapshot(self) -> Snapshot:
        """As free as the source's own: it is joined anew only when the source has another one."""
        stored, joined = self._source.snapshot(), self._joined
        if joined[0] is not stored:
            self._joined = joined = (stored, _join(stored, self._listed))
        return joined[1]


def with_configured(
    source: Keyring, texts: Iterable[str], *, tier: str, peppers: Peppers, rules: CredentialRules
) -> Keyring:
    """``source`` and the keys ``texts``, which belong to the identity ``config`` of ``tier``.

    Their ids are ``cfg_`` and twelve hex digits of their digest; a text that is a key of our own making keeps its id.

    Raises :class:`~mattegate.vocabulary.refusal.Refusal` ``account.invalid`` for a text that no header can carry, and
    ``Unavailable``.
    """
    identity = IdentityView(CONFIGURED, CONFIGURED, tier)
    listed = {
        tuple(digest_key(text, pepper) for pepper in peppers.all): _listed(
            checked_foreign(text), identity, peppers, rules
        )
        for text in texts
    }
    return ConfiguredKeyring(source, listed) if listed else source


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
