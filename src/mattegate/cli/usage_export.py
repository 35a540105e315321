"""``mattegate usage export``: the usage book as CSV for people, or as CloudEvents for a billing system."""

from __future__ import annotations

import fcntl
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, TextIO

import typer

from mattegate.cli.context import invocation_of
from mattegate.cli.finding import payer
from mattegate.cli.homes import tell_home
from mattegate.cli.ledger import reading, reading_usage, told
from mattegate.cli.moments import read_past
from mattegate.cli.rendering import write_error
from mattegate.config.settings import Settings
from mattegate.ledger.export import Outbox, write_csv
from mattegate.ledger.opening import USAGE_FILE, open_usage
from mattegate.vocabulary.refusal import Refusal

_STEP: Final = 500


class Format(StrEnum):
    """What is written."""

    CSV = "csv"
    CLOUDEVENTS = "cloudevents"


def export(
    ctx: typer.Context,
    form: Annotated[Format, typer.Option("--format", help="csv, or cloudevents (JSON lines).")] = Format.CSV,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file.", show_default="standard output, for csv")
    ] = None,
    identity: Annotated[str, typer.Option(help="Of one identity; csv only.", show_default=False)] = "",
    since: Annotated[str, typer.Option(help="7d, or a date; csv only.", show_default="the beginning")] = "",
    until: Annotated[str, typer.Option(help="A date; csv only; not included.", show_default="now")] = "",
    consumer: Annotated[str, typer.Option(help="Whose place in the outbox it is; cloudevents only.")] = "export",
    source: Annotated[str, typer.Option(help="The events' source; cloudevents only.")] = "/mattegate",
) -> None:
    """Write the book out, beside a running server.

    csv: every row of that time, in a file that is replaced as a whole. cloudevents: whatever the consumer was not told
    yet is appended; its place moves on only after the lines are on the disk, so nothing is ever skipped. Run it again
    and again.
    """
    settings, now = invocation_of(ctx).settings(), time.time()
    if form is Format.CLOUDEVENTS:
        if output is None or identity or since or until:
            raise typer.BadParameter("cloudevents need -o FILE, and always go on where the consumer is")
        count = _append_events(settings, output, consumer, source)
    else:
        begin = read_past(since, now, "--since") if since else 0.0
        end = read_past(until, now, "--until") if until else math.inf
        count = _write_rows(settings, output, identity, begin, end)
    what = "row" if form is Format.CSV else "new event"
    write_error(f"{count} {what}{'s' * (count != 1)}" + (f" in {output}" if output else ""))
    tell_home(settings)


def _write_rows(settings: Settings, output: Path | None, identity: str, begin: float, end: float) -> int:
    with reading(settings) as control:
        who = payer(control, identity, settings).id if identity else None
    with reading_usage(settings) as book, _text_file(output) as out, _counting("rows") as step:
        rows = book.rows(who, since=begin, until=end)
        return write_csv((row for row in rows if step(1)), out)


def _append_events(settings: Settings, output: Path, consumer: str, source: str) -> int:
    count = 0
    if not (settings.ledger_dir / USAGE_FILE).exists():
        return count
    with told(), open_usage(settings) as (database, _), _alone_with(output), _counting("events") as step:
        outbox = Outbox(database, consumer=consumer, source=source)
        while added := outbox.append_to(output, most=_STEP):
            count += added
            step(added)
    return count


@contextmanager
def _counting(what: str) -> Iterator[Callable[[int], bool]]:
    """A counter on a terminal that watches."""
    from rich.console import Console  # noqa: PLC0415 - only here
    from rich.progress import Progress, SpinnerColumn, TextColumn  # noqa: PLC0415

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} " + what))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=None)

        def step(count: int) -> bool:
            progress.advance(task, count)
            return True

        yield step


@contextmanager
def _text_file(output: Path | None) -> Iterator[TextIO]:
    """Standard output, or a file that is there whole or as it was before."""
    if output is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    draft = output.with_name(f".{output.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        draft.replace(output)
    except OSError as error:
        raise Refusal("file.unwritable", path=str(output), problem=error.strerror or str(error)) from error
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _alone_with(output: Path) -> Iterator[None]:
    """One export into a file at a time: two at once would each take the other's lines for a torn tail."""
    try:
        descriptor = os.open(output, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Refusal("file.unwritable", path=str(output), problem=error.strerror or str(error)) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
