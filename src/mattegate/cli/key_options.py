"""The options that commands on keys share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
KeyId = Annotated[str, typer.Argument(metavar="ID", help="The id of a key; see 'mattegate keys list'.")]
KeyIds = Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of keys; see 'mattegate keys list'.")]
Why = Annotated[str, typer.Option(help="Kept in the audit log.", show_default=False)]
SecretFile = Annotated[
    Path | None,
    typer.Option("--file", help="Write the key to this new file (mode 0600) and do not print it.", show_default=False),
]
Scopes = Annotated[
    list[str] | None, typer.Option("--scope", help="What it may do; repeatable: cutout, self, keys, usage.")
]
Addresses = Annotated[
    list[str] | None, typer.Option("--address", help="A network it may be used from; repeatable: 203.0.113.0/24.")
]
Origins = Annotated[
    list[str] | None, typer.Option("--origin", help="Pages that may use it; repeatable: https://shop.example.com.")
]
Models = Annotated[list[str] | None, typer.Option("--model", help="A model it may ask for; repeatable.")]
UrlHosts = Annotated[
    list[str] | None,
    typer.Option("--url-host", help="A host that images may be fetched from for it; repeatable: *.example.com."),
]
Require = Annotated[
    list[str] | None,
    typer.Option(help="What every request must show at once; repeatable: key, signature, certificate."),
]
