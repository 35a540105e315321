"""All commands under one name, and the one place where refusals and faults become words and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from typer.main import get_command

from mattegate import __version__
from mattegate.cli import batch, bench, remove, rendering, serve
from mattegate.cli.context import Invocation, Services, invocation_of
from mattegate.cli.models import models_app
from mattegate.config.load import ConfigurationError
from mattegate.vocabulary.refusal import Refusal

EXAMPLES = (
    "mattegate remove photo.jpg",
    "mattegate remove photos/ -o cutouts/ --recursive --format webp",
    "mattegate --home /srv/mattegate serve --port 9000",
)


def run(argv: Sequence[str], services: Services) -> int:
    """Run one command line over ``services`` and return its exit code."""
    try:
        return _run(argv, Invocation(tuple(argv), services))
    except Refusal as refusal:
        rendering.tell_refusal(refusal)
        return rendering.exit_code_of(refusal)
    except ConfigurationError as error:
        rendering.tell_faults(error.faults)
        return 2


def _run(argv: Sequence[str], invocation: Invocation) -> int:
    try:
        get_command(make_app()).main(args=list(argv), prog_name="mattegate", obj=invocation)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except (Refusal, ConfigurationError):
        raise
    except Exception as error:
        if "--traceback" in argv:
            raise
        raise Refusal("internal.error", problem=f"{type(error).__name__}: {error}") from error
    return 0


def make_app() -> typer.Typer:
    """The command tree."""
    app = typer.Typer(
        name="mattegate",
        help="Cut the subject out of photographs: on the command line, and as an API of your own.",
        epilog=rendering.epilog(EXAMPLES),
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for module in (remove, batch, serve, bench):
        told, examples = rendering.flowing(module.command.__doc__), rendering.epilog(module.EXAMPLES)
        app.command(module.NAME, help=told, epilog=examples)(module.command)
    app.add_typer(models_app, name="models", callback=_settings)
    return app


def _root(
    ctx: typer.Context,
    home: Annotated[
        Path | None, typer.Option(help="The folder that holds everything of one installation.", show_default=False)
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A TOML file with settings.", show_default=False)] = None,
    with_traceback: Annotated[bool, typer.Option("--traceback", hidden=True)] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    ctx.obj = replace(invocation_of(ctx), home=home, config=config)


def _settings(ctx: typer.Context) -> None:
    """Whatever stands under a group of commands finds the settings in its context."""
    ctx.obj = invocation_of(ctx).settings()


def _version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"mattegate {__version__}\n")
        raise typer.Exit
