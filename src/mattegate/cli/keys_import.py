"""``mattegate keys import``: keys from elsewhere go on working; only their digests are kept, and none is ever shown."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from mattegate.cli.context import invocation_of
from mattegate.cli.finding import find_or_create
from mattegate.cli.homes import tell_home, warn_of_another
from mattegate.cli.key_list import LARGEST, Listed, read_list
from mattegate.cli.key_options import Json
from mattegate.cli.ledger import actor, changing
from mattegate.cli.rendering import write_error, write_json
from mattegate.cli.tables import print_table
from mattegate.config.settings import Settings
from mattegate.ledger.opening import Accounts
from mattegate.vocabulary.refusal import Refusal

_REFUSED: Final = 3
_STDIN: Final = "(standard input)"


@dataclass(frozen=True, slots=True)
class Brought:
    """What became of one line."""

    line: int
    outcome: str
    """``imported``, ``known`` or ``refused``."""
    id: str = ""
    environment: str = ""
    problem: str = ""


def import_keys(
    ctx: typer.Context,
    file: Annotated[
        Path | None,
        typer.Option("--file", help="One key a line, or a YAML or TOML file with api_keys.", show_default="a pipe"),
    ] = None,
    identity: Annotated[str, typer.Option(help="Whose they are; made where there is none.")] = "imported",
    tier: Annotated[
        str, typer.Option(help="The tier of an identity that is new.", show_default="keys.import_tier")
    ] = "",
    environment: Annotated[str, typer.Option(help="What they are for, where they do not say.")] = "prod",
    as_json: Json = False,
) -> None:
    """Keep the digests of keys that were given out elsewhere, so that their owners notice nothing.

    They keep their form and their prefix. A key that is here already is left alone, so a list can be imported again.
    """
    settings = invocation_of(ctx).settings()
    listed = read_list(*_content(file))
    if not listed:
        raise typer.BadParameter("there is no key in it", param_hint="--file")
    brought = _import(settings, listed, identity, tier, environment)
    _tell(settings, brought, identity, as_json=as_json)
    warn_of_another(settings)
    if any(one.outcome == "refused" for one in brought):
        raise typer.Exit(_REFUSED)


def _content(file: Path | None) -> tuple[bytes, str]:
    if file is None and sys.stdin.isatty():
        raise typer.BadParameter("nothing is piped in; name a file with --file", param_hint="--file")
    try:
        content = sys.stdin.buffer.read(LARGEST + 1) if file is None else _read(file)
    except OSError as error:
        raise Refusal("file.unreadable", path=str(file), problem=error.strerror) from error
    if len(content) > LARGEST:
        raise Refusal("file.unreadable", path=str(file or _STDIN), problem=f"it has more than {LARGEST} bytes")
    return content, str(file or _STDIN)


def _read(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(LARGEST + 1)


def _import(settings: Settings, listed: list[Listed], name: str, tier: str, environment: str) -> list[Brought]:
    with changing(settings) as accounts:
        known = accounts.control.identity(name) is not None
        owner = find_or_create(accounts, name, tier=tier if known else tier or settings.keys.import_tier)
        return [
            _bring(accounts, one, owner.view.id, f"{owner.view.name[:80]} {number}", environment)
            for number, one in enumerate(listed, 1)
        ]


def _bring(accounts: Accounts, one: Listed, identity: str, name: str, environment: str) -> Brought:
    try:
        row = accounts.desk.import_key(
            one.text, actor=actor(), name=name, identity=identity, environment=environment
        )  # fmt: skip
    except Refusal as refusal:
        if refusal.reason.code == "account.exists":
            return Brought(one.line, "known", str(refusal.facts["name"]))
        if not refusal.reason.code.startswith("account."):
            raise
        return Brought(one.line, "refused", problem=refusal.detail)
    return Brought(one.line, "imported", row.id, row.stored.view.environment)


def _tell(settings: Settings, brought: list[Brought], identity: str, *, as_json: bool) -> None:
    counts = Counter(one.outcome for one in brought)
    if as_json:
        return write_json({"identity": identity, **counts, "keys": [asdict(one) for one in brought]})
    rows = [(one.line, one.outcome, one.id, one.environment, one.problem) for one in brought]
    print_table(("line", "outcome", "id", "env", "problem"), rows, none="no keys")
    write_error(", ".join(f"{count} {outcome}" for outcome, count in counts.items()) + f"; identity {identity}")
    return tell_home(settings)
