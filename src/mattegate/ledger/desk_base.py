"""What every act at the desk needs: the store, a clock, randomness, and what secrets are kept under."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from mattegate.ledger.account_values import checked_actor, checked_name, checked_scopes, checked_text, checked_tier
from mattegate.ledger.control import Control, Decide, Result
from mattegate.ledger.protocols import IdentityRow
from mattegate.signing.keys import digest_key, matches
from mattegate.vocabulary.facts import IdentityView
from mattegate.vocabulary.refusal import Refusal
from mattegate.vocabulary.rulebook import CredentialRules
from mattegate.vocabulary.secrets import KeyEncryptionKeys, Peppers


@dataclass(frozen=True, slots=True)
class NewIdentity:
    """An identity that is made together with its first key: both, or neither."""

    name: str
    tier: str
    scopes: tuple[str, ...] = ("cutout", "self")


Owner = str | NewIdentity
"""Whose a new key is: an identity by name or id, or one that is not there yet."""


class Workplace:
    """``entropy`` answers with as many random bytes as it is asked for; ``clock`` with Unix seconds.

    Without ``keks`` no signing secrets are made here.
    """

    def __init__(
        self,
        control: Control,
        *,
        peppers: Peppers,
        rules: CredentialRules,
        tiers: Collection[str],
        keks: KeyEncryptionKeys | None = None,
        clock: Callable[[], float] = time.time,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._control, self._peppers, self._rules, self._tiers = control, peppers, rules, tiers
        self._keks = keks
        self._clock, self._entropy = clock, entropy

    def _change(self, decide: Decide[Result], actor: str, at: float) -> Result:
        return self._control.change(decide, actor=checked_actor(actor), at=at)

    def _new_identity(self, name: str, tier: str, scopes: Iterable[str], contact: str, at: float) -> IdentityRow:
        view = IdentityView(
            self._id("id_"), checked_name(name), checked_tier(tier, self._tiers), checked_scopes(scopes)
        )  # fmt: skip
        return IdentityRow(view, at, checked_text("contact", contact, empty=True))

    def _owner(self, owner: Owner, actor: str, at: float) -> str | IdentityRow:
        """``owner`` as the rows have it, or will have it."""
        if isinstance(owner, str):
            return owner
        require_operator(actor, "create identities")
        return self._new_identity(owner.name, owner.tier, owner.scopes, "", at)

    def _digests(self, text: str) -> list[bytes]:
        return [digest_key(text, pepper) for pepper in self._peppers.all]

    def _proves(self, text: str, digest: bytes, version: int) -> bool:
        """A digest under a pepper that is gone is proved by nothing."""
        pepper = next((pepper for pepper in self._peppers.all if pepper.version == version), None)
        return pepper is not None and matches(text, digest, pepper)

    def _id(self, prefix: str) -> str:
        return prefix + self._entropy(8).hex()


def require_operator(actor: str, act: str) -> None:
    """An owner does no such thing, whoever let it come here. Raises ``account.wider``."""
    kind, _, name = actor.partition(":")
    if kind == "key":
        raise Refusal("account.wider", what="the right to", value=act, owner=f"the key {name}")
