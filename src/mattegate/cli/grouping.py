"""How groups of commands are made, so that each shows its help in one way: what it does, then lines to paste."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import typer

from mattegate.cli.rendering import epilog, flowing

Command = TypeVar("Command", bound=Callable[..., Any])

HOME_NOTE: Final = (
    "Works on the home of --home, of MATTEGATE_HOME, or of this user, beside a server that runs on it; "
    "tables end by naming it."
)


def new_group(name: str, told: str) -> typer.Typer:
    """An empty group."""
    return typer.Typer(name=name, help=told, epilog=HOME_NOTE, no_args_is_help=True, add_completion=False)


def command_of(group: typer.Typer, name: str, *examples: str, **settings: Any) -> Callable[[Command], Command]:
    """Put a function into ``group``; its docstring is the help. ``settings`` are the context's."""

    def register(function: Command) -> Command:
        group.command(
            name, help=flowing(function.__doc__), epilog=epilog(examples), context_settings=settings or None
        )(function)  # fmt: skip
        return function

    return register
