"""``mattegate migrate``: the databases of a home brought to this version's schema, or only looked at."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

from mattegate.cli.context import invocation_of
from mattegate.cli.homes import tell_home
from mattegate.cli.key_options import Json
from mattegate.cli.ledger import note_act, told
from mattegate.cli.rendering import write_error, write_json
from mattegate.cli.tables import print_table
from mattegate.config.settings import Settings
from mattegate.ledger.schemas import Standing, bring_up, standings

NAME: Final = "migrate"

EXAMPLES: Final = (
    "mattegate migrate --check",
    "mattegate backup create /backups/before-upgrade.tar && mattegate migrate",
)

_BEHIND: Final = 3


def command(
    ctx: typer.Context,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit code 3 where there is work.")] = False,
    as_json: Json = False,
) -> None:
    """Bring the databases of a home to this version's schema, or look whether that is due.

    A server does this by itself when it starts; here it is done beforehand, or beside a running one. It cannot be taken
    back: an older version refuses a newer file, so save a backup first.
    """
    settings = invocation_of(ctx).settings()
    with told():
        before = standings(settings.ledger_dir)
        if not check:
            bring_up(settings.ledger_dir)
        after = standings(settings.ledger_dir)
    if before != after:
        versions = {Path(standing.file).stem: standing.found for standing in after}
        note_act(settings, "ledger.migrate", "ledger", versions)
    _tell(settings, before, after, as_json=as_json)
    if check and not all(standing.current for standing in after):
        raise typer.Exit(_BEHIND)


def _tell(settings: Settings, before: tuple[Standing, ...], after: tuple[Standing, ...], *, as_json: bool) -> None:
    if as_json:
        write_json({"files": [asdict(new) | {"before": old.found} for old, new in zip(before, after, strict=True)]})
        return
    rows = [(new.file, old.found, new.found, _state(old, new)) for old, new in zip(before, after, strict=True)]
    print_table(("file", "was", "is", "state"), rows, none="no ledger yet: a server or 'keys create' makes it")
    if any(standing.found > standing.known for standing in after):
        write_error("a newer version of mattegate wrote here; use that one, or restore a backup from before")
    tell_home(settings)


def _state(before: Standing, after: Standing) -> str:
    if after.found > after.known:
        return f"newer than this version, which knows {after.known}"
    if not after.current:
        return f"behind: this version has {after.known}"
    return "current" if before == after else "brought up"
