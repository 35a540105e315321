"""``mattegate serve``: the API, and a line to try it with once it would answer."""

from __future__ import annotations

import logging
import shlex
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from mattegate import __version__
from mattegate.cli import models
from mattegate.cli.context import invocation_of
from mattegate.config.settings import Settings

NAME: Final = "serve"

EXAMPLES: Final = (
    "mattegate serve",
    "mattegate serve --pull --port 9000",
    "mattegate serve --config /etc/mattegate.toml",
)

_EXAMPLE_PHOTO: Final = "examples/photo.jpg"


def command(
    ctx: typer.Context,
    host: Annotated[str | None, typer.Option(help="The address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on.", show_default="8000")] = None,
    config: Annotated[Path | None, typer.Option(help="A TOML file with settings.", show_default=False)] = None,
    pull: Annotated[bool, typer.Option(help="First fetch and verify the default model.")] = False,
) -> None:
    """Serve cut-outs over HTTP until told to stop.

    Prints a line to try it with as soon as a request would be served. SIGTERM and Ctrl-C finish what is in hand.
    """
    invocation = invocation_of(ctx)
    settings = invocation.settings({"server.host": host, "server.port": port}, config)
    if pull:
        ctx.obj = settings
        models.pull(ctx, [settings.models.default])
    _log_to_stderr()
    invocation.services.serve(settings, on_ready=lambda url: _greet(settings, url))


def _log_to_stderr() -> None:
    """Operator sentences with their time, and the access log's bare JSON lines; the banner has stdout to itself."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    logging.getLogger("mattegate").setLevel(logging.INFO)
    logging.getLogger("uvicorn").setLevel(logging.ERROR)  # its warnings are refusals, which we have logged ourselves
    access, lines = logging.getLogger("mattegate.access"), logging.StreamHandler()
    lines.setFormatter(logging.Formatter("%(message)s"))
    access.addHandler(lines)
    access.propagate = False


def _greet(settings: Settings, url: str) -> None:
    console = Console(soft_wrap=True, highlight=False)
    for line in banner(settings, url, Path.cwd()):
        console.print(line, markup=False)


def banner(settings: Settings, url: str, here: Path) -> list[str]:
    """What somebody needs who has just started the API at ``url``; ``here`` is where the line will be pasted."""
    photo = _EXAMPLE_PHOTO if (here / _EXAMPLE_PHOTO).is_file() else "photo.jpg"
    route = f"{url}/v1/remove-bg"
    return [
        f"mattegate {__version__} · {url} · model {settings.models.default} · home {settings.home}",
        "Try it:",
        f"  curl -sS -F image=@{photo} {shlex.quote(route)} -o cutout.png",
        f"or open {url}/ and drop a photograph there. Ctrl-C stops.",
    ]
