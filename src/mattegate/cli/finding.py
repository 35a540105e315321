"""Who and what a command line names: identities and keys, by name or id."""

from __future__ import annotations

import typer

from mattegate.cli.ledger import actor
from mattegate.config.settings import Settings
from mattegate.ledger.configured import CONFIGURED
from mattegate.ledger.control import Control, KeyRow
from mattegate.ledger.desk_base import NewIdentity, Owner
from mattegate.ledger.opening import Accounts
from mattegate.ledger.protocols import IdentityRow
from mattegate.signing.keys import id_of
from mattegate.vocabulary.facts import IdentityView
from mattegate.vocabulary.refusal import Refusal

_SCOPES = ("cutout", "self")
"""What a new identity may do, beside what its first key is given."""
_LONGEST_ID = 24


def found_identity(control: Control, name_or_id: str) -> IdentityRow:
    """The identity, or :class:`Refusal` ``account.not_found``."""
    row = control.identity(name_or_id)
    if row is None:
        raise Refusal("account.not_found", what="identity", name=name_or_id)
    return row


def found_key(control: Control, given: str) -> KeyRow:
    """The key of an id, or :class:`Refusal` ``account.not_found``. A whole key is understood, and never repeated."""
    key_id = id_of(given) or given
    row = control.key(key_id)
    if row is None:
        name = key_id if len(key_id) <= _LONGEST_ID else f"({len(given)} characters)"
        raise Refusal("account.not_found", what="key", name=name)
    return row


def payer(control: Control, name_or_id: str, settings: Settings) -> IdentityView:
    """Whoever stands in the usage book: a stored identity, or the one of keys listed in the configuration.

    Raises :class:`Refusal` ``account.not_found``.
    """
    if name_or_id == CONFIGURED and settings.api_keys:
        return IdentityView(CONFIGURED, CONFIGURED, settings.keys.import_tier)
    return found_identity(control, name_or_id).view


def owner_of(accounts: Accounts, name_or_id: str, *, tier: str, scopes: tuple[str, ...] = ()) -> Owner:
    """Whose a new key is: the identity that is there, or one that is made with it where a ``tier`` is given.

    Raises :class:`typer.BadParameter` where a tier is needed, and :class:`Refusal` ``account.invalid`` where the
    identity that is there has another tier.
    """
    row = accounts.control.identity(name_or_id)
    if row is None:
        if not tier:
            problem = f"there is no identity {name_or_id!r} yet; name its tier, such as --tier free"
            raise typer.BadParameter(problem, param_hint="--tier")
        return NewIdentity(name_or_id, tier, tuple(dict.fromkeys((*_SCOPES, *scopes))))
    if tier and tier != row.view.tier:
        problem = f"the identity {row.view.name!r} is there and has the tier {row.view.tier}; leave --tier out"
        problem += f", or change it for all of its keys: mattegate identities update {row.view.id} --tier {tier}"
        raise Refusal("account.invalid", what="the tier", value=tier, problem=problem)
    return row.view.id


def owner_facts(accounts: Accounts, key_id: str) -> dict[str, object]:
    """What is told of whoever a new key belongs to."""
    identity = found_key(accounts.control, key_id).stored.view.identity
    return {"identity": identity.name, "identity_id": identity.id, "tier": identity.tier}


def find_or_create(accounts: Accounts, name_or_id: str, *, tier: str) -> IdentityRow:
    """The identity, made at once where there is none. Raises as :func:`owner_of` does."""
    owner = owner_of(accounts, name_or_id, tier=tier)
    if isinstance(owner, str):
        return found_identity(accounts.control, owner)
    return accounts.desk.create_identity(owner.name, tier=owner.tier, actor=actor(), scopes=owner.scopes)
