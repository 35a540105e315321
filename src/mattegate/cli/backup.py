"""``mattegate backup``: a home's ledger into one file while a server runs, and back into an empty home."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from mattegate.cli.context import invocation_of
from mattegate.cli.grouping import command_of, new_group
from mattegate.cli.homes import tell_home, warn_of_another
from mattegate.cli.key_options import Json
from mattegate.cli.ledger import note_act, told
from mattegate.cli.moments import moment_or_none
from mattegate.cli.rendering import write_error, write_json
from mattegate.cli.tables import print_table
from mattegate.ledger.backup import STAGE, Manifest, back_up, restore
from mattegate.ledger.protocols import Unavailable
from mattegate.vocabulary.refusal import Refusal

backup_app = new_group("backup", "Save the ledger of a home to one file, also beside a running server; and back.")


@command_of(
    backup_app,
    "create",
    "mattegate backup create /backups/mattegate-monday.tar",
    "mattegate backup create /safe/mattegate-whole.tar --with-secrets",
)
def create(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file; gets mode 0600.")],
    with_secrets: Annotated[
        bool, typer.Option("--with-secrets", help="The peppers too: without them no key can be checked.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Copy identities, keys, usage, records and the audit log, as they stand in this moment, and check the copy."""
    settings = invocation_of(ctx).settings()
    with told(), _written_to(file.absolute()):
        manifest = back_up(settings.home, file.absolute(), at=time.time(), secrets=with_secrets)
    note_act(settings, "backup.create", file.name, {"files": len(manifest.files), "secrets": with_secrets})
    _tell(manifest, file, as_json=as_json)
    if not (with_secrets or as_json):
        write_error(f"without {settings.secrets_dir} no key in it can be checked; keep a copy of that apart")
    if not as_json:
        tell_home(settings)
    warn_of_another(settings)


@command_of(backup_app, "restore", "mattegate backup restore /backups/mattegate-monday.tar --home /srv/mattegate-2")
def restore_home(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What 'backup create' has made.")],
    home: Annotated[
        Path | None, typer.Option(help="The empty home to put it into.", show_default="that of the command line")
    ] = None,
    as_json: Json = False,
) -> None:
    """Put a backup into a home that holds no ledger. Everything is checked before anything is put there."""
    settings = invocation_of(ctx).settings({"home": home} if home else None)
    with told():
        manifest = restore(file.absolute(), settings.home)
    note_act(settings, "backup.restore", file.name, {"files": len(manifest.files), "of": moment_or_none(manifest.at)})
    _tell(manifest, file, as_json=as_json)
    if not as_json:
        if not manifest.holds_secrets:
            write_error(f"the backup holds no secrets: put those of its home into {settings.secrets_dir}")
        tell_home(settings)


@contextmanager
def _written_to(file: Path) -> Iterator[None]:
    """What the folder of ``file`` refuses is told of that folder, and not of the ledger, which is well."""
    try:
        yield
    except Unavailable as error:
        cause = error.__cause__
        full = isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)
        if isinstance(cause, OSError) and (full or str(cause.filename).startswith(str(file.parent / STAGE))):
            code = "file.disk_full" if full else "file.unwritable"
            raise Refusal(code, path=str(file), problem=cause.strerror) from error
        raise


def _tell(manifest: Manifest, file: Path, *, as_json: bool) -> None:
    if as_json:
        files: list[dict[str, Any]] = [
            {"path": one.path, "bytes": one.bytes, "sha256": one.sha256} for one in manifest.files
        ]
        write_json(
            {
                "file": str(file),
                "at": moment_or_none(manifest.at),
                "holds_secrets": manifest.holds_secrets,
                "files": files,
            }
        )
        return
    rows = [(one.path, one.bytes, one.sha256[:16]) for one in manifest.files]
    print_table(("file", "bytes", "SHA-256"), rows, none="nothing")
