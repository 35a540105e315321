"""What may be done to identities, decided over the stored rows alone: each function refuses or says what to put."""

from __future__ import annotations

from mattegate.ledger.control import Change, Rows
from mattegate.ledger.protocols import IdentityRow
from mattegate.vocabulary.facts import Plain
from mattegate.vocabulary.refusal import Refusal


def found_identity(rows: Rows, name_or_id: str) -> IdentityRow:
    """The identity, or ``account.not_found``."""
    if row := rows.identity(name_or_id):
        return row
    raise Refusal("account.not_found", what="identity", name=name_or_id)


def require_free(rows: Rows, identity: IdentityRow) -> None:
    """Nobody has the name yet. Raises ``account.exists``."""
    if rows.identity(identity.view.name) or rows.identity(identity.view.id):
        raise Refusal("account.exists", what="identity", name=identity.view.name)


def created(rows: Rows, new: IdentityRow, then: Change | None = None) -> Change:
    """The making of an identity, and what comes with it in the same act. Raises ``account.exists``."""
    require_free(rows, new)
    return Change("identity.create", new.view.id, described_identity(new), identities=(new,), then=then)


def described_identity(row: IdentityRow) -> dict[str, Plain]:
    """What the audit log says of an identity."""
    view = row.view
    limits = (f"{limit.name}={limit.amount}/{limit.window_s}s" for limit in view.limits)
    return {
        "name": view.name,
        "tier": view.tier,
        "scopes": " ".join(view.scopes),
        "state": str(view.state),
        "limits": " ".join(limits),
        "contact": row.contact,
    }
