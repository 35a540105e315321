"""The databases of a ledger and how far each has come: what ``mattegate migrate`` shows and does.

Whoever opens a database migrates it anyway; this is for who wants it done, or known, before the new version serves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from mattegate.ledger.connection import answering, open_database
from mattegate.ledger.control_sqlite import FILE
from mattegate.ledger.migrations import CONTROL, migrate, require_known, stored_version
from mattegate.ledger.notices_sqlite import NOTICES, NOTICES_FILE
from mattegate.ledger.opening import USAGE_FILE
from mattegate.ledger.records_reading import DATABASE
from mattegate.ledger.records_sqlite import RECORDS
from mattegate.ledger.usage_schema import USAGE

SCHEMAS: Final[Mapping[str, Sequence[Sequence[str]]]] = MappingProxyType(
    {FILE: CONTROL, USAGE_FILE: USAGE, DATABASE: RECORDS, NOTICES_FILE: NOTICES}
)
"""The scripts of each file of the folder ``ledger``, by its name."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How many scripts a file has seen, and how many this version knows."""

    file: str
    found: int
    known: int

    @property
    def current(self) -> bool:
        """Whether there is nothing to do, and nothing that only a newer version understands."""
        return self.found == self.known


def standings(folder: Path) -> tuple[Standing, ...]:
    """Where the databases stand that are there; nothing is written. Raises ``Unavailable``."""
    with answering("ledger"):
        return tuple(
            Standing(name, stored_version(folder / name), len(schema))
            for name, schema in SCHEMAS.items()
            if (folder / name).exists()
        )


def bring_up(folder: Path) -> None:
    """Bring the databases that are there to the newest schema, each script in a transaction of its own.

    Raises :class:`~mattegate.vocabulary.refusal.Refusal` ``home.newer`` before anything is changed, and
    ``Unavailable``.
    """
    there = standings(folder)
    for standing in there:
        require_known(standing.found, standing.known, name=standing.file)
    with answering("ledger"):
        for standing in there:
            with closing(open_database(folder / standing.file, synchronous="FULL")) as connection:
                migrate(connection, SCHEMAS[standing.file], name=standing.file)
