"""``mattegate identities``: who pays, with which tier, scopes and limits."""

from __future__ import annotations

import time
from typing import Annotated, Any, Final

import typer

from mattegate.cli.context import invocation_of
from mattegate.cli.finding import found_identity
from mattegate.cli.grouping import command_of, new_group
from mattegate.cli.homes import tell_home, warn_of_another
from mattegate.cli.key_options import Json
from mattegate.cli.key_view import HEADINGS as KEY_HEADINGS
from mattegate.cli.key_view import row_of as key_row
from mattegate.cli.ledger import actor, changing, reading
from mattegate.cli.limit_words import read_limits, spelled_limits
from mattegate.cli.moments import day_text, moment_or_none
from mattegate.cli.rendering import write_json
from mattegate.cli.tables import print_facts, print_table
from mattegate.config.settings import Settings
from mattegate.ledger.protocols import IdentityRow
from mattegate.vocabulary.facts import KeyState

identities_app = new_group("identities", "Who pays: accounts with their tier, scopes and limits.")

_HEADINGS: Final = ("id", "name", "tier", "state", "scopes", "own limits", "keys", "created", "contact")

_Name = Annotated[str, typer.Argument(metavar="NAME", help="Name or id of an identity.")]
_Scopes = Annotated[
    list[str] | None, typer.Option("--scope", help="What its keys may do; repeatable: cutout, self, keys, usage, *.")
]


@command_of(identities_app, "create", "mattegate identities create acme --tier enterprise --contact ops@acme.example")
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name that no other identity has.")],
    tier: Annotated[str, typer.Option(help="One of the tiers of the configuration.")],
    scope: _Scopes = None,
    contact: Annotated[str, typer.Option(help="Where notices go: a mail address.", show_default=False)] = "",
    as_json: Json = False,
) -> None:
    """Make an identity; it has no key yet."""
    settings = invocation_of(ctx).settings()
    with changing(settings) as accounts:
        scopes = tuple(scope) if scope else ("cutout", "self")
        row = accounts.desk.create_identity(name, tier=tier, actor=actor(), scopes=scopes, contact=contact)
    _tell_changed(settings, row, as_json=as_json)


@command_of(identities_app, "list", "mattegate identities list", "mattegate identities list --json")
def list_identities(ctx: typer.Context, as_json: Json = False) -> None:
    """Every identity, the oldest first."""
    settings = invocation_of(ctx).settings()
    with reading(settings) as control:
        rows, keys = control.identities(), control.keys()
    owners = [key.stored.view.identity.id for key in keys]
    if as_json:
        return write_json([_facts(row) | {"keys": owners.count(row.view.id)} for row in rows])
    print_table(_HEADINGS, [_line(row, owners.count(row.view.id)) for row in rows], none="no identities")
    return tell_home(settings)


@command_of(identities_app, "show", "mattegate identities show acme")
def show(ctx: typer.Context, name: _Name, as_json: Json = False) -> None:
    """One identity and its keys."""
    settings, now = invocation_of(ctx).settings(), time.time()
    with reading(settings) as control:
        row = found_identity(control, name)
        keys = control.keys(row.view.id)
    if as_json:
        return write_json(_facts(row) | {"keys": [key.id for key in keys]})
    print_facts(_facts(row))
    print_table(KEY_HEADINGS, [key_row(key, settings, now) for key in keys], none="no keys")
    return tell_home(settings)


@command_of(
    identities_app,
    "update",
    "mattegate identities update acme --tier vip",
    'mattegate identities update acme --limit "quota=500/day" --limit "rate=50/min"',
    "mattegate identities update acme --limit none",
)
def update(
    ctx: typer.Context,
    name: _Name,
    tier: Annotated[str, typer.Option(help="Another tier.", show_default=False)] = "",
    scope: _Scopes = None,
    limit: Annotated[
        list[str] | None,
        typer.Option("--limit", help="In place of the tier's: quota=500/day, rate=20/min …; repeatable; or none."),
    ] = None,
    contact: Annotated[str | None, typer.Option(help="A mail address; '' for none.", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """Set anew what is given. It holds for all keys of the identity, on their next request.

    Limits given here replace all of the identity's own; each stands in the place of the tier's limit of that kind.
    """
    if not (tier or scope or limit or contact is not None):
        raise typer.BadParameter("nothing to change; see --help for what can be")
    settings = invocation_of(ctx).settings()
    with changing(settings) as accounts:
        known = found_identity(accounts.control, name)
        wanted = next((one for one in settings.tiers if one.name == (tier or known.view.tier)), None)
        row = accounts.desk.update_identity(
            known.view.id,
            actor=actor(),
            tier=tier or None,
            scopes=scope or None,
            limits=read_limits(limit, wanted) if limit else None,
            contact=contact,
        )
    _tell_changed(settings, row, as_json=as_json)


@command_of(identities_app, "disable", "mattegate identities disable acme")
def disable(ctx: typer.Context, name: _Name, as_json: Json = False) -> None:
    """Let none of its keys work until it is enabled."""
    _set_state(ctx, name, KeyState.DISABLED, as_json=as_json)


@command_of(identities_app, "enable", "mattegate identities enable acme")
def enable(ctx: typer.Context, name: _Name, as_json: Json = False) -> None:
    """Let its keys work again, each as far as it did before."""
    _set_state(ctx, name, KeyState.ACTIVE, as_json=as_json)


def _set_state(ctx: typer.Context, name: str, state: KeyState, *, as_json: bool) -> None:
    settings = invocation_of(ctx).settings()
    with changing(settings) as accounts:
        row = accounts.desk.update_identity(name, actor=actor(), state=state)
    _tell_changed(settings, row, as_json=as_json)


def _tell_changed(settings: Settings, row: IdentityRow, *, as_json: bool) -> None:
    if as_json:
        write_json(_facts(row))
    else:
        print_facts(_facts(row))
        tell_home(settings)
    warn_of_another(settings)


def _facts(row: IdentityRow) -> dict[str, Any]:
    view = row.view
    return {
        "id": view.id,
        "name": view.name,
        "tier": view.tier,
        "state": str(view.state),
        "scopes": list(view.scopes),
        "limits": spelled_limits(view.limits),
        "contact": row.contact,
        "created_at": moment_or_none(row.created_at),
    }


def _line(row: IdentityRow, keys: int) -> tuple[object, ...]:
    view = row.view
    own = spelled_limits(view.limits)
    return view.id, view.name, view.tier, view.state, view.scopes, own, keys, day_text(row.created_at), row.contact
