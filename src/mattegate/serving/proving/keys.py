"""API keys: the one proof that is looked up in memory and costs one keyed hash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mattegate.ledger.protocols import Unavailable
from mattegate.signing.keys import digest_key, matches
from mattegate.vocabulary.facts import CredentialFact, KeyKind

if TYPE_CHECKING:
    from mattegate.ledger.protocols import Snapshot, StoredKey
    from mattegate.vocabulary.attempt import Presented
    from mattegate.vocabulary.secrets import Peppers

_NOBODY: Final = CredentialFact()
"""What a credential turned out to be that no key has the id of."""


class KeyProver:
    """Compares what was presented with the digests of keys."""

    def __init__(self, peppers: Peppers) -> None:
        self._peppers = peppers
        self._pepper = peppers.current

    def prove(self, presented: Presented, text: str, keys: Snapshot) -> CredentialFact:
        """Whose key ``text`` is. Raises :class:`Unavailable` for a key under a pepper that is not known here."""
        stored = keys.keys.get(presented.key_id) if presented.key_id else None
        if stored is not None and stored.view.kind is not KeyKind.API:
            stored = None  # its secret signs, and is never presented
        proven = self._proves(text, stored)
        if stored is None and keys.foreign:  # a key from elsewhere may look like one of ours
            stored = self._foreign(text, keys)
            proven = stored is not None
        return CredentialFact(stored.view, proven) if stored else _NOBODY

    def _proves(self, text: str, stored: StoredKey | None) -> bool:
        """Whether ``text`` is the stored key; an unknown id costs as much as a known one."""
        if stored is None:
            return matches(text, None, self._pepper)
        try:
            pepper = self._peppers.of(stored.pepper_version)
        except KeyError:
            missing = f"pepper-{stored.pepper_version}"
            problem = f"the key {stored.view.id} lies under {missing}, which is not here: put it back into secrets/"
            raise Unavailable("control", problem) from None
        return matches(text, stored.digest, pepper)

    def _foreign(self, text: str, keys: Snapshot) -> StoredKey | None:
        found = [keys.foreign.get(digest_key(text, pepper)) for pepper in self._peppers.all]
        return next((stored for stored in found if stored is not None), None)
