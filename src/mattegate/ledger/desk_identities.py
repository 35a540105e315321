"""Acts on identities: who pays, with which tier, scopes and limits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from mattegate.ledger.account_values import checked_limits, checked_scopes, checked_text, checked_tier, invalid
from mattegate.ledger.control import Change, Rows
from mattegate.ledger.desk_base import Workplace, require_operator
from mattegate.ledger.identity_acts import created, described_identity, found_identity
from mattegate.ledger.protocols import IdentityRow
from mattegate.vocabulary.facts import KeyState
from mattegate.vocabulary.rulebook import Limit


class IdentityDesk(Workplace):
    """Making and changing identities."""

    def create_identity(
        self,
        name: str,
        *,
        tier: str,
        actor: str,
        scopes: Iterable[str] = ("cutout", "self"),
        contact: str = "",
    ) -> IdentityRow:
        """Someone who pays, with a name that nobody else has."""
        require_operator(actor, "create identities")
        at = self._clock()
        row = self._new_identity(name, tier, scopes, contact, at)

        def decide(rows: Rows) -> tuple[IdentityRow, Change]:
            return row, created(rows, row)

        return self._change(decide, actor, at)

    def update_identity(
        self,
        name_or_id: str,
        *,
        actor: str,
        tier: str | None = None,
        scopes: Iterable[str] | None = None,
        state: KeyState | None = None,
        limits: Sequence[Limit] | None = None,
        contact: str | None = None,
    ) -> IdentityRow:
        """Change what is given. An identity is never deleted: disabled, none of its keys works."""
        require_operator(actor, "change identities")
        if state is KeyState.REVOKED:
            raise invalid("state", str(state), "an identity is active or disabled")
        changes: dict[str, Any] = {
            "tier": None if tier is None else checked_tier(tier, self._tiers),
            "scopes": None if scopes is None else checked_scopes(scopes),
            "state": state,
            "limits": None if limits is None else checked_limits(limits),
        }
        given = {name: value for name, value in changes.items() if value is not None}
        mail = None if contact is None else checked_text("contact", contact, empty=True)

        def decide(rows: Rows) -> tuple[IdentityRow, Change | None]:
            old = found_identity(rows, name_or_id)
            new = replace(old, view=replace(old.view, **given), contact=old.contact if mail is None else mail)
            before, after = described_identity(old), described_identity(new)
            details = {name: value for name, value in after.items() if value != before[name]}
            return new, Change("identity.update", new.view.id, details, identities=(new,)) if new != old else None

        return self._change(decide, actor, self._clock())
