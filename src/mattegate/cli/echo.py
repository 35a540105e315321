"""``mattegate echo``: a ticket for one look at what a request looks like when it arrives."""

from __future__ import annotations

import json
import shlex
import sys
import time
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from mattegate.cli.context import invocation_of
from mattegate.cli.ledger import note_act
from mattegate.cli.moments import moment_or_none
from mattegate.config.settings import Settings
from mattegate.ledger.protocols import Unavailable
from mattegate.ledger.tickets import Minted, TicketBox
from mattegate.vocabulary.refusal import Refusal

NAME: Final = "echo"

EXAMPLES: Final = (
    "mattegate echo",
    "mattegate echo --url https://cutouts.example.com",
    "mattegate echo --json",
)


def command(
    ctx: typer.Context,
    url: Annotated[
        str, typer.Option(help="The base URL to ask, such as the public one.", show_default="this machine's own")
    ] = "",
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Print a line that shows what the server sees of a request: headers, addresses, encryption.

    Its ticket is good for one request within five minutes. Send it through the proxies in question and straight to the
    server, and compare. The values of credentials are never shown. The server answers it where server.echo is on.
    """
    settings = invocation_of(ctx).settings()
    try:
        minted = TicketBox(settings.home).mint(time.time())
    except Unavailable as error:
        raise Refusal("dependency.ledger", problem=error.problem) from error
    note_act(settings, "echo.ticket", "echo", {"expires_at": moment_or_none(minted.expires_at)})
    if not settings.server.echo:
        sys.stderr.write("server.echo is off in this configuration: a server started with it does not answer tickets\n")
    target = f"{(url or _own_url(settings)).rstrip('/')}/v1/echo/{minted.ticket}"
    sys.stdout.write(_as_json(minted, target) if json_output else _as_text(minted, target))


def _as_json(minted: Minted, target: str) -> str:
    return json.dumps({"ticket": minted.ticket, "url": target, "expires_at": minted.expires_at}) + "\n"


def _as_text(minted: Minted, target: str) -> str:
    until = datetime.fromtimestamp(minted.expires_at, UTC).strftime("%H:%M:%S UTC")
    return f"curl -sS {shlex.quote(target)}\n# good once, until {until}; add the headers in question with -H\n"


def _own_url(settings: Settings) -> str:
    """Where a server with these settings is reached on this machine."""
    server = settings.server
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(server.host, server.host)  # noqa: S104 - not bound here
    scheme = "https" if server.tls_certificate else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{server.port}{server.prefix}"
