"""``mattegate secrets``: which secrets an installation has, and a new version of one; never a secret itself."""

from __future__ import annotations

import os
from collections import Counter
from typing import Annotated, Any

import typer

from mattegate.cli.context import invocation_of
from mattegate.cli.grouping import command_of, new_group
from mattegate.cli.homes import server_of, tell_home, warn_of_another
from mattegate.cli.key_options import Json
from mattegate.cli.ledger import note_act, reading
from mattegate.cli.rendering import write_error, write_json
from mattegate.cli.tables import print_table
from mattegate.config.secret_purposes import Purpose
from mattegate.config.secrets import load_secrets, rotate_secret
from mattegate.config.settings import Settings
from mattegate.ledger.secrets_renewal import RENEWED

secrets_app = new_group("secrets", "What keys, signing secrets and tokens rest on, by name and version only.")


@command_of(secrets_app, "list", "mattegate secrets list", "mattegate secrets list --json")
def list_secrets(ctx: typer.Context, as_json: Json = False) -> None:
    """Names, versions and origins, and how many keys are kept under each pepper. Nothing of a secret is shown."""
    settings = invocation_of(ctx).settings()
    rows = _rows(settings)
    if as_json:
        return write_json(rows)
    print_table(("name", "version", "from", "current", "keys"), [tuple(row.values()) for row in rows], none="none")
    return tell_home(settings)


@command_of(secrets_app, "rotate", "mattegate secrets rotate pepper", "mattegate secrets rotate token")
def rotate(
    ctx: typer.Context,
    purpose: Annotated[
        Purpose, typer.Argument(help="pepper: API keys; kek: signing secrets; token: tokens of this server.")
    ],
    as_json: Json = False,
) -> None:
    """Add a version. Whatever is made from then on rests on it; what is there stays under its own and goes on working.

    A running server knows new peppers and keks at its next request; tokens it signs with those of its start.
    """
    settings = invocation_of(ctx).settings()
    name = f"{purpose}-{(version := rotate_secret(settings.secrets_dir, purpose))}"
    note_act(settings, "secret.rotate", name, {})
    if as_json:
        write_json({"name": name, "version": version})
    else:
        print_table(("name", "version"), [(name, version)], none="none")
        tell_home(settings)
    if purpose not in RENEWED and (pid := server_of(settings.home)):
        write_error(f"warning: the server (process {pid}) signs with the old one until it is started again")
    warn_of_another(settings)


def _rows(settings: Settings) -> list[dict[str, Any]]:
    secrets = load_secrets(settings.secrets_dir, os.environ)
    with reading(settings) as control:
        rows = control.keys()
    kept = {
        Purpose.PEPPER: Counter(row.stored.pepper_version for row in rows),
        Purpose.KEK: Counter(row.stored.kek_version for row in rows if row.stored.kek_version),
    }
    listed = [
        {
            "name": f"{purpose}-{secret.version}",
            "version": secret.version,
            "from": "file" if (settings.secrets_dir / f"{purpose}-{secret.version}").exists() else "environment",
            "current": secret.version == secrets.of(purpose).current.version,
            "keys": kept[purpose][secret.version] if purpose in kept else None,
        }
        for purpose in Purpose
        for secret in secrets.of(purpose).all
    ]
    return [*listed, {"name": "seal", "version": 1, "from": "file", "current": True, "keys": None}]
