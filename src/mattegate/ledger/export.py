"""Usage for others: CSV for people, and an outbox of CloudEvents for billing systems.

The outbox is written in the transaction that settles, refunds or credits, so it holds exactly what happened, in the
order of the commits. A consumer's cursor moves only after its lines are synced to disk: a crash in between sends
them again, and never skips one. Receivers deduplicate by ``source`` and ``id`` (CloudEvents 1.0.2, section 3.1.1);
``id`` is the ledger's id of the row, for a refund followed by ``.refunded``.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

from mattegate.ledger.protocols import Unavailable, UsageRow
from mattegate.ledger.usage_database import UsageDatabase
from mattegate.ledger.usage_rows import COLUMNS, usage_row

CSV_COLUMNS: Final = (
    "id",
    "request_id",
    "identity",
    "key_id",
    "kind",
    "state",
    "units",
    "at",
    "settled_at",
    "images",
    "pixels",
    "bytes_in",
    "bytes_out",
    "model",
    "ms",
    "idempotency_key",
    "replays",
    "note",
)
"""New ones are only ever added at the end."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def write_csv(rows: Iterable[UsageRow], out: TextIO) -> int:
    """Write rows with a head line (RFC 4180); returns how many. Times are UTC.

    A text that a spreadsheet would run as a formula gets an apostrophe in front: callers choose idempotency keys.
    """
    writer = csv.writer(out)
    writer.writerow(CSV_COLUMNS)
    count = 0
    for count, row in enumerate(rows, start=1):  # noqa: B007 - the last number is the answer
        writer.writerow(_cells(row))
    return count


@dataclass(frozen=True, slots=True)
class UsageEvent:
    """One line of the outbox."""

    seq: int
    kind: str
    """``settled``, ``refunded`` or ``credited``."""
    at: float
    row: UsageRow

    @property
    def id(self) -> str:
        """What receivers deduplicate on."""
        return f"{self.row.id}.refunded" if self.kind == "refunded" else self.row.id


class Outbox:
    """What ``consumer`` has not been told yet. Methods raise :class:`~mattegate.ledger.protocols.Unavailable`."""

    def __init__(self, database: UsageDatabase, *, consumer: str, source: str = "/mattegate") -> None:
        self._database = database
        self._consumer = consumer
        self._source = source

    def pending(self, most: int = 500) -> list[UsageEvent]:
        """The oldest events beyond the cursor; the same ones until they are acknowledged."""
        qualified = ", ".join(f"usage.{column.strip()}" for column in COLUMNS.split(","))
        beyond = (
            f"SELECT outbox.seq, outbox.event, outbox.at, {qualified}"  # noqa: S608
            " FROM outbox JOIN usage ON usage.seq = outbox.usage WHERE outbox.seq >"
            " coalesce((SELECT seq FROM outbox_cursors WHERE consumer = ?), 0) ORDER BY outbox.seq LIMIT ?"
        )
        with self._database.read() as db:
            found = db.execute(beyond, (self._consumer, most))
            return [UsageEvent(seq, event, at, usage_row(tuple(row))) for seq, event, at, *row in found]

    def acknowledge(self, event: UsageEvent) -> None:
        """Everything up to ``event`` has arrived. The cursor never moves back."""
        with self._database.write() as db:
            db.execute(
                "INSERT INTO outbox_cursors VALUES (?, ?) ON CONFLICT DO UPDATE SET seq = max(seq, excluded.seq)",
                (self._consumer, event.seq),
            )

    def append_to(self, path: Path, *, most: int = 500) -> int:
        """Append pending events to a file of JSON lines, sync it, and move the cursor; returns how many.

        A line that a crash cut short is removed first; its event is still pending.
        """
        events = self.pending(most)
        if not events:
            return 0
        try:
            _append(path, b"".join(cloud_event(event, self._source) for event in events))
        except OSError as error:
            raise Unavailable("ledger", f"{path.name} cannot be written: {error.strerror}") from error
        self.acknowledge(events[-1])
        return len(events)


def cloud_event(event: UsageEvent, source: str) -> bytes:
    """One line of JSON in the structured mode of CloudEvents 1.0."""
    row, usage = event.row, event.row.usage
    envelope = {
        "specversion": "1.0",
        "id": event.id,
        "source": source,
        "type": f"mattegate.usage.{event.kind}",
        "subject": row.identity,
        "time": _time(event.at),
        "datacontenttype": "application/json",
        "data": {
            "request_id": row.request_id,
            "key_id": row.key_id,
            "kind": row.kind,
            "units": row.units,
            "images": usage.images,
            "pixels": usage.pixels,
            "bytes_in": usage.bytes_in,
            "bytes_out": usage.bytes_out,
            "model": usage.model,
            "note": row.note,
        },
    }
    return json.dumps(envelope, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _append(path: Path, lines: bytes) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        file.seek(_whole_length(path))
        file.truncate()
        file.write(lines)
        file.flush()
        os.fsync(file.fileno())


def _whole_length(path: Path) -> int:
    """How long the file is up to the end of its last whole line."""
    size = path.stat().st_size
    with path.open("rb") as file:
        end = size
        while end > 0:
            begin = max(0, end - 65_536)
            file.seek(begin)
            newline = file.read(end - begin).rfind(b"\n")
            if newline >= 0:
                return begin + newline + 1
            end = begin
    return 0


def _cells(row: UsageRow) -> list[str | int | float]:
    usage = row.usage
    texts = [_plain(text) for text in (row.id, row.request_id, row.identity, row.key_id, row.kind, row.state)]
    numbers = [usage.images, usage.pixels, usage.bytes_in, usage.bytes_out]
    settled = "" if row.settled_at is None else _time(row.settled_at)
    return [
        *texts,
        row.units,
        _time(row.at),
        settled,
        *numbers,
        _plain(usage.model),
        usage.ms,
        _plain(row.idempotency_key),
        row.replays,
        _plain(row.note),
    ]


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _time(at: float) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
