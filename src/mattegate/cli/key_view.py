"""A key as commands show it: its standing in one word, what is worth knowing of its age, and its facts for JSON."""

from __future__ import annotations

from typing import Any, Final

from mattegate.cli.moments import day_text, minute_text, moment_or_none
from mattegate.config.settings import Settings
from mattegate.ledger.control import KeyRow
from mattegate.vocabulary.facts import KeyState, KeyView

HEADINGS: Final = (
    *("id", "identity", "name", "tier", "env", "state", "created", "last used", "expires", "hint"),
)  # fmt: skip
_DAY: Final = 86_400
_SOON: Final = 14 * _DAY


def standing_of(key: KeyView, now: float) -> str:
    """``active``, ``rotated`` (in its overlap), or why it does not work."""
    if key.state is not KeyState.ACTIVE:
        return str(key.state)
    if key.expires_at is not None and key.expires_at <= now:
        return "expired"
    if key.identity.state is not KeyState.ACTIVE:
        return "identity disabled"
    return "rotated" if key.replaced_by else "active"


def hint_of(row: KeyRow, settings: Settings, now: float) -> str:
    """What an operator would want to know of a working key; empty for nothing."""
    view, keys = row.stored.view, settings.keys
    standing = standing_of(view, now)
    if standing == "rotated":
        return f"replaced by {view.replaced_by}"
    if standing != "active":
        return ""
    if all(tier.name != view.identity.tier for tier in settings.tiers):
        return f"no tier {view.identity.tier} in this configuration: refused with 503"
    if view.expires_at is not None and view.expires_at - now < _SOON:
        return f"expires in {_days(view.expires_at - now)}"
    idle = now - max(row.enabled_at, row.used_at or 0.0)
    if keys.unused_days and idle > (keys.unused_days * _DAY) * 5 / 6:
        return f"unused for {_days(idle)}; is disabled after {keys.unused_days}"
    age = now - view.created_at
    return f"{_days(age)} old; rotate it" if keys.remind_days and age > keys.remind_days * _DAY else ""


def row_of(row: KeyRow, settings: Settings, now: float) -> tuple[object, ...]:
    """Under :data:`HEADINGS`."""
    view = row.stored.view
    return (
        view.id,
        view.identity.name,
        view.name,
        view.identity.tier,
        view.environment,
        standing_of(view, now),
        day_text(view.created_at),
        minute_text(row.used_at) or "never",
        day_text(view.expires_at) or "never",
        hint_of(row, settings, now),
    )


def facts_of(row: KeyRow, settings: Settings, now: float) -> dict[str, Any]:
    """Everything that is kept of a key but its digest."""
    view = row.stored.view
    return {
        "id": view.id,
        "name": view.name,
        "identity": view.identity.name,
        "identity_id": view.identity.id,
        "tier": view.identity.tier,
        "environment": view.environment,
        "state": str(view.state),
        "standing": standing_of(view, now),
        "created_at": moment_or_none(view.created_at),
        "last_used_at": moment_or_none(row.used_at),
        "expires_at": moment_or_none(view.expires_at),
        "replaced_by": view.replaced_by or None,
        "scopes": list(view.identity.scopes if view.scopes is None else view.scopes),
        "addresses": list(view.addresses),
        "origins": list(view.origins),
        "models": list(view.models),
        "url_hosts": list(view.url_hosts),
        "kind": str(view.kind),
        "algorithm": view.algorithm or None,
        "schemes": list(view.schemes),
        "require": list(view.require),
        "imported": row.stored.foreign,
        "pepper": row.stored.pepper_version,
        "hint": hint_of(row, settings, now),
    }


def _days(seconds: float) -> str:
    days = int(seconds // _DAY)
    return f"{days} day{'s' * (days != 1)}"
