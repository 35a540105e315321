"""``mattegate secrets``: which secrets an installation has, and a new pepper; never a secret itself."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import typer

from mattegate.cli.context import invocation_of
from mattegate.cli.grouping import command_of, new_group
from mattegate.cli.homes import server_of, tell_home, warn_of_another
from mattegate.cli.key_options import Json
from mattegate.cli.ledger import reading
from mattegate.cli.rendering import write_error, write_json
from mattegate.cli.tables import print_table
from mattegate.config.secrets import load_secrets, rotate_pepper
from mattegate.config.settings import Settings

secrets_app = new_group("secrets", "The peppers that keys are kept under, by name and version only.")


@command_of(secrets_app, "list", "mattegate secrets list", "mattegate secrets list --json")
def list_secrets(ctx: typer.Context, as_json: Json = False) -> None:
    """Names, versions and origins, and how many keys are kept under each pepper. Nothing of a secret is shown."""
    settings = invocation_of(ctx).settings()
    rows = _rows(settings)
    if as_json:
        return write_json(rows)
    print_table(("name", "version", "from", "current", "keys"), [tuple(row.values()) for row in rows], none="none")
    return tell_home(settings)


@command_of(secrets_app, "rotate-pepper", "mattegate secrets rotate-pepper")
def rotate(ctx: typer.Context, as_json: Json = False) -> None:
    """Add a pepper. New keys are kept under it, those that are there stay under theirs and go on working.

    A server reads its secrets when it starts: start it again before keys are made.
    """
    settings = invocation_of(ctx).settings()
    version = rotate_pepper(settings.secrets_dir)
    if as_json:
        write_json({"name": f"pepper-{version}", "version": version})
    else:
        print_table(("name", "version"), [(f"pepper-{version}", version)], none="none")
        tell_home(settings)
    if pid := server_of(settings.home):
        write_error(f"warning: the server (process {pid}) does not know it; start it again before any key is made")
    warn_of_another(settings)


def _rows(settings: Settings) -> list[dict[str, Any]]:
    secrets = load_secrets(settings.secrets_dir, os.environ)
    with reading(settings) as control:
        rows = control.keys()
    kept = Counter(row.stored.pepper_version for row in rows)
    current = secrets.peppers.current.version
    peppers = [
        {
            "name": f"pepper-{pepper.version}",
            "version": pepper.version,
            "from": "file" if (settings.secrets_dir / f"pepper-{pepper.version}").exists() else "environment",
            "current": pepper.version == current,
            "keys": kept[pepper.version],
        }
        for pepper in secrets.peppers.all
    ]
    return [*peppers, {"name": "seal", "version": 1, "from": "file", "current": True, "keys": None}]
