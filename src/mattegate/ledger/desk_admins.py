"""Acts on admins, and the check of their tokens."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from mattegate.ledger.account_values import checked_name
from mattegate.ledger.control import AdminRow, Change, Rows
from mattegate.ledger.desk_base import Workplace, require_operator
from mattegate.signing.keys import Minted, digest_key, mint
from mattegate.vocabulary.facts import KeyState
from mattegate.vocabulary.refusal import Refusal

ADMIN_PREFIX: Final = "mgadm_"
"""How the tokens of admins begin."""


class AdminDesk(Workplace):
    """Making and taking back admins."""

    def create_admin(self, name: str, *, actor: str) -> Minted:
        """Someone who may use the admin plane. The token is in the result and nowhere else."""
        require_operator(actor, "create admins")
        at = self._clock()
        minted = mint(ADMIN_PREFIX, self._entropy)
        pepper = self._peppers.current
        row = AdminRow(minted.id, checked_name(name), digest_key(minted.text, pepper), pepper.version, at)

        def decide(rows: Rows) -> tuple[None, Change]:
            if rows.admin(row.name) or rows.admin(row.id):
                raise Refusal("account.exists", what="admin", name=row.name)
            return None, Change("admin.create", row.id, {"name": row.name}, admins=(row,))

        self._change(decide, actor, at)
        return minted

    def revoke_admin(self, name_or_id: str, *, actor: str) -> AdminRow:
        """Take an admin's token back for good; its name stays taken. Revoked already: nothing happens."""
        require_operator(actor, "revoke admins")

        def decide(rows: Rows) -> tuple[AdminRow, Change | None]:
            row = rows.admin(name_or_id)
            if row is None:
                raise Refusal("account.not_found", what="admin", name=name_or_id)
            gone = replace(row, state=KeyState.REVOKED)
            return gone, Change("admin.revoke", row.id, {"name": row.name}, admins=(gone,)) if gone != row else None

        return self._change(decide, actor, self._clock())

    def check_admin(self, token: str) -> str | None:
        """The id of the admin whose token this is, or ``None``; the time does not tell how near it came."""
        admin = None
        for row in self._control.admins():
            if self._proves(token, row.digest, row.pepper_version) and row.state is KeyState.ACTIVE:
                admin = row.id
        return admin

    def has_admin(self) -> bool:
        """Whether anybody may use the admin plane."""
        return any(row.state is KeyState.ACTIVE for row in self._control.admins())
