"""``mattegate admins``: who may use the admin plane."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mattegate.cli.context import invocation_of
from mattegate.cli.grouping import command_of, new_group
from mattegate.cli.handing import handing
from mattegate.cli.homes import tell_home, warn_of_another
from mattegate.cli.key_options import Json, SecretFile
from mattegate.cli.ledger import actor, changing, reading
from mattegate.cli.moments import day_text, moment_or_none
from mattegate.cli.rendering import write_json
from mattegate.cli.tables import print_table
from mattegate.ledger.control import AdminRow

admins_app = new_group("admins", "Who may use the admin plane.")


@command_of(admins_app, "create", "mattegate admins create alice", "mattegate admins create alice --file alice.token")
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name that no other admin has, or had.")],
    file: SecretFile = None,
    as_json: Json = False,
) -> None:
    """Make an admin. The token is printed once, alone on standard output, and kept nowhere."""
    settings = invocation_of(ctx).settings()
    with handing("token", file, as_json=as_json) as place, changing(settings) as accounts:
        minted = accounts.desk.create_admin(name, actor=actor())
        place.give(minted.text, {"id": minted.id, "name": name})
    warn_of_another(settings)


@command_of(admins_app, "list", "mattegate admins list", "mattegate admins list --json")
def list_admins(ctx: typer.Context, as_json: Json = False) -> None:
    """Every admin, revoked ones too."""
    settings = invocation_of(ctx).settings()
    with reading(settings) as control:
        rows = control.admins()
    if as_json:
        return write_json([_facts(row) for row in rows])
    lines = [(row.id, row.name, str(row.state), day_text(row.created_at)) for row in rows]
    print_table(("id", "name", "state", "created"), lines, none="no admins: the admin plane answers nobody")
    return tell_home(settings)


@command_of(admins_app, "revoke", "mattegate admins revoke alice")
def revoke(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name or id of an admin.")],
    as_json: Json = False,
) -> None:
    """Take an admin's token back for good. Revoked already: nothing happens."""
    settings = invocation_of(ctx).settings()
    with changing(settings) as accounts:
        row = accounts.desk.revoke_admin(name, actor=actor())
    if as_json:
        write_json(_facts(row))
    else:
        print_table(("id", "name", "state"), [(row.id, row.name, str(row.state))], none="nobody")
        tell_home(settings)
    warn_of_another(settings)


def _facts(row: AdminRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "state": str(row.state),
        "created_at": moment_or_none(row.created_at),
    }
