"""``mattegate doctor``: hands its words to the doctor's own command line, which also runs alone."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from mattegate.cli import doctor_config
from mattegate.cli.context import Invocation
from mattegate.doctor.command.run import main

doctor_app = typer.Typer(add_completion=False)


@doctor_app.command(
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],
    }
)
def doctor(
    context: typer.Context, words: Annotated[list[str] | None, typer.Argument(metavar="INPUT...")] = None
) -> None:
    """Tell which layer really refused a request, with evidence and a fix that is tried out."""
    if words and words[0] == "config":
        invoked = context.find_object(Invocation)
        config, home = (invoked.config, invoked.home) if invoked else (None, None)
        raise typer.Exit(doctor_config.main(words[1:], sys.stdout, config=config, home=home))
    raise typer.Exit(main(words or [], sys.stdin.buffer, sys.stdout, sys.stderr))
