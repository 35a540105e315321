"""Rows of ``control.db`` to values and back. A row that cannot be read is a damaged store, not a refusal."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final, TypeVar

from mattegate.ledger.control import AdminRow, KeyRow
from mattegate.ledger.protocols import AuditEntry, IdentityRow, StoredKey, Unavailable
from mattegate.vocabulary.facts import IdentityView, KeyKind, KeyState, KeyView
from mattegate.vocabulary.rulebook import Limit

Value = TypeVar("Value")
Columns = tuple[Any, ...]

_IDENTITY: Final = "i.id, i.name, i.tier, i.scopes, i.state, i.limits, i.created_at, i.contact, i.notes"
_KEY: Final = (
    "k.id, k.name, k.environment, k.state, k.created_at, k.expires_at, k.replaced_by, k.scopes, k.addresses, "
    'k.origins, k.models, k.digest, k.pepper_version, k."foreign", k.brand, k.enabled_at, k.kind, k.algorithm, '
    "k.schemes, k.require, k.material, k.kek_version, k.url_hosts, u.used_at, u.reminded_at"
)
_KEY_WIDTH: Final = _KEY.count(",") + 1

IDENTITIES: Final = f"SELECT {_IDENTITY} FROM identities i"  # noqa: S608 - only constants of this file, here and below
KEYS: Final = (
    f"SELECT {_KEY}, {_IDENTITY} FROM keys k JOIN identities i ON i.id = k.identity LEFT JOIN key_use u ON u.key = k.id"  # noqa: S608
)
ADMINS: Final = "SELECT id, name, digest, pepper_version, created_at, state FROM admins"
AUDIT: Final = "SELECT seq, at, actor, act, subject, details, previous, hash FROM audit"


def _upsert(table: str, names: str) -> str:
    """Put a row whole. Not ``INSERT OR REPLACE``, which deletes whichever other row a unique column meets."""
    columns = [f'"{name}"' for name in names.split()]
    updates = ", ".join(f"{column} = excluded.{column}" for column in columns[1:])
    marks = ", ".join("?" * len(columns))
    put = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608
    return f"{put} ON CONFLICT ({columns[0]}) DO UPDATE SET {updates}"


PUT_IDENTITY: Final = _upsert("identities", "id name tier scopes state limits created_at contact notes changed")
PUT_KEY: Final = _upsert(
    "keys",
    "id identity name environment state created_at expires_at replaced_by scopes addresses origins models"
    " digest pepper_version foreign brand enabled_at kind algorithm schemes require material kek_version url_hosts"
    " changed",
)
PUT_ADMIN: Final = _upsert("admins", "id name digest pepper_version created_at state")
PUT_ENTRY: Final = "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


def read(decode: Callable[[Columns], Value], columns: Columns) -> Value:
    """One row as a value. Raises :class:`Unavailable` for one that this version did not write."""
    try:
        return decode(columns)
    except (ValueError, TypeError, KeyError) as error:
        raise Unavailable("control", f"the row {columns[0]!r} of control.db cannot be read: {error}") from error


def identity_of(columns: Columns) -> IdentityRow:
    """From a row of ``IDENTITIES``."""
    id_, name, tier, scopes, state, limits, created_at, contact, notes = columns
    own = tuple(Limit(**limit) for limit in json.loads(limits))
    view = IdentityView(id_, name, tier, _tuple(scopes), KeyState(state), own)
    return IdentityRow(view, created_at, contact, json.loads(notes))


def identity_columns(row: IdentityRow) -> Columns:
    """What ``PUT_IDENTITY`` puts, but for the epoch at its end."""
    view = row.view
    limits = _json([asdict(limit) for limit in view.limits])
    return (
        view.id, view.name, view.tier, _json(view.scopes), str(view.state), limits,
        row.created_at, row.contact, _json(dict(row.notes)),
    )  # fmt: skip


def key_of(columns: Columns) -> KeyRow:
    """From a row of ``KEYS``."""
    (
        id_, name, environment, state, created_at, expires_at, replaced_by, scopes, addresses,
        origins, models, digest, pepper_version, foreign, brand, enabled_at, kind, algorithm,
        schemes, require, material, kek_version, url_hosts, used_at, reminded_at,
    ) = columns[:_KEY_WIDTH]  # fmt: skip
    view = KeyView(
        id_, identity_of(columns[_KEY_WIDTH:]).view, name, environment, KeyState(state), created_at, expires_at,
        replaced_by, None if scopes is None else _tuple(scopes), _tuple(addresses), _tuple(origins), _tuple(models),
        KeyKind(kind), algorithm, _tuple(schemes), _tuple(require), url_hosts=_tuple(url_hosts),
    )  # fmt: skip
    stored = StoredKey(view, digest, pepper_version, bool(foreign), brand, material, kek_version)
    return KeyRow(stored, enabled_at, used_at, reminded_at)


def key_columns(row: KeyRow) -> Columns:
    """What ``PUT_KEY`` puts, but for the epoch at its end."""
    stored, view = row.stored, row.stored.view
    return (
        view.id, view.identity.id, view.name, view.environment, str(view.state), view.created_at, view.expires_at,
        view.replaced_by, None if view.scopes is None else _json(view.scopes), _json(view.addresses),
        _json(view.origins), _json(view.models), stored.digest, stored.pepper_version, int(stored.foreign),
        stored.brand, row.enabled_at, str(view.kind), view.algorithm, _json(view.schemes), _json(view.require),
        stored.material, stored.kek_version, _json(view.url_hosts),
    )  # fmt: skip


def admin_of(columns: Columns) -> AdminRow:
    """From a row of ``ADMINS``."""
    id_, name, digest, pepper_version, created_at, state = columns
    return AdminRow(id_, name, digest, pepper_version, created_at, KeyState(state))


def admin_columns(row: AdminRow) -> Columns:
    """What ``PUT_ADMIN`` puts."""
    return (row.id, row.name, row.digest, row.pepper_version, row.created_at, str(row.state))


def entry_of(columns: Columns) -> AuditEntry:
    """From a row of ``AUDIT``."""
    seq, at, actor, act, subject, details, previous, hash_ = columns
    return AuditEntry(seq, at, actor, act, subject, json.loads(details), previous, hash_)


def entry_columns(entry: AuditEntry) -> Columns:
    """What ``PUT_ENTRY`` puts."""
    return (
        entry.seq, entry.at, entry.actor, entry.act, entry.subject, _json(dict(entry.details)), entry.previous,
        entry.hash,
    )  # fmt: skip


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _tuple(text: str) -> tuple[str, ...]:
    return tuple(map(str, json.loads(text)))
