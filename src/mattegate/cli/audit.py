"""``mattegate audit``: every administrative act, and whether anybody has tampered with the log of them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Annotated, Any, Final

import typer

from mattegate.cli.context import invocation_of
from mattegate.cli.grouping import command_of, new_group
from mattegate.cli.homes import tell_home
from mattegate.cli.key_options import Json
from mattegate.cli.ledger import reading
from mattegate.cli.moments import minute_text, moment_or_none, read_past
from mattegate.cli.rendering import write_error, write_json
from mattegate.cli.tables import print_facts, print_table
from mattegate.ledger.audit import Head, first_break
from mattegate.ledger.control import Control
from mattegate.ledger.protocols import AuditEntry

audit_app = new_group("audit", "Every administrative act, in a chain that shows tampering.")

_BROKEN: Final = 3
_UNDECIDED: Final = 1
_TRIES: Final = 50
_HEAD: Final = re.compile(r"(?:(\d{1,15}):)?([0-9a-f]{64})")


@command_of(
    audit_app,
    "list",
    "mattegate audit list --since 7d",
    "mattegate audit list --subject 0aB3dE5fG7hJ --json",
    "mattegate audit list --actor cli:alice",
)
def list_entries(
    ctx: typer.Context,
    since: Annotated[str, typer.Option(help="7d, or a date.", show_default="the beginning")] = "",
    actor: Annotated[str, typer.Option(help="cli:USER, admin:ID, key:ID or task:NAME.", show_default=False)] = "",
    subject: Annotated[str, typer.Option(help="The id of a key, an identity or an admin.", show_default=False)] = "",
    as_json: Json = False,
) -> None:
    """Who did what to which key, identity or admin, the oldest first. With --json one entry a line."""
    settings = invocation_of(ctx).settings()
    begin = read_past(since, time.time(), "--since") if since else 0.0
    with reading(settings) as control:
        found = (
            entry
            for entry in control.audit()
            if entry.at >= begin and actor in {"", entry.actor} and subject in {"", entry.subject}
        )
        if as_json:
            for entry in found:
                write_json(_facts(entry))
            return
        headings = ("no", "at (UTC)", "actor", "act", "subject", "details")
        print_table(headings, map(_line, found), none="no entries")
    tell_home(settings)


@command_of(
    audit_app,
    "verify",
    "mattegate audit verify",
    "mattegate audit verify --head 41:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
)
def verify(
    ctx: typer.Context,
    head: Annotated[
        str, typer.Option(help="A head written down earlier, NUMBER:HASH or HASH.", show_default=False)
    ] = "",
    as_json: Json = False,
) -> None:
    """Compute the chain anew. Prints its head, to be written down elsewhere: only that shows a forgery of it all.

    Exit code 0 where the chain is sound, 3 with the first broken entry where it is not.
    """
    settings = invocation_of(ctx).settings()
    number, digest = _read_head(head)
    with reading(settings) as control:
        last, broken, seen = _verified(control, Head(number, digest) if number else None, digest)
    if broken is None and not seen:
        broken = 0
    if as_json:
        write_json({"sound": broken is None, "broken": broken, "entries": last.seq, "head": _spelled(last)})
    else:
        _tell(last, broken, digest)
        tell_home(settings)
    if broken is not None:
        raise typer.Exit(_BROKEN)


def _read_head(text: str) -> tuple[int, str]:
    found = _HEAD.fullmatch(text.strip().lower())
    if text and found is None:
        raise typer.BadParameter("a head is 64 hex digits, or its number, a colon and them", param_hint="--head")
    return (int(found[1] or 0), found[2]) if found else (0, "")


def _verified(control: Control, known: Head | None, digest: str) -> tuple[Head, int | None, bool]:
    """The head, the first broken entry, and whether the chain goes through ``digest``.

    A server may append meanwhile: it is read again until the head stood still.
    """
    for _ in range(_TRIES):
        before, seen = control.head(), Watched(control.audit(), digest)
        broken = first_break(seen, last=before, known=known)
        if control.head() == before:
            return before, broken, seen.met or not digest
    write_error("the log grows faster than it can be read; try again")
    raise typer.Exit(_UNDECIDED)


class Watched:
    """Entries on their way; ``met`` tells whether one of them had the hash."""

    def __init__(self, entries: Iterator[AuditEntry], digest: str) -> None:
        self._entries, self._digest = entries, digest
        self.met = False

    def __iter__(self) -> Iterator[AuditEntry]:
        for entry in self._entries:
            self.met = self.met or entry.hash == self._digest
            yield entry


def _tell(last: Head, broken: int | None, digest: str) -> None:
    if broken is None:
        print_facts({"audit log": "sound", "entries": last.seq, "head": _spelled(last)})
    elif broken == 0:
        print_facts({"audit log": "BROKEN", "problem": f"no entry has the hash {digest}: it was written anew"})
    else:
        problem = f"entry {broken} is not what was written, or is gone; what follows it proves nothing"
        print_facts({"audit log": "BROKEN", "first broken": broken, "problem": problem})


def _spelled(head: Head) -> str:
    return f"{head.seq}:{head.hash}"


def _facts(entry: AuditEntry) -> dict[str, Any]:
    return {
        "seq": entry.seq,
        "at": moment_or_none(entry.at),
        "actor": entry.actor,
        "act": entry.act,
        "subject": entry.subject,
        "details": dict(entry.details),
        "hash": entry.hash,
    }


def _line(entry: AuditEntry) -> tuple[object, ...]:
    emptied = entry.act.endswith(".update")  # a restriction taken away reads as nothing
    details = ", ".join(
        f"{name}={_spoken(name, value)}" for name, value in entry.details.items() if emptied or value not in {None, ""}
    )
    return entry.seq, minute_text(entry.at), entry.actor, entry.act, entry.subject, details


def _spoken(name: str, value: object) -> object:
    """A moment as people read it; everything else as it was written down."""
    if isinstance(value, int | float) and (name == "until" or name.endswith("_at")):
        return moment_or_none(value)
    return value
