"""``mattegate config``: what is wrong with a configuration, what it amounts to, and one to start from.

Parses, calls :mod:`mattegate.config`, renders, sets the exit code: 0 sound, 2 faults. Nothing here shows a secret.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from mattegate.cli.config_render import RENDERED, render
from mattegate.cli.context import Invocation
from mattegate.cli.grouping import command_of
from mattegate.cli.rendering import shown, tell_faults
from mattegate.config.example import example_toml
from mattegate.config.issuers import spell_issuer
from mattegate.config.load import Examined, Fault, examine
from mattegate.config.masking import masked
from mattegate.config.notable import Note, notable
from mattegate.config.schema import ISSUERS, SETTINGS, TABLES, TIERS, value_of
from mattegate.config.settings import Settings
from mattegate.config.tier_spelling import spell
from mattegate.gate.policies.loading import with_policies

FAULTY: Final = 2

config_app = typer.Typer(
    name="config",
    help="Check a configuration, show what it amounts to, or begin one.",
    no_args_is_help=True,
    add_completion=False,
)

_Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
_File = Annotated[
    Path | None,
    typer.Argument(metavar="[FILE]", help="A TOML or YAML file; default: the one of --config.", show_default=False),
]


@command_of(config_app, "check", "mattegate config check /etc/mattegate.toml")
def check(context: typer.Context, file: _File = None, *, as_json: _Json = False) -> None:
    """Say everything that is wrong, with its place and what to write instead; and what is right but worth knowing."""
    file = file or _invoked(context).config
    examined = with_policies(_examined(context, file))
    notes = notable(examined.settings, given=examined.origins, file=file)
    if as_json:
        typer.echo(json.dumps(_check_record(examined.faults, notes, file), indent=2))
    else:
        _tell(examined.faults, notes, file)
    if examined.faults:
        raise typer.Exit(FAULTY)


@command_of(config_app, "show", "mattegate config show --json")
def show(context: typer.Context, file: _File = None, *, as_json: _Json = False) -> None:
    """Every setting as it holds here, and where it was set; secrets are masked."""
    examined = _examined(context, file or _invoked(context).config)
    if examined.faults:
        tell_faults(examined.faults, as_json=as_json)
        raise typer.Exit(FAULTY)
    rows = _rows(examined.settings, examined.origins)
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    else:
        typer.echo(
            "\n".join(shown(f"{name} = {_inline(row['value'])}  # {row['origin']}") for name, row in rows.items())
        )


@command_of(config_app, "example", "mattegate config example > mattegate.toml")
def example() -> None:
    """A TOML file with every setting, its meaning and its default."""
    typer.echo(example_toml(), nl=False)


command_of(config_app, "render", RENDERED)(render)


def _invoked(context: typer.Context) -> Invocation | _Alone:
    return context.find_object(Invocation) or _Alone()


class _Alone:
    """What stands before the command where there is no main command."""

    home: Path | None = None
    config: Path | None = None


def _examined(context: typer.Context, file: Path | None) -> Examined:
    return examine(file=file, environ=os.environ, flags={"home": _invoked(context).home})


# --- rendering ----------------------------------------------------------------------------------------------------


def _check_record(faults: tuple[Fault, ...], notes: tuple[Note, ...], file: Path | None) -> dict[str, object]:
    return {
        "file": str(file) if file else None,
        "sound": not faults,
        "faults": [asdict(fault) for fault in faults],
        "notable": [asdict(note) for note in notes],
    }


def _tell(faults: tuple[Fault, ...], notes: tuple[Note, ...], file: Path | None) -> None:
    for fault in faults:
        typer.echo(shown(f"{fault.place}: {fault.setting}: {fault.problem}"), err=True)
        if fault.fix:
            typer.echo(shown(f"    {fault.fix}"), err=True)
    if notes:
        typer.echo("Worth knowing:")
    for note in notes:
        typer.echo(shown(f"  {note.setting}: {note.what}" + (f"; {note.remedy}" if note.remedy else "")))
    count = len(faults)
    where = file or "defaults and environment"
    typer.echo(shown(f"{where}: {count} fault{'s' * (count != 1)}" if count else f"{where}: sound"), err=count > 0)


def _rows(settings: Settings, origins: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    rows = {
        name: _row(masked(name, value_of(settings, name)), name, origins) for name in SETTINGS if name not in TABLES
    }
    for tier in settings.tiers:
        name = f"{TIERS}.{tier.name}"
        rows[name] = _row(spell(tier), name, origins)
    for issuer in settings.tokens.issuers:
        name = f"{ISSUERS}.{issuer.name}"
        rows[name] = _row(spell_issuer(issuer), name, origins)
    return rows


def _row(value: object, name: str, origins: Mapping[str, str]) -> dict[str, Any]:
    return {"value": _plain(value), "origin": origins.get(name, "default")}


def _plain(value: object) -> object:
    """``value`` as JSON writes it."""
    match value:
        case Enum():
            return value.value
        case Path():
            return str(value)
        case tuple() | list():
            return [_plain(item) for item in value]
    return value


def _inline(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
