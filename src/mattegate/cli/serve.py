"""``mattegate serve``: the API, and a line to try it with once it would answer."""

from __future__ import annotations

import getpass
import logging
import os
import shlex
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from mattegate import __version__
from mattegate.cli import models
from mattegate.cli.context import invocation_of
from mattegate.config.settings import Settings
from mattegate.ledger.first_key import first_key_file

NAME: Final = "serve"

EXAMPLES: Final = (
    "mattegate serve",
    "mattegate serve --pull --first-key --port 9000",
    "mattegate serve --config /etc/mattegate.yaml --log-file /var/log/mattegate/access.jsonl",
    "mattegate serve --cors-allowed-origins https://app.example.com",
)

_EXAMPLE_PHOTO: Final = "examples/photo.jpg"


def command(
    ctx: typer.Context,
    host: Annotated[str | None, typer.Option(help="The address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on.", show_default="8000")] = None,
    admin_port: Annotated[int | None, typer.Option(help="The admin plane's port.", show_default="8001")] = None,
    config: Annotated[Path | None, typer.Option(help="A TOML or YAML file with settings.", show_default=False)] = None,
    cors_allowed_origins: Annotated[
        str | None, typer.Option(help="Origins whose pages may call, with commas between.", show_default="none")
    ] = None,
    cors_allowed_headers: Annotated[
        str | None, typer.Option(help="Headers that pages may send, with commas between.", show_default=False)
    ] = None,
    log_file: Annotated[
        Path | None, typer.Option(help="Write the access log there; opened again on SIGHUP.", show_default="stderr")
    ] = None,
    insecure: Annotated[
        bool | None, typer.Option("--insecure", help="Let other machines call without TLS.", show_default=False)
    ] = None,
    pull: Annotated[bool, typer.Option(help="First fetch and verify the default model.")] = False,
    first_key: Annotated[bool, typer.Option(help="First make a key, where there is none.")] = False,
) -> None:
    """Serve cut-outs over HTTP until told to stop.

    Prints a line to try it with as soon as a request would be served. SIGTERM and Ctrl-C finish what is in hand; SIGHUP
    reads the configuration again and opens the log file anew.
    """
    invocation = invocation_of(ctx)
    flags: dict[str, object] = {
        "server.host": host,
        "server.port": port,
        "server.insecure": insecure,
        "admin.port": admin_port,
        "cors.allowed_origins": cors_allowed_origins,
        "cors.allowed_headers": cors_allowed_headers,
        "log.file": log_file,
    }
    settings = invocation.settings(flags, config)
    if pull:
        ctx.obj = settings
        models.pull(ctx, [settings.models.default])
    if first_key:
        _make_first_key(settings)
    _log_to_stderr()
    invocation.services.serve(
        settings,
        on_ready=lambda url: _greet(settings, url),
        reread=lambda: invocation.settings(flags, config),
    )


def _make_first_key(settings: Settings) -> None:
    from mattegate.ledger.first_key import make_first_key  # noqa: PLC0415 - only who asks for one waits for it
    from mattegate.ledger.opening import open_accounts  # noqa: PLC0415

    with open_accounts(settings, os.environ) as accounts:
        tier = "vip" if any(tier.name == "vip" for tier in settings.tiers) else settings.tiers[0].name
        make_first_key(accounts, settings.home, tier=tier, actor=f"cli:{getpass.getuser()}")


def _log_to_stderr() -> None:
    """Operator sentences with their time; the banner has stdout to itself."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    logging.getLogger("mattegate").setLevel(logging.INFO)
    logging.getLogger("uvicorn").setLevel(logging.ERROR)  # its warnings are refusals, which we have logged ourselves


def _greet(settings: Settings, url: str) -> None:
    console = Console(soft_wrap=True, highlight=False)
    for line in banner(settings, url, Path.cwd()):
        console.print(line, markup=False)


def banner(settings: Settings, url: str, here: Path) -> list[str]:
    """What somebody needs who has just started the API at ``url``; ``here`` is where the line will be pasted."""
    return [
        f"mattegate {__version__} · {url} · model {settings.models.default} · home {settings.home}",
        *_lines_to_try(settings, url, here),
        f"or open {url}/ and drop a photograph there. Ctrl-C stops.",
    ]


def _lines_to_try(settings: Settings, url: str, here: Path) -> list[str]:
    """One line that works, and the same with a letter of the key changed; both read the key from its file."""
    photo = _EXAMPLE_PHOTO if (here / _EXAMPLE_PHOTO).is_file() else "photo.jpg"
    route = shlex.quote(f"{url}/v1/remove-bg")
    file = first_key_file(settings.home)
    if not file.is_file():
        return [
            "With a key (mattegate keys create --name NAME --tier free makes one), try it:",
            f"  curl -sS -H 'Authorization: Bearer KEY' -F image=@{photo} {route} -o cutout.png",
        ]
    path = shlex.quote(str(file))
    other = "B" if file.read_text("ascii").strip().endswith("A") else "A"
    return [
        "Try it:",
        f'  curl -sS -H "Authorization: Bearer $(cat {path})" -F image=@{photo} {route} -o cutout.png',
        "and, with the last letter of the key changed, see how it says no:",
        rf'  curl -sS -H "Authorization: Bearer $(sed s/.\$/{other}/ {path})" -F image=@{photo} {route}',
    ]
