"""Records against what befalls them: death at any moment, damage, full disks, and others at work beside them."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mattegate.ledger import records_import
from mattegate.ledger.protocols import Record, Unavailable
from mattegate.ledger.records import Records
from mattegate.ledger.records_codec import encode_record
from mattegate.ledger.records_reading import RecordReader
from mattegate.ledger.records_sqlite import StoreWriter
from mattegate.ledger.spool import Claimed, frame, lines, parts
from tests.ledger.record_samples import KEY, refusal

ROOM = 10**9


def opened(folder: Path, **changes: Any) -> Records:
    """A book whose importer runs when it is told to."""
    return Records(folder, **{"seal_key": KEY, "unproven_bytes": ROOM, **changes})


def stored(folder: Path) -> list[str]:
    """The ids in the store, in order, duplicates and all."""
    with closing(sqlite3.connect(folder / "records.db")) as database:
        return [row[0] for row in database.execute("SELECT request_id FROM records ORDER BY id")]


def ids(numbers: range) -> list[str]:
    """The ids of those refusals."""
    return [refusal(number).request_id for number in numbers]


def test_every_acknowledged_record_survives_kill_9(tmp_path: Path) -> None:
    """A process that appends and imports is killed again and again; what it acknowledged is there, once."""
    acknowledged: list[str] = []
    for life in range(4):
        command = [sys.executable, "-m", "tests.ledger.record_appender", str(tmp_path), str(life * 1_000_000)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            acknowledged += [process.stdout.readline().decode().strip() for _ in range(100 + 77 * life)]
            process.kill()
            acknowledged += [line.decode().strip() for line in process.stdout if line.endswith(b"\n")]
    with closing(RecordReader(tmp_path, seal_key=KEY)) as reader:
        assert all(isinstance(reader.find(request_id), Record) for request_id in acknowledged)
    with closing(opened(tmp_path)) as book:
        book.import_now()
        assert book.status().damaged == 0
        assert book.status().behind_bytes == 0
    kept = stored(tmp_path)
    assert len(kept) == len(set(kept))
    assert set(acknowledged) <= set(kept)
    assert parts(tmp_path / "spool") == []


class Crashed(BaseException):
    """The process died here."""


@pytest.mark.parametrize("step", ["before the lines", "after the lines", "before the removal", "after the removal"])
def test_an_import_that_dies_is_done_exactly_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Wherever an import ends, the next one goes on from there: nothing lost, nothing twice."""
    book = opened(tmp_path, part_bytes=4 * len(frame(encode_record(refusal()), proven=True)))
    for number in range(12):
        book.append(refusal(number), proven=True)

    def dying(method: Any, *, after: bool) -> Any:
        def died(*args: Any, **named: Any) -> Any:
            if after:
                method(*args, **named)
            raise Crashed

        return died

    owner, name = (StoreWriter, "take_in") if "lines" in step else (Claimed, "remove")
    monkeypatch.setattr(owner, name, dying(getattr(owner, name), after=step.startswith("after")))
    with pytest.raises(Crashed):
        book.import_now()
    monkeypatch.undo()
    assert [book.find(request_id) is not None for request_id in ids(range(12))] == [True] * 12
    book.import_now()
    book.close()
    assert stored(tmp_path) == ids(range(12))
    assert parts(tmp_path / "spool") == []
    with closing(sqlite3.connect(tmp_path / "records.db")) as database:
        assert database.execute("SELECT * FROM parts").fetchall() == []


def test_readers_miss_nothing_while_records_move(tmp_path: Path) -> None:
    """Four threads append, an importer runs without pause, and whoever looks finds every acknowledged record."""
    book = opened(tmp_path, part_bytes=20_000, import_every_s=0.0005)
    book.start()
    reader = RecordReader(tmp_path, seal_key=KEY)

    def append_and_look(number: int) -> bool:
        request_id = book.append(refusal(number), proven=number % 3 == 0)
        return book.find(request_id) is not None and reader.find(request_id) is not None

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(append_and_look, range(600)))
    assert len({record.request_id for record in reader.recent(1_000)}) == 600
    reader.close()
    book.close()
    assert sorted(stored(tmp_path)) == ids(range(600))


def test_two_importers_do_not_import_twice(tmp_path: Path) -> None:
    """Importers of two processes may work on the same spool at once."""
    books = [opened(tmp_path, part_bytes=9_000) for _ in range(2)]
    for number in range(300):
        books[number % 2].append(refusal(number), proven=True)
    threads = [threading.Thread(target=book.import_now) for book in books]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for book in books:
        book.close()
    with closing(opened(tmp_path)) as book:
        book.import_now()
    assert sorted(stored(tmp_path)) == ids(range(300))


def test_an_import_in_the_background_rests_unless_much_waits(tmp_path: Path) -> None:
    """After every step it is told how long it worked; while more parts wait than readers should search, it is not."""
    worked: list[float] = []
    size = len(frame(encode_record(refusal()), proven=True))
    with closing(opened(tmp_path, part_bytes=3 * size)) as book:
        for number in range(3 * (records_import.AT_EASE + 4)):
            book.append(refusal(number), proven=True)
        imported = book._importer.run(worked.append)
        assert imported.records == 3 * (records_import.AT_EASE + 4)
    assert len(worked) == records_import.AT_EASE
    assert all(seconds > 0 for seconds in worked)


def test_an_import_while_another_rests_does_not_wait_for_it(tmp_path: Path) -> None:
    """Whoever needs everything imported now takes over what the resting one has left, and nothing is done twice."""
    with closing(opened(tmp_path, part_bytes=3 * len(frame(encode_record(refusal()), proven=True)))) as book:
        for number in range(3 * records_import.AT_EASE):
            book.append(refusal(number), proven=True)
        book._importer.run(lambda _: book.import_now())
    assert stored(tmp_path) == ids(range(3 * records_import.AT_EASE))
    assert parts(tmp_path / "spool") == []


def test_an_importer_that_read_before_another_finished_imports_nothing(tmp_path: Path) -> None:
    """Lines that were read from a part which has been imported, removed and forgotten since are not taken again."""
    with closing(opened(tmp_path)) as book:
        book.append(refusal(1), proven=True)
        book._writer.close()
        (part,) = parts(tmp_path / "spool")
        late = list(lines(part.read_bytes(), closed=True))
        book.import_now()
        assert book._store.take_in(part, late, offset=0) is None
    assert stored(tmp_path) == ids(range(1, 2))


@pytest.mark.parametrize("at", [0, 5, 9, 11, 40, 600, -2, -1])
def test_a_flipped_byte_costs_at_most_two_records_and_is_counted(tmp_path: Path, at: int) -> None:
    """Damage in the middle of a part is noticed, counted and kept for inspection; all other records are imported."""
    book = opened(tmp_path)
    for number in range(5):
        book.append(refusal(number), proven=True)
    book._writer.close()
    (part,) = parts(tmp_path / "spool")
    data = bytearray(part.read_bytes())
    size = len(frame(encode_record(refusal()), proven=True))
    data[2 * size + (at if at >= 0 else size + at)] ^= 0x08
    part.write_bytes(data)
    book.import_now()
    assert book.status().damaged == 1
    book.close()
    assert set(ids(range(5))) - set(stored(tmp_path)) <= set(ids(range(2, 4)))
    with closing(sqlite3.connect(tmp_path / "records.db")) as database:
        (line,) = database.execute("SELECT line FROM damaged").fetchone()
    assert line in bytes(data)


@pytest.mark.parametrize("tail", [b"1a2b", b"\0" * 4_096, frame(b"{}", proven=True)[:-3], b"\n", b"\xff\n\xfe"])
def test_a_torn_tail_is_tolerated(tmp_path: Path, tail: bytes) -> None:
    """Whatever a power loss left at the end of a part is counted and hinders neither reading nor importing."""
    with closing(opened(tmp_path)) as book:
        book.append(refusal(1), proven=True)
        book.append(refusal(2), proven=True)
        book._writer.close()
        (part,) = parts(tmp_path / "spool")
        part.write_bytes(part.read_bytes() + tail)
        assert book.find(refusal(2).request_id) is not None
        book.append(refusal(3), proven=True)
        book.import_now()
        status = book.status()
        assert status.torn + status.damaged >= 1
    assert stored(tmp_path) == ids(range(1, 4))


def test_the_cap_holds_over_a_restart(tmp_path: Path) -> None:
    """What is in the spool and in the store counts against the cap of the next process."""
    size = len(frame(encode_record(refusal()), proven=False))
    first = opened(tmp_path, unproven_bytes=5 * size)
    first.append(refusal(0), proven=False)
    first.import_now()
    first.append(refusal(1), proven=False)
    second = opened(tmp_path, unproven_bytes=5 * size)
    kept = [second.append(refusal(number), proven=False) == refusal(number).request_id for number in range(2, 9)]
    assert kept == [True] * 3 + [False] * 4
    assert second.status().unproven_bytes == 5 * size
    assert second.status().dropped == 4
    first.close()
    second.close()


def test_a_flood_never_takes_more_than_the_cap(tmp_path: Path) -> None:
    """Threads of unproven callers against a running importer: lines in spool and store stay within the cap."""
    size = len(frame(encode_record(refusal()), proven=False))
    book = opened(tmp_path, unproven_bytes=40 * size, part_bytes=5_000, import_every_s=0.0005)
    book.start()
    with ThreadPoolExecutor(4) as pool:
        answered = list(pool.map(lambda number: book.append(refusal(number), proven=False), range(400)))
    assert all(book.find(request_id) is not None for request_id in answered)
    book.close()
    assert len(stored(tmp_path)) == 40
    with closing(opened(tmp_path)) as book:
        assert sum(item.count for item in book.dropped()) == 360


def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    """Where the spool cannot be, append says which dependency is down, and works again once it can."""
    book = opened(tmp_path)
    (tmp_path / "spool").write_text("in the way")
    with pytest.raises(Unavailable, match="records: the spool takes nothing"):
        book.append(refusal(), proven=False)
    (tmp_path / "spool").unlink()
    assert book.status().unproven_bytes == 0  # the room it had taken is given back
    assert book.append(refusal(), proven=False) == refusal().request_id
    book.close()


def test_a_store_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    """A file of rubbish in place of the store is told, not replaced."""
    (tmp_path / "records.db").write_bytes(b"rubbish" * 1_000)
    with pytest.raises(Unavailable, match="not a database"):
        opened(tmp_path)
    with closing(RecordReader(tmp_path, seal_key=KEY)) as reader, pytest.raises(Unavailable):
        reader.find("req_1")


def test_records_wait_in_the_spool_while_the_store_is_locked(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Another process that holds the database does not keep requests waiting, and the operator is told once."""
    book = opened(tmp_path)
    with closing(sqlite3.connect(tmp_path / "records.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        thread = records_import.ImportThread(book._importer)
        book._store._connection.execute("PRAGMA busy_timeout = 1")
        book.append(refusal(1), proven=True)
        thread._run()
        thread._run()
        assert thread.problem == "database is locked"
        assert book.find(refusal(1).request_id) == refusal(1)
        other.execute("ROLLBACK")
    thread._run()
    assert thread.problem == ""
    assert [record.levelname for record in caplog.records if record.name == "mattegate.records"] == ["ERROR", "WARNING"]
    book.close()
    assert stored(tmp_path) == ids(range(1, 2))


def test_reading_changes_nothing(tmp_path: Path) -> None:
    """A reader makes no file where there is none, and reads a home that its server left in good order."""
    with closing(RecordReader(tmp_path, seal_key=KEY)) as reader:
        assert reader.find("req_1") is None
        assert list(reader.recent(5)) == []
        assert reader.rulebook("rb_1") is None
        assert reader.store.dropped() == []
    assert list(tmp_path.iterdir()) == []
    with closing(opened(tmp_path)) as book:
        book.append(refusal(1), proven=True)
        book.import_now()
    with closing(RecordReader(tmp_path, seal_key=KEY)) as reader:
        assert reader.find(refusal(1).request_id) == refusal(1)


def test_files_are_the_owners_alone(tmp_path: Path) -> None:
    """Nobody else may read what callers did."""
    book = opened(tmp_path / "ledger")
    book.append(refusal(1), proven=True)
    made = list((tmp_path / "ledger").rglob("*"))
    assert {path.name for path in made} >= {"records.db", "spool"}
    assert all(path.stat().st_mode & 0o077 == 0 or os.name != "posix" for path in made)
    book.close()
