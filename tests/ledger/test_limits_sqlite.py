"""Limits in SQLite across processes, and when the file cannot be had."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from mattegate.ledger.limits_sqlite import SqliteLimitStore
from mattegate.ledger.protocols import Unavailable
from mattegate.ledger.usage_database import UsageDatabase
from mattegate.vocabulary.rulebook import Limit
from tests.ledger import limits_process

DAY = Limit("day", "quota", 50, 86_400)


def test_two_processes_share_one_quota_exactly(tmp_path: Path) -> None:
    """Two processes try 300 times each; together they get the fifty that there are, and the rate lost no more."""
    file = tmp_path / "usage.db"
    UsageDatabase(file).close()
    processes = [
        subprocess.Popen(
            [sys.executable, limits_process.__file__, str(file), "acme", "300", "50", name], stdout=subprocess.PIPE
        )
        for name in ("a", "b")
    ]
    granted = [int(process.communicate(timeout=60)[0]) for process in processes]
    assert sum(granted) == 50
    store = SqliteLimitStore(UsageDatabase(file))
    rate = Limit("rate", "rate", 55, 86_400)
    assert [one.remaining for one in store.glance("acme", [DAY, rate], 1_700_049_600.0).limits] == [0, 5]


def test_a_file_that_somebody_else_locks_is_unavailable_and_takes_nothing(tmp_path: Path) -> None:
    """A backup tool sits on the file: the answer is that limits cannot be told, and afterwards nothing is missing."""
    file = tmp_path / "usage.db"
    store = SqliteLimitStore(UsageDatabase(file, busy_ms=20))
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="limits: database is locked"):
        store.take("acme", [DAY], [1], 1000.0, "t")
    other.execute("ROLLBACK")
    assert store.take("acme", [DAY], [1], 1000.0, "t").limits[0].remaining == 49
    other.close()


def test_old_tokens_are_swept(tmp_path: Path) -> None:
    """Tokens too old to be given back do not fill the file."""
    database = UsageDatabase(tmp_path / "usage.db")
    store = SqliteLimitStore(database)
    store.take("acme", [DAY], [1], 1000.0, "old")
    store.take("acme", [DAY], [1], 9000.0, "new")
    store.sweep(9001.0)
    with database.read() as db:
        assert {token for (token,) in db.execute("SELECT token FROM takes")} == {"new"}
    database.close()
