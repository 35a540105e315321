"""All commands under one name, and the one place where refusals and faults become words and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from mattegate import __version__
from mattegate.cli import batch, bench, remove, rendering, serve
from mattegate.cli.context import Invocation, Services, invocation_of
from mattegate.cli.later import Later
from mattegate.cli.models import models_app
from mattegate.config.load import ConfigurationError
from mattegate.ledger.protocols import Unavailable
from mattegate.vocabulary.refusal import Refusal

LATER = (
    ("why", "Tell why a request was refused, or what let it pass."),
    ("doctor", "Tell which layer really refused a request, with evidence and a fix that is tried out."),
    ("demo", "Show how a refusal is found and mended, with a real nginx in front of a real server."),
    ("simulate", "Tell what would happen to a request, layer by layer, and what would let it pass."),
    ("keys", "Make, find, change and take back API keys."),
    ("identities", "Who pays: accounts with their tier, scopes and limits."),
    ("admins", "Who may use the admin plane."),
    ("usage", "What was delivered and charged; credits; exports for billing."),
    ("audit", "Every administrative act, in a chain that shows tampering."),
    ("backup", "Save the ledger of a home to one file, also beside a running server; and back."),
    ("migrate", "Bring the databases of a home to this version's schema, or look whether that is due."),
    ("secrets", "What keys, signing secrets and tokens rest on, by name and version only."),
    ("config", "Check a configuration, show what it amounts to, or begin one."),
    ("policy", "Resource policies in Cedar: check, test, explain, import."),
    ("echo", "Print a line that shows what the server sees of a request."),
    ("send", "Have a server make a cut-out, with an API key or a signature."),
    ("sign", "Sign a request for curl, and show why two sides disagree about a signature."),
    ("conformance", "Hold the verifiers of signatures against published test vectors."),
)
"""Each a module of its name, imported when it is asked for, and what it is for."""

EXAMPLES = (
    "mattegate remove photo.jpg",
    "mattegate remove photos/ -o cutouts/ --recursive --format webp",
    "mattegate --home /srv/mattegate serve --port 9000",
    "mattegate keys create --name alice --tier free",
    "mattegate why req_01M811EN4M7SXMWKN0G36DD4P8",
    "mattegate doctor nginx /etc/nginx/nginx.conf --request 'POST /v1/remove-bg'",
)


def run(argv: Sequence[str], services: Services) -> int:
    """Run one command line over ``services`` and return its exit code.

    Where ``--json`` was asked for, a refusal and faults of the configuration stand on standard output, too: whoever
    parses it finds an object with the member ``error`` there, and not nothing.
    """
    as_json = "--json" in argv
    try:
        return _run(argv, Invocation(tuple(argv), services))
    except Refusal as refusal:
        rendering.tell_refusal(refusal, as_json=as_json)
        return rendering.exit_code_of(refusal)
    except ConfigurationError as error:
        rendering.tell_faults(error.faults, as_json=as_json)
        return 2


def _run(argv: Sequence[str], invocation: Invocation) -> int:
    try:
        get_command(make_app()).main(args=list(argv), prog_name="mattegate", obj=invocation)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except (Refusal, ConfigurationError):
        raise
    except Unavailable as error:
        raise Refusal(f"dependency.{error.dependency}", problem=error.problem) from error
    except Exception as error:
        if "--traceback" in argv:
            raise
        raise Refusal("internal.error", problem=f"{type(error).__name__}: {error}") from error
    return 0


def make_app() -> typer.Typer:
    """The command tree."""
    app = typer.Typer(
        name="mattegate",
        cls=_Root,
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


class _Root(TyperGroup):
    """All commands, those of :data:`LATER` without having imported them."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, told in LATER:
            self.add_command(Later(name, told))


def _root(
    ctx: typer.Context,
    home: Annotated[
        Path | None, typer.Option(help="The folder that holds everything of one installation.", show_default=False)
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A TOML or YAML file with settings.", show_default=False)] = None,
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
