"""``mattegate config render``: the configuration of a proxy that asks the gate about somebody else's service."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from mattegate.cli.context import invocation_of
from mattegate.config.proxies import Front, rendered
from mattegate.config.settings import ServerSettings
from mattegate.vocabulary.admission import Proxy

RENDERED: Final = "mattegate config render nginx --upstream http://127.0.0.1:7000 > /etc/nginx/conf.d/gate.conf"
"""The line to paste below the help."""

Which = Annotated[Proxy, typer.Argument(help="Which proxy stands in front.", show_default=False)]
Upstream = Annotated[str, typer.Option(help="The service behind the proxy: http://HOST:PORT.")]
Gate = Annotated[str, typer.Option(help="Where the proxy reaches the gate; default: as it is set.", show_default=False)]
Port = Annotated[int, typer.Option(help="Where the proxy listens.", min=1, max=65_535)]
Name = Annotated[str, typer.Option(help="The host that the proxy serves; _ for any.")]


def render(
    context: typer.Context, proxy: Which, upstream: Upstream, gate: Gate = "", port: Port = 8080, name: Name = "_"
) -> None:
    """A configuration for nginx, Caddy, Traefik or Envoy that asks the gate before anything passes."""
    server = invocation_of(context).settings().server
    try:
        text = rendered(proxy, Front(gate or address_of(server), server.prefix, upstream, port, name))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    typer.echo(text, nl=False)


def address_of(server: ServerSettings) -> str:
    """Where the gate is called from this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(server.host, server.host)  # noqa: S104 - not bound here
    scheme = "https" if server.tls_certificate else "http"
    return f"{scheme}://[{host}]:{server.port}" if ":" in host else f"{scheme}://{host}:{server.port}"
