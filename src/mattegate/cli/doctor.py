"""``mattegate doctor``: hands its words to the doctor's own command line, which also runs alone."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from mattegate.doctor.command.run import main

doctor_app = typer.Typer(add_completion=False)


@doctor_app.command(
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],
    }
)
def doctor(words: Annotated[list[str] | None, typer.Argument(metavar="INPUT...")] = None) -> None:
    """Tell which layer really refused a request, with evidence and a fix that is tried out."""
    raise typer.Exit(main(words or [], sys.stdin.buffer, sys.stdout, sys.stderr))
