"""``mattegate keys scan``: keys that lie where they should not, and whether they still open anything here."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import DownloadColumn, Progress, SpinnerColumn, TextColumn

from mattegate.cli.context import invocation_of
from mattegate.cli.homes import tell_home, warn_of_another
from mattegate.cli.key_options import Json
from mattegate.cli.key_view import standing_of
from mattegate.cli.leak_reading import Found, files_below, keys_in
from mattegate.cli.ledger import actor, changing
from mattegate.cli.rendering import shown, write_error, write_json
from mattegate.config.rulebook import build_rulebook
from mattegate.config.settings import Settings
from mattegate.ledger.control_sqlite import FILE
from mattegate.ledger.desk_admins import ADMIN_PREFIX
from mattegate.ledger.opening import Accounts
from mattegate.signing.keys import digest_key
from mattegate.vocabulary.refusal import Refusal

_FOUND: Final = 3
_FAILED: Final = 1
_PIPE: Final = "-"
_KEPT: Final = 10_000
"""Different keys remembered, so that one that lies in every line is asked about once."""
_LIVE: Final = frozenset({"active", "rotated"})


@dataclass(slots=True)
class Tally:
    """What a scan came to."""

    files: int = 0
    found: int = 0
    live: int = 0
    revoked: int = 0
    unreadable: int = 0


@dataclass(slots=True)
class Judge:
    """Says what a found key is here; ``accounts`` is ``None`` where there is no ledger to ask."""

    accounts: Accounts | None
    revoke: bool
    tally: Tally = field(default_factory=Tally)
    _known: dict[str, tuple[str, bool]] = field(default_factory=dict)

    def of(self, found: Found) -> tuple[str, bool]:
        """The standing of the key (``none`` where it is no key of this home), and whether it was revoked just now."""
        self.tally.found += 1
        known = self._known.get(found.text)
        if known is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            known = self._known[found.text] = self._asked(found)
            self.tally.live += known[0] in _LIVE
            self.tally.revoked += known[1]
        return known

    def _asked(self, found: Found) -> tuple[str, bool]:
        if self.accounts is None:
            return "no ledger here", False
        if found.leak.prefix == ADMIN_PREFIX:
            return self._admin(self.accounts, found.text)
        digests = (digest_key(found.text, pepper) for pepper in self.accounts.secrets.peppers.all)
        rows = (self.accounts.control.key_by_digest(digest) for digest in digests)
        row = next((row for row in rows if row), None)
        if row is None:
            return "none", False
        standing = standing_of(row.stored.view, time.time())
        if not self.revoke or standing not in _LIVE:
            return standing, False
        self.accounts.desk.revoke_leaked(found.text, actor=actor())
        return standing, True

    def _admin(self, accounts: Accounts, token: str) -> tuple[str, bool]:
        admin = accounts.desk.check_admin(token)
        if admin and self.revoke:
            accounts.desk.revoke_admin(admin, actor=actor())
        return ("active" if admin else "none"), bool(admin and self.revoke)


def scan(
    ctx: typer.Context,
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files and folders; - for standard input.")],
    revoke: Annotated[bool, typer.Option("--revoke", help="Take back every found key that works here.")] = False,
    as_json: Json = False,
) -> None:
    """Find keys and admin tokens in files of any kind: sources, logs, histories, configurations.

    Tells the place, the key with its secret masked, whether its checksum fits (one that does not may be an example),
    and whether it works here. Exit code 3 where anything is found.
    """
    settings = invocation_of(ctx).settings()
    for path in paths:
        if path != _PIPE and not os.path.lexists(path):
            raise Refusal("file.not_found", path=path)
    with ExitStack() as stack:
        there = (settings.ledger_dir / FILE).exists()
        judge = Judge(stack.enter_context(changing(settings)) if there else None, revoke)
        for found in _search(paths, _prefixes(settings), judge.tally):
            _tell(found, *judge.of(found), as_json=as_json)
    _sum_up(settings, judge.tally, as_json=as_json)
    if revoke:
        warn_of_another(settings)
    if judge.tally.found or judge.tally.unreadable:
        raise typer.Exit(_FOUND if judge.tally.found else _FAILED)


def _prefixes(settings: Settings) -> tuple[str, ...]:
    return (*(prefix for prefix, _ in build_rulebook(settings).credential.prefixes), ADMIN_PREFIX)


def _search(paths: list[str], prefixes: tuple[str, ...], tally: Tally) -> Iterator[Found]:
    def unreadable(path: str, problem: str) -> None:
        tally.unreadable += 1
        write_error(f"{path} cannot be read: {problem}")

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), DownloadColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("scanning", total=None)
        for path in _named(paths, unreadable):
            progress.update(task, description=shown(str(path))[-60:])
            tally.files += 1
            try:
                with sys.stdin.buffer if path == Path(_PIPE) else path.open("rb") as stream:
                    place = "(standard input)" if path == Path(_PIPE) else str(path)
                    yield from keys_in(stream, place, prefixes, lambda read: progress.advance(task, read))
            except OSError as error:
                unreadable(str(path), error.strerror or str(error))


def _named(paths: list[str], unreadable: Any) -> Iterator[Path]:
    for path in paths:
        yield from [Path(_PIPE)] if path == _PIPE else files_below([Path(path)], unreadable)


def _tell(found: Found, standing: str, revoked: bool, *, as_json: bool) -> None:
    leak = found.leak
    if as_json:
        about = {"file": found.place, "line": leak.line, "shown": leak.shown, "id": leak.key_id}
        write_json({**about, "checksum_ok": leak.checksum_ok, "here": standing, "revoked": revoked})
        return
    fits = "checksum fits" if leak.checksum_ok else "checksum does not fit: mistyped, or an example"
    here = {"none": "unknown here", "no ledger here": "no ledger here"}.get(standing, f"{standing} here")
    end = ", revoked now" if revoked else ""
    sys.stdout.write(shown(f"{found.place}:{leak.line}: {leak.shown}  {fits}, {here}{end}") + "\n")


def _sum_up(settings: Settings, tally: Tally, *, as_json: bool) -> None:
    if as_json:
        counts = {"files": tally.files, "found": tally.found, "live": tally.live}
        return write_json({"summary": {**counts, "revoked": tally.revoked, "unreadable": tally.unreadable}})
    told = f"{tally.found} found in {tally.files} file{'s' * (tally.files != 1)}"
    write_error(f"{told}, {tally.live} of them live keys of this home, {tally.revoked} revoked now")
    return tell_home(settings)
