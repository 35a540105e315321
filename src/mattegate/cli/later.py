"""Commands that are imported when they are asked for: the list of all commands waits for none of them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_command

from mattegate.cli.rendering import epilog, flowing


class Later(TyperCommand):
    """Stands for ``mattegate.cli.MODULE``: a group (``NAME_app``), or a command (``command``, with ``EXAMPLES``)."""

    def __init__(self, name: str, help_text: str) -> None:
        super().__init__(name, help=help_text)

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the command itself, which whoever asked then invokes."""
        return self.load().make_context(info_name, args, parent=parent, **extra)

    def load(self) -> Any:
        """The command itself."""
        assert self.name is not None
        module = import_module(f"mattegate.cli.{self.name}")
        app = getattr(module, f"{self.name}_app", None) or _alone(module)
        command = get_command(app)
        command.name = self.name
        return command


def _alone(module: Any) -> typer.Typer:
    """A command outside of any group."""
    app = typer.Typer(add_completion=False)
    told, examples = flowing(module.command.__doc__), epilog(module.EXAMPLES)
    app.command(module.NAME, help=told, epilog=examples)(module.command)
    return app
