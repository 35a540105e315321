"""``mattegate keys``: parses, calls the desk of the ledger, renders. What is changed holds on the very next request."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from mattegate.cli import keys_change
from mattegate.cli.context import invocation_of
from mattegate.cli.finding import found_identity, found_key, owner_facts, owner_of
from mattegate.cli.grouping import command_of, new_group
from mattegate.cli.handing import handing
from mattegate.cli.homes import tell_home, warn_of_another
from mattegate.cli.key_options import (
    Addresses,
    Json,
    KeyId,
    Models,
    Origins,
    Require,
    Scopes,
    SecretFile,
    UrlHosts,
)
from mattegate.cli.key_view import HEADINGS, facts_of, row_of
from mattegate.cli.keys_import import import_keys
from mattegate.cli.keys_scan import scan
from mattegate.cli.keys_signing import create_certificate, create_signing
from mattegate.cli.ledger import actor, changing, reading
from mattegate.cli.moments import moment_or_none, read_end, read_span
from mattegate.cli.rendering import write_error, write_json
from mattegate.cli.tables import print_facts, print_table

keys_app = new_group("keys", "Make, find, change and take back API keys.")


@command_of(
    keys_app,
    "create",
    "mattegate keys create --name alice --tier free",
    "mattegate keys create --name ci --identity alice --environment test --expires 90d --file ci.key",
    "mattegate keys create --name shop --tier enterprise --origin https://shop.example.com --json",
)
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Option(help="What the key is called; its identity too, unless --identity names one.")],
    tier: Annotated[str, typer.Option(help="The tier of an identity that is new.", show_default=False)] = "",
    identity: Annotated[str, typer.Option(help="The identity that pays, by name or id.", show_default=False)] = "",
    environment: Annotated[str, typer.Option(help="What it is for: prod or test.")] = "prod",
    expires: Annotated[str, typer.Option(help="90d, or a date; left out: never.", show_default=False)] = "",
    scope: Scopes = None,
    address: Addresses = None,
    origin: Origins = None,
    model: Models = None,
    url_host: UrlHosts = None,
    require: Require = None,
    file: SecretFile = None,
    as_json: Json = False,
) -> None:
    """Make a key. It is printed once, alone on standard output, and kept nowhere.

    An identity of that name is made where there is none. The key works on the next request of a running server.
    """
    now = time.time()
    settings = invocation_of(ctx).settings()
    ends = read_end(expires, now, "--expires") if expires else None
    with handing("key", file, as_json=as_json) as place, changing(settings) as accounts:
        minted = accounts.desk.create_key(
            owner_of(accounts, identity or name, tier=tier, scopes=tuple(scope or ())),
            actor=actor(),
            name=name,
            environment=environment,
            expires_at=ends,
            scopes=scope or None,
            addresses=address or (),
            origins=origin or (),
            models=model or (),
            url_hosts=url_host or (),
            require=require or (),
        )
        facts = {"id": minted.id, **owner_facts(accounts, minted.id), "name": name, "environment": environment}
        place.give(minted.text, facts | {"expires_at": moment_or_none(ends)})
    warn_of_another(settings)


@command_of(
    keys_app, "list", "mattegate keys list", "mattegate keys list --identity alice", "mattegate keys list --json"
)
def list_keys(
    ctx: typer.Context,
    identity: Annotated[str, typer.Option(help="Those of one identity, by name or id.", show_default=False)] = "",
    as_json: Json = False,
) -> None:
    """Every key with its identity, its standing and what is worth knowing of its age; never a key itself."""
    settings, now = invocation_of(ctx).settings(), time.time()
    with reading(settings) as control:
        rows = control.keys(found_identity(control, identity).view.id if identity else "")
    if as_json:
        return write_json([facts_of(row, settings, now) for row in rows])
    print_table(HEADINGS, [row_of(row, settings, now) for row in rows], none="no keys")
    return tell_home(settings)


@command_of(keys_app, "show", "mattegate keys show 0aB3dE5fG7hJ")
def show(ctx: typer.Context, key_id: KeyId, as_json: Json = False) -> None:
    """Everything that is kept of one key."""
    settings, now = invocation_of(ctx).settings(), time.time()
    with reading(settings) as control:
        facts = facts_of(found_key(control, key_id), settings, now)
    if as_json:
        return write_json(facts)
    print_facts(facts)
    return tell_home(settings)


@command_of(
    keys_app,
    "rotate",
    "mattegate keys rotate 0aB3dE5fG7hJ",
    "mattegate keys rotate 0aB3dE5fG7hJ --overlap 0s --file new.key",
)
def rotate(
    ctx: typer.Context,
    key_id: KeyId,
    overlap: Annotated[
        str, typer.Option(help="How long the old key goes on working.", show_default="keys.overlap_hours")
    ] = "",
    file: SecretFile = None,
    as_json: Json = False,
) -> None:
    """Make a key in the place of another one, with the same rights; the old one ends after the overlap."""
    settings = invocation_of(ctx).settings()
    seconds = read_span(overlap, "--overlap") if overlap else settings.keys.overlap_hours * 3_600
    with handing("key", file, as_json=as_json) as place, changing(settings) as accounts:
        old = found_key(accounts.control, key_id)
        minted = accounts.desk.rotate_key(old.id, overlap_s=seconds, actor=actor())
        ended = found_key(accounts.control, old.id).stored.view.expires_at
        until = moment_or_none(ended)
        place.give(minted.text, {"id": minted.id, "replaces": old.id, "old_key_works_until": until})
    if not as_json:
        write_error(f"the old key {old.id} works until {until}")
    warn_of_another(settings)


command_of(keys_app, "revoke", "mattegate keys revoke 0aB3dE5fG7hJ --why 'left the company'")(keys_change.revoke)
command_of(keys_app, "disable", "mattegate keys disable 0aB3dE5fG7hJ --why 'odd traffic'")(keys_change.disable)
command_of(keys_app, "enable", "mattegate keys enable 0aB3dE5fG7hJ")(keys_change.enable)
command_of(
    keys_app,
    "narrow",
    "mattegate keys narrow 0aB3dE5fG7hJ --address 203.0.113.0/24",
    "mattegate keys narrow 0aB3dE5fG7hJ --scope cutout --model u2netp --expires 30d",
)(keys_change.narrow)
command_of(
    keys_app,
    "update",
    "mattegate keys update 0aB3dE5fG7hJ --name 'shop, Lyon' --expires never",
    "mattegate keys update 0aB3dE5fG7hJ --address any",
)(keys_change.update)
command_of(
    keys_app,
    "create-signing",
    "mattegate keys create-signing --name ci --tier enterprise",
    "mattegate keys create-signing --name aws --identity ci --scheme sigv4 --json",
    "mattegate keys create-signing --name edge --identity ci --public-key edge.pem",
)(create_signing)
command_of(
    keys_app,
    "create-certificate",
    "mattegate keys create-certificate --name gpu-1 --identity ci --match san:dns:gpu-1.example.com",
)(create_certificate)
command_of(
    keys_app,
    "import",
    "mattegate keys import --file keys.txt --identity shops --tier enterprise",
    "mattegate keys import --file service.yaml",
    "pass show old-api | mattegate keys import --identity bob --tier free",
)(import_keys)
command_of(
    keys_app,
    "scan",
    "mattegate keys scan .",
    "mattegate keys scan /var/log/nginx ~/.bash_history --revoke",
    "git log -p | mattegate keys scan - --json",
)(scan)
