"""What may be done to keys, decided over the stored rows alone: each function refuses or says what to put.

Operators (``cli:``, ``admin:``, ``task:``) may do anything within the key's identity. An owner acts through one of its
keys (``key:ID``) and may only narrow: that key bounds what it makes, and each key bounds what becomes of itself. All
functions raise :class:`Refusal` ``account.*``, and ``credential.*`` where the acting key itself is no longer good.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

from mattegate.ledger.account_values import invalid
from mattegate.ledger.control import Change, KeyRow, Rows
from mattegate.ledger.identity_acts import created, found_identity
from mattegate.ledger.narrowing import require_scopes, require_within
from mattegate.ledger.protocols import IdentityRow, StoredKey
from mattegate.vocabulary.facts import KeyKind, KeyState, KeyView, Plain
from mattegate.vocabulary.refusal import Refusal

Edit = Callable[[KeyView], KeyView]


def found_key(rows: Rows, key_id: str, actor: str, at: float) -> KeyRow:
    """The key, or ``account.not_found``: to an owner, keys of others do not exist."""
    row, me = rows.key(key_id), acting_key(rows, actor, at)
    if row is None or (me is not None and me.identity.id != row.stored.view.identity.id):
        raise Refusal("account.not_found", what="key", name=key_id)
    return row


def acting_key(rows: Rows, actor: str, at: float) -> KeyView | None:
    """The key that an owner acts through, as it is now; ``None`` for operators."""
    kind, _, key_id = actor.partition(":")
    if kind != "key":
        return None
    row = rows.key(key_id)
    if row is None:
        raise Refusal("account.not_found", what="key", name=key_id)
    _require_good(row.stored.view, at)
    return row.stored.view


def _require_good(key: KeyView, at: float) -> None:
    """A key may have been taken back between the gate's decision and this act."""
    if key.state is not KeyState.ACTIVE:
        raise Refusal(f"credential.{key.state}", key_id=key.id)
    if key.identity.state is not KeyState.ACTIVE:
        raise Refusal("credential.identity_disabled", key_id=key.id, identity=key.identity.name)
    if key.expires_at is not None and key.expires_at <= at:
        raise Refusal("credential.expired", key_id=key.id, expired_at=key.expires_at)


def create(rows: Rows, stored: StoredKey, owner: str | IdentityRow, actor: str, at: float) -> tuple[None, Change]:
    """A new key for an identity (name or id), or for one that comes with it.

    ``stored`` brings everything but the identity.
    """
    identity = found_identity(rows, owner) if isinstance(owner, str) else owner
    key = replace(stored.view, identity=identity.view)
    me = acting_key(rows, actor, at)
    if me is not None and me.identity.id != identity.view.id:
        raise Refusal("account.not_found", what="identity", name=owner if isinstance(owner, str) else "")
    _require_bounds(key, me)
    _require_new(rows, key.id)
    row = KeyRow(replace(stored, view=key), enabled_at=at)
    change = Change("key.create", key.id, described(key), keys=(*_making_room(rows, stored), row))
    return None, change if isinstance(owner, str) else created(rows, identity, change)


def _making_room(rows: Rows, stored: StoredKey) -> tuple[KeyRow, ...]:
    """What must change so that ``stored`` is the only one that says what it says: nothing, or an ended binding."""
    known = rows.key_by_digest(stored.digest)  # a public key or a certificate that was named before
    if known is None:
        return ()
    view = known.stored.view
    if view.kind is not KeyKind.CERTIFICATE or view.state is not KeyState.REVOKED:
        raise Refusal("account.exists", what="key", name=known.id)
    digest = sha256(known.stored.digest + known.id.encode()).digest()
    return (replace(known, stored=replace(known.stored, digest=digest, material=b"")),)


def bring(rows: Rows, stored: StoredKey, identity: IdentityRow, *, new: bool, at: float) -> tuple[KeyRow, Change]:
    """A key from elsewhere, for an identity that is there or (``new``) comes with it."""
    key = replace(stored.view, identity=identity.view)
    _require_new(rows, key.id)
    row = KeyRow(replace(stored, view=key), enabled_at=at)
    details = described(key) | {"tier": identity.view.tier}
    return row, Change("key.import", key.id, details, identities=(identity,) if new else (), keys=(row,))


def update(rows: Rows, key_id: str, edit: Edit, actor: str, at: float) -> tuple[KeyRow, Change | None]:
    """Another name, expiry, scopes, addresses, origins, models or hosts of images."""
    row = found_key(rows, key_id, actor, at)
    old = row.stored.view
    new = edit(old)
    if old.state is KeyState.REVOKED and new != old:
        raise invalid("the key to change", key_id, "it is revoked, for good")
    if actor.startswith("key:"):
        require_within(new, old)
    elif new.scopes != old.scopes:
        require_scopes(new.scopes, new.identity)
    return _put(row, new, "key.update")


def rotate(
    rows: Rows, key_id: str, minted: StoredKey, overlap_s: float, actor: str, at: float
) -> tuple[KeyRow, Change]:  # fmt: skip
    """A successor with the same rights and expiry, while the old key ends with its overlap."""
    row = found_key(rows, key_id, actor, at)
    old = row.stored.view
    _require_rotatable(old, at)
    fresh = minted.view
    if fresh.kind is not old.kind:
        raise invalid("key", key_id, "a public key or a certificate is not rotated here; make a new one beside it")
    new = replace(old, id=fresh.id, created_at=at, environment=fresh.environment, replaced_by="")
    if (me := acting_key(rows, actor, at)) is not None:
        require_within(new, me)
    _require_new(rows, new.id)
    ends = at + overlap_s if old.expires_at is None else min(old.expires_at, at + overlap_s)
    gone = replace(row, stored=replace(row.stored, view=replace(old, replaced_by=new.id, expires_at=ends)))
    born = KeyRow(replace(minted, view=new), enabled_at=at)
    details: dict[str, Plain] = {"replaced_by": new.id, "until": ends, "identity": old.identity.id}
    return born, Change("key.rotate", key_id, details, keys=(gone, born))


def _require_rotatable(key: KeyView, at: float) -> None:
    if key.replaced_by:
        raise invalid("key", key.id, f"it was rotated already; its successor is {key.replaced_by}")
    if key.state is not KeyState.ACTIVE:
        raise invalid("key", key.id, f"it is {key.state}; only an active key is rotated")
    if key.expires_at is not None and key.expires_at <= at:
        raise invalid("key", key.id, "it has expired; create a new one")


def set_state(
    rows: Rows, key_id: str, state: KeyState, why: str, actor: str, at: float
) -> tuple[KeyRow, Change | None]:  # fmt: skip
    """Revoke for good, disable or enable. What is so already is left alone; an owner cannot enable."""
    row = found_key(rows, key_id, actor, at)
    key = row.stored.view
    if key.state is KeyState.REVOKED and state is not KeyState.REVOKED:
        raise invalid("the key to change", key_id, "it is revoked, for good")
    if state is KeyState.ACTIVE and key.state is not state:
        if actor.startswith("key:"):
            raise Refusal("account.wider", what="the state", value=str(state), owner=f"the key {key_id}")
        row = replace(row, enabled_at=at)
    act = {KeyState.REVOKED: "key.revoke", KeyState.DISABLED: "key.disable", KeyState.ACTIVE: "key.enable"}[state]
    return _put(row, replace(key, state=state), act, why)


def _put(row: KeyRow, new: KeyView, act: str, why: str = "") -> tuple[KeyRow, Change | None]:
    """The row with ``new`` in it, and the change, if it is one."""
    old = row.stored.view
    if new == old:
        return row, None
    before, after = described(old), described(new)
    after |= {name: "" for name in before if name not in after}
    details: dict[str, Plain] = {name: value for name, value in after.items() if value != before.get(name)}
    if why:
        details["why"] = why
    changed = replace(row, stored=replace(row.stored, view=new))
    return changed, Change(act, new.id, details, keys=(changed,))


def described(key: KeyView) -> dict[str, Plain]:
    """What the audit log says of a key."""
    return {
        "identity": key.identity.id,
        "name": key.name,
        "environment": key.environment,
        "state": str(key.state),
        "expires_at": key.expires_at,
        "scopes": "all" if key.scopes is None else " ".join(key.scopes),
        "addresses": " ".join(key.addresses),
        "origins": " ".join(key.origins),
        "models": " ".join(key.models),
    } | _only_given(key)


def _only_given(key: KeyView) -> dict[str, Plain]:
    """What most keys have nothing of; empty where it is so, so that an entry of a plain key reads as it always did."""
    given: dict[str, Plain] = {
        "kind": "" if key.kind is KeyKind.API else str(key.kind),
        "algorithm": key.algorithm,
        "schemes": " ".join(key.schemes),
        "require": " ".join(key.require),
        "url_hosts": " ".join(key.url_hosts),
    }
    return {name: value for name, value in given.items() if value}


def _require_bounds(key: KeyView, me: KeyView | None) -> None:
    require_scopes(key.scopes, key.identity)
    if me is not None:
        require_within(key, me)


def _require_new(rows: Rows, key_id: str) -> None:
    if rows.key(key_id) is not None:
        raise Refusal("account.exists", what="key", name=key_id)
