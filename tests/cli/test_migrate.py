"""``mattegate migrate``: old files are brought up once, newer ones are left alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from mattegate.ledger.migrations import CONTROL
from mattegate.ledger.schemas import SCHEMAS
from tests.cli.at_home import At


def made_by(version: int, at: At) -> Path:
    """A control database as the version with so many scripts left it, in the place of the one that is there."""
    folder = at.home / "ledger"
    folder.mkdir(parents=True, exist_ok=True)
    for newer in folder.glob("control.db*"):
        newer.unlink()
    with closing(sqlite3.connect(folder / "control.db")) as old:
        for script in CONTROL[:version]:
            for statement in script:
                old.execute(statement)
        old.execute(f"PRAGMA user_version = {version}")
        old.commit()
    return folder / "control.db"


def version_in(file: Path) -> int:
    """How many scripts a file has seen."""
    with closing(sqlite3.connect(file)) as database:
        return int(database.execute("PRAGMA user_version").fetchone()[0])


def test_an_old_file_is_brought_up_once_and_the_log_says_so(at: At) -> None:
    """Looked at first, which changes nothing and ends with 3; then done; then there is nothing to do."""
    file = made_by(1, at)
    looked = at("migrate", "--check")
    assert looked.code == 3
    assert "behind: this version has 2" in looked.out
    assert version_in(file) == 1
    assert at.told("migrate") == {"files": [{"file": "control.db", "found": 2, "known": 2, "before": 1}]}
    assert "ledger.migrate" in at("audit", "list").out
    assert at("migrate", "--check").code == 0
    assert "current" in at("migrate").out


def test_a_file_of_a_newer_version_is_left_alone_and_so_is_everything_else(at: At) -> None:
    """The refusal names it; looking at it says what to do."""
    at.key()
    usage = at.home / "ledger" / "usage.db"
    with closing(sqlite3.connect(usage)) as database:
        database.execute("PRAGMA user_version = 99")
    control = made_by(1, at)
    assert at("migrate").code == 3
    assert (version_in(usage), version_in(control)) == (99, 1)
    looked = at("migrate", "--check")
    assert looked.code == 3
    assert f"newer than this version, which knows {len(SCHEMAS['usage.db'])}" in looked.out
    assert "restore a backup" in looked.err


def test_a_home_without_a_ledger_stays_without_one(at: At) -> None:
    """A mistyped home leaves no trace."""
    ended = at("migrate")
    assert ended.code == 0
    assert "no ledger yet" in ended.out
    assert not at.home.exists()


def test_every_database_of_a_ledger_is_known_here(at: At) -> None:
    """What a first key makes is listed, and current."""
    at.key()
    found = {file.name for file in (at.home / "ledger").glob("*.db")}
    assert found <= SCHEMAS.keys()
    listed = at.told("migrate", "--check")["files"]
    assert {one["file"] for one in listed} == found
    assert all(one["found"] == one["known"] for one in listed)
