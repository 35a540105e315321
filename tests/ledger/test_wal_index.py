"""A glance at the wal-index sees every commit, whoever made it and whatever became of the log."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mattegate.ledger import wal_index
from mattegate.ledger.connection import open_database
from mattegate.ledger.wal_index import WalIndex
from tests.ledger.control_support import child

WRITER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1] + "/x.db", isolation_level=None)
for line in sys.stdin:
    connection.execute(line)
    print("done", flush=True)
"""
WRITES = ("INSERT INTO t VALUES (1)", "UPDATE t SET n = n + 1", "DELETE FROM t", "CREATE INDEX i ON t (n)", "VACUUM",
          "PRAGMA user_version = 7")  # fmt: skip
CHECKPOINTS = ("PASSIVE", "FULL", "RESTART", "TRUNCATE")


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database with one table, in a process that looks at none so far."""
    monkeypatch.setattr(wal_index, "_opened", {})
    path = tmp_path / "x.db"
    with closing(open_database(path, synchronous="FULL")) as connection:
        connection.execute("CREATE TABLE t (n)")
    return path


@pytest.fixture
def looking(database: Path) -> Iterator[sqlite3.Connection]:
    """A connection that only looks."""
    with closing(open_database(database, synchronous="FULL")) as connection:
        version(connection)
        yield connection


def version(connection: sqlite3.Connection) -> int:
    """What SQLite says."""
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def index_of(database: Path) -> WalIndex:
    """The wal-index, which is there."""
    index = WalIndex.of(database)
    assert index is not None
    return index


def test_every_commit_of_another_process_is_seen(database: Path, looking: sqlite3.Connection) -> None:
    """Right after each statement, with the log reset in every way in between; and nothing is seen where nothing was."""
    index = index_of(database)
    with child(WRITER, database.parent) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        for turn in range(60):
            header, known = index.header(), version(looking)
            assert index.same_as(header)
            assert version(looking) == known
            other.stdin.write(WRITES[turn % len(WRITES)].replace(" i ", f" i{turn} ") + "\n")
            other.stdin.flush()
            assert other.stdout.readline() == "done\n"
            assert not index.same_as(header)
            assert version(looking) != known
            if turn % 3 == 0:
                looking.execute(f"PRAGMA wal_checkpoint({CHECKPOINTS[turn // 3 % 4]})").fetchall()


def test_reading_and_rolling_back_change_nothing(database: Path, looking: sqlite3.Connection) -> None:
    """What was never committed is never seen."""
    index, header = index_of(database), index_of(database).header()
    with closing(open_database(database, synchronous="FULL")) as other:
        other.execute("SELECT * FROM t").fetchall()
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO t VALUES (1)")
        assert index.same_as(header)
        other.execute("ROLLBACK")
        assert index.same_as(header)
        other.execute("INSERT INTO t VALUES (1)")
        assert not index.same_as(header)


def test_nothing_is_the_same_as_a_header_that_is_being_written(database: Path, looking: sqlite3.Connection) -> None:
    """Then it is empty, and whoever looks must ask."""
    assert not index_of(database).same_as(b"")
    assert index_of(database).header()
    assert looking.in_transaction is False


def test_where_there_is_none_sqlite_must_be_asked(tmp_path: Path) -> None:
    """No file, and one that is too short to be it."""
    assert WalIndex.of(tmp_path / "missing.db") is None
    (tmp_path / "empty.db-shm").touch()
    assert WalIndex.of(tmp_path / "empty.db") is None


def test_it_takes_a_few_descriptors_and_no_more(database: Path, looking: sqlite3.Connection) -> None:
    """One file is opened once, however often it is asked for; and the seventeenth database is left to SQLite."""
    assert looking.total_changes == 0
    before = index_of(database)
    for _ in range(10):
        assert index_of(database).header() == before.header()
    assert len(wal_index._opened) == 1
    with_many = []
    for number in range(20):
        connection = open_database(database.with_name(f"{number}.db"), synchronous="FULL")
        connection.execute("CREATE TABLE t (n)")
        with_many.append(connection)
    found = [WalIndex.of(database.with_name(f"{number}.db")) for number in range(20)]
    assert [index is not None for index in found] == [True] * 15 + [False] * 5
    for connection in with_many:
        connection.close()


def test_locks_outlive_a_look(database: Path, looking: sqlite3.Connection) -> None:
    """Somebody else cannot take away the log under a reader, as it could if looking had given up this one's locks."""
    index = index_of(database)
    looking.execute("BEGIN")
    assert looking.execute("SELECT count(*) FROM t").fetchone() == (0,)
    with child(WRITER, database.parent) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        for statement in ("INSERT INTO t VALUES (1)", "PRAGMA wal_checkpoint(TRUNCATE)", "INSERT INTO t VALUES (2)"):
            index.header()
            assert WalIndex.of(database) is not None
            other.stdin.write(statement + "\n")
            other.stdin.flush()
            assert other.stdout.readline() == "done\n"
    assert looking.execute("SELECT count(*) FROM t").fetchone() == (0,)
    looking.execute("COMMIT")
    assert looking.execute("SELECT count(*) FROM t").fetchone() == (2,)
