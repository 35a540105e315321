"""A recorded decision, found by its id, for commands that go on from it."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from typing import Final

import typer

from mattegate.cli.ledger import told
from mattegate.cli.rendering import write_error, write_json
from mattegate.config.faults import ConfigurationError
from mattegate.config.secrets import load_secrets
from mattegate.config.settings import Settings
from mattegate.ledger.protocols import Record, Sealed
from mattegate.ledger.records_reading import RecordReader
from mattegate.vocabulary.rulebook import Rulebook

_NOT_FOUND: Final = 1


@dataclass(frozen=True, slots=True)
class Recorded:
    """A record and the rulebook that it was decided by; ``None`` where that is not kept any more."""

    record: Record
    rulebook: Rulebook | None


def find_recorded(settings: Settings, request_id: str, *, as_json: bool = False) -> Recorded:
    """The record, or the way out with exit code 1, told in words and with ``as_json`` to a program, too."""
    with told(), closing(RecordReader(settings.ledger_dir, seal_key=_seal_key(settings))) as reader:
        found = reader.find(request_id.strip())
        if isinstance(found, Record):
            return Recorded(found, reader.rulebook(found.revision))
    if isinstance(found, Sealed):
        detail = f"of {request_id} only the reason is known ({found.reason}): no record was kept of it"
    else:
        detail = f"there is no record of {request_id} in {settings.ledger_dir}"
    if as_json:
        write_json({"error": {"reason": "record.not_found", "title": "No record", "detail": detail}})
    write_error(f"mattegate: {detail}")
    raise typer.Exit(_NOT_FOUND)


def _seal_key(settings: Settings) -> bytes | None:
    """Only for telling more of an id without a record; a home without secrets has none."""
    try:
        return load_secrets(settings.secrets_dir, os.environ).seal_key
    except ConfigurationError:
        return None
