"""``mattegate keys``: taking back, resting, narrowing and setting anew."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any, Final

import typer

from mattegate.cli.context import invocation_of
from mattegate.cli.finding import found_key
from mattegate.cli.homes import tell_home, warn_of_another
from mattegate.cli.key_options import Addresses, Json, KeyId, KeyIds, Models, Origins, Scopes, UrlHosts, Why
from mattegate.cli.key_view import HEADINGS, facts_of, row_of
from mattegate.cli.ledger import actor, changing
from mattegate.cli.moments import read_end
from mattegate.cli.rendering import write_json
from mattegate.cli.tables import print_table
from mattegate.ledger.account_values import checked_models, checked_networks, checked_origins, checked_scopes
from mattegate.ledger.control import KeyRow
from mattegate.ledger.desk import Desk
from mattegate.ledger.host_values import checked_hosts
from mattegate.ledger.narrowing import require_within


def revoke(ctx: typer.Context, ids: KeyIds, why: Why = "", as_json: Json = False) -> None:
    """Take keys back for good. Revoked already: nothing happens."""
    _set_all(ctx, ids, Desk.revoke_key, why, as_json=as_json)


def disable(ctx: typer.Context, ids: KeyIds, why: Why = "", as_json: Json = False) -> None:
    """Let keys rest until they are enabled."""
    _set_all(ctx, ids, Desk.disable_key, why, as_json=as_json)


def enable(ctx: typer.Context, ids: KeyIds, why: Why = "", as_json: Json = False) -> None:
    """End the rest of keys; the time they lie unused counts from now."""
    _set_all(ctx, ids, Desk.enable_key, why, as_json=as_json)


def narrow(
    ctx: typer.Context,
    key_id: KeyId,
    expires: Annotated[str, typer.Option(help="An earlier end: 90d, or a date.", show_default=False)] = "",
    scope: Scopes = None,
    address: Addresses = None,
    origin: Origins = None,
    model: Models = None,
    url_host: UrlHosts = None,
    as_json: Json = False,
) -> None:
    """Give a key fewer rights. What would give it more is refused; 'update' does that."""
    given = _given(expires, scope, address, origin, model, url_host)
    _change(ctx, key_id, given, as_json=as_json, only_narrower=True)


def update(
    ctx: typer.Context,
    key_id: KeyId,
    name: Annotated[str | None, typer.Option(help="Another name.", show_default=False)] = None,
    expires: Annotated[str, typer.Option(help="90d, a date, or never.", show_default=False)] = "",
    scope: Scopes = None,
    address: Addresses = None,
    origin: Origins = None,
    model: Models = None,
    url_host: UrlHosts = None,
    as_json: Json = False,
) -> None:
    """Set a key's rights anew, within those of its identity; 'any' takes a restriction away."""
    given = _given(expires, scope, address, origin, model, url_host) | ({} if name is None else {"name": name})
    _change(ctx, key_id, given, as_json=as_json)


# --- shared ---------------------------------------------------------------------------------------------------


def _set_all(ctx: typer.Context, ids: list[str], act: Callable[..., KeyRow], why: str, *, as_json: bool) -> None:
    """One act on every key: an id that is not there is told before anything is done."""
    settings = invocation_of(ctx).settings()
    with changing(settings) as accounts:
        known = [found_key(accounts.control, given).id for given in ids]
        rows = [act(accounts.desk, key_id, actor=actor(), why=why) for key_id in known]
    _tell_changed(ctx, rows, as_json=as_json)


def _given(
    expires: str,
    scope: list[str] | None,
    address: list[str] | None,
    origin: list[str] | None,
    model: list[str] | None,
    url_host: list[str] | None,
) -> dict[str, Any]:
    """What was said, as the desk's arguments; nothing said is a mistake in the line."""
    now = time.time()
    lists = {"scopes": scope, "addresses": address, "origins": origin, "models": model, "url_hosts": url_host}
    given: dict[str, Any] = {what: _any_or(what, values) for what, values in lists.items() if values}
    if expires:
        given["expires_at"] = None if expires == "never" else read_end(expires, now, "--expires")
    return given


def _any_or(what: str, values: list[str]) -> list[str] | None:
    if values != ["any"]:
        return values
    return None if what == "scopes" else []


def _change(
    ctx: typer.Context, key_id: str, given: dict[str, Any], *, as_json: bool, only_narrower: bool = False
) -> None:
    if not given:
        raise typer.BadParameter("nothing to change; see --help for what can be")
    settings = invocation_of(ctx).settings()
    with changing(settings) as accounts:
        old = found_key(accounts.control, key_id)
        if only_narrower:
            _require_narrower(old, given)
        row = accounts.desk.update_key(old.id, actor=actor(), **given)
    _tell_changed(ctx, [row], as_json=as_json)


_CHECKS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "scopes": checked_scopes,
    "addresses": checked_networks,
    "origins": checked_origins,
    "models": checked_models,
    "url_hosts": checked_hosts,
    "expires_at": float,
}


def _require_narrower(row: KeyRow, given: dict[str, Any]) -> None:
    old = row.stored.view
    new: dict[str, Any] = {what: _CHECKS[what](values) if values else values for what, values in given.items()}
    require_within(replace(old, **new), old)


def _tell_changed(ctx: typer.Context, rows: list[KeyRow], *, as_json: bool) -> None:
    settings, now = invocation_of(ctx).settings(), time.time()
    if as_json:
        write_json([facts_of(row, settings, now) for row in rows])
    else:
        print_table(HEADINGS, [row_of(row, settings, now) for row in rows], none="nothing")
        tell_home(settings)
    warn_of_another(settings)
