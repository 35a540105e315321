"""The control store as a file: other processes, sudden death, a full disk, threads, schemas."""

from __future__ import annotations

import sqlite3
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep

import pytest

from mattegate.ledger import wal_index
from mattegate.ledger.audit import first_break
from mattegate.ledger.control_sqlite import FILE, SqliteControl
from mattegate.ledger.protocols import Unavailable
from mattegate.ledger.wal_index import WalIndex
from mattegate.vocabulary.facts import KeyState
from mattegate.vocabulary.refusal import Refusal
from tests.ledger.control_support import NOW, Office, child

PRELUDE = """
import sys, pathlib
from mattegate.ledger.control_sqlite import SqliteControl
from tests.ledger.control_support import Office
control = SqliteControl(pathlib.Path(sys.argv[1]))
desk = Office(control).desk
"""


@pytest.fixture
def control(tmp_path: Path) -> Iterator[SqliteControl]:
    """A store in a folder of its own."""
    store = SqliteControl(tmp_path)
    yield store
    store.close()


@pytest.fixture
def office(control: SqliteControl) -> Office:
    """A desk with one identity."""
    office = Office(control)
    office.desk.create_identity("acme", tier="free", actor="cli:ann")
    return office


def tell(process: object, line: str = "") -> str:
    """Hand a line to a child and read one."""
    stdin, stdout = process.stdin, process.stdout  # type: ignore[attr-defined]
    if line:
        stdin.write(line + "\n")
        stdin.flush()
    return str(stdout.readline()).strip()


def test_what_another_process_commits_is_in_the_next_snapshot(office: Office, tmp_path: Path) -> None:
    """Two hundred times in a row, without waiting: the command line works beside a running server."""
    program = PRELUDE + "for line in sys.stdin:\n    key = desk.create_key('acme', actor='cli:bob')\n"
    program += "    desk.revoke_key(key.id, actor='cli:bob')\n    print(key.id, flush=True)\n"
    with child(program, tmp_path) as other:
        for _ in range(200):
            key_id = tell(other, "go")
            assert office.control.snapshot().keys[key_id].view.state is KeyState.REVOKED


def test_what_this_process_commits_is_in_the_next_snapshot_of_every_connection(office: Office, tmp_path: Path) -> None:
    """Its own too, although ``data_version`` does not change on the connection that wrote."""
    with_other = SqliteControl(tmp_path)
    try:
        for _ in range(50):
            key = office.desk.create_key("acme", actor="cli:ann")
            assert key.id in office.control.snapshot().keys
            assert key.id in with_other.snapshot().keys
        assert with_other.snapshot() == office.control.snapshot()
    finally:
        with_other.close()


@pytest.mark.parametrize(("glances", "asked"), [(True, []), (False, ["PRAGMA data_version"])])
def test_a_snapshot_of_nothing_new_reads_no_table(
    office: Office, tmp_path: Path, glances: bool, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the same object, and the only statement asked is the version of the data, if a glance does not tell."""
    monkeypatch.setattr(wal_index, "_MOST", 10_000)  # other tests have looked at databases too
    control = office.control
    assert isinstance(control, SqliteControl)
    control._watch._index = WalIndex.of(tmp_path / FILE) if glances else None
    first = control.snapshot()
    statements: list[str] = []
    control._watch._connection.set_trace_callback(statements.append)
    assert control.snapshot() is first
    assert statements == asked


def test_nobody_waits_for_a_writer_to_see_the_snapshot(office: Office, tmp_path: Path) -> None:
    """While another process is in the middle of a write, the snapshot is the last committed one."""
    blocker = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    try:
        blocker.execute("BEGIN IMMEDIATE")
        blocker.execute("UPDATE epoch SET value = 999")
        assert office.control.snapshot().epoch == 2
    finally:
        blocker.close()


def test_a_writer_that_waits_too_long_says_unavailable(tmp_path: Path) -> None:
    """Nothing was written, and it works again once the other one is done."""
    control = SqliteControl(tmp_path, busy_ms=20)
    office = Office(control)
    blocker = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    try:
        blocker.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="control: database is locked"):
            office.desk.create_identity("acme", tier="free", actor="cli:ann")
        blocker.execute("ROLLBACK")
        office.desk.create_identity("acme", tier="free", actor="cli:ann")
    finally:
        blocker.close()
        control.close()


def test_the_epoch_can_be_compared_inside_another_databases_transaction(office: Office, tmp_path: Path) -> None:
    """A claim attaches the file and reads ``epoch.value``."""
    usage = sqlite3.connect(tmp_path / "usage.db", isolation_level=None)
    try:
        usage.execute("ATTACH ? AS control", (str(tmp_path / FILE),))
        usage.execute("BEGIN IMMEDIATE")
        assert usage.execute("SELECT value FROM control.epoch").fetchall() == [(office.control.snapshot().epoch,)]
        usage.execute("ROLLBACK")
        office.desk.create_key("acme", actor="cli:ann")
        assert usage.execute("SELECT value FROM control.epoch").fetchall() == [(office.control.snapshot().epoch,)]
    finally:
        usage.close()


KILLED = (
    PRELUDE
    + """
desk.create_identity('own', tier='free', actor='cli:bob')
while True:
    key = desk.create_key('own', actor='cli:bob')
    print('made', key.id, flush=True)
    desk.revoke_key(key.id, actor='cli:bob')
    print('revoked', key.id, flush=True)
"""
)


def test_kill_9_in_the_middle_of_writes_loses_nothing_that_was_said_to_be_done(tmp_path: Path) -> None:
    """Ten processes are killed while they write; every acknowledged change stands and the chain is whole."""
    for round_ in range(10):
        program = KILLED.replace("'own'", f"'own{round_}'")
        with child(program, tmp_path) as victim:
            seen = [tell(victim) for _ in range(5 + round_)]
            sleep(0.001 * round_)
            victim.kill()
            seen += victim.communicate(timeout=30)[0].splitlines()
        control = SqliteControl(tmp_path)
        try:
            told = [line.split() for line in seen if line.count(" ") == 1]
            assert len(told) >= 5 + round_
            for word, key_id in told:
                stored = control.snapshot().keys[key_id]
                assert word == "made" or stored.view.state is KeyState.REVOKED
            assert first_break(control.audit(), last=control.head()) is None
            assert control.snapshot().epoch == control.head().seq + 1
        finally:
            control.close()


RACER = (
    PRELUDE
    + """
from mattegate.vocabulary.refusal import Refusal
print('ready', flush=True)
for line in sys.stdin:
    act, key_id = line.split()
    try:
        if act == 'rotate':
            print('won', desk.rotate_key(key_id, overlap_s=60, actor='cli:race').id, flush=True)
        else:
            print('won', desk.revoke_key(key_id, actor='cli:race').stored.view.state, flush=True)
    except Refusal as refusal:
        print(refusal.reason.code, str(refusal).replace(chr(10), ' '), flush=True)
"""
)


@pytest.mark.parametrize("acts", [("rotate", "rotate"), ("revoke", "revoke"), ("rotate", "revoke")])
def test_two_processes_race_over_one_key(office: Office, tmp_path: Path, acts: tuple[str, str]) -> None:
    """Of two rotations one wins; two revocations are one; a revoked key is never left good by a race."""
    control = office.control
    with child(RACER, tmp_path) as one, child(RACER, tmp_path) as two:
        assert [tell(one), tell(two)] == ["ready", "ready"]
        for made in range(1, 16):
            key_id = office.desk.create_key("acme", actor="cli:ann").id
            entries = control.head().seq
            for process, act in zip((one, two), acts, strict=True):
                assert process.stdin is not None
                process.stdin.write(f"{act} {key_id}\n")
                process.stdin.flush()
            words = [tell(one).split()[0], tell(two).split()[0]]
            old = control.snapshot().keys[key_id].view
            written = control.head().seq - entries
            if acts == ("rotate", "rotate"):
                assert sorted(words) == ["account.invalid", "won"]
                assert (written, old.expires_at) == (1, NOW + 60)
                assert control.key(old.replaced_by) is not None
                assert len(control.snapshot().keys) == made * 2
            elif acts == ("revoke", "revoke"):
                assert (words, written, old.state) == (["won", "won"], 1, KeyState.REVOKED)
            else:
                assert old.state is KeyState.REVOKED
                assert written == words.count("won")
                assert bool(old.replaced_by) == (words[0] == "won")
    assert first_break(control.audit(), last=control.head()) is None


def test_a_full_disk_refuses_changes_and_keeps_what_there_is(office: Office) -> None:
    """Unavailable, nothing half-written, snapshots go on; with room again, changes do too."""
    control = office.control
    assert isinstance(control, SqliteControl)
    pages = control._desk.execute("PRAGMA page_count").fetchone()[0]
    control._desk.execute(f"PRAGMA max_page_count = {pages}")
    written = 0
    with pytest.raises(Unavailable, match="full"):  # noqa: PT012 - some changes still fit into the last pages
        for _ in range(200):
            office.desk.create_key("acme", name="n" * 100, actor="cli:ann")
            written += 1
    assert len(control.snapshot().keys) == len(control.keys()) == written
    assert control.snapshot().epoch == control.head().seq + 1 == written + 2
    assert first_break(control.audit(), last=control.head()) is None
    control._desk.execute("PRAGMA max_page_count = 100000")
    key = office.desk.create_key("acme", actor="cli:ann")
    assert key.id in control.snapshot().keys


FULL = (
    PRELUDE
    + """
import resource
from mattegate.ledger.protocols import Unavailable
from mattegate.ledger import wal_index
from mattegate.ledger.wal_index import WalIndex
size = (pathlib.Path(sys.argv[1]) / 'control.db-wal').stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 40_000, resource.RLIM_INFINITY))
made = []
try:
    while len(made) < 500:
        made.append(desk.create_key('acme', actor='cli:bob').id)
except Unavailable as error:
    print(error.dependency, len(made), len(control.snapshot().keys), flush=True)
"""
)


def test_a_file_that_may_not_grow_is_unavailable_too(office: Office, tmp_path: Path) -> None:
    """The operating system's own refusal, in a process of its own: every acknowledged key is there for all others."""
    with child(FULL, tmp_path) as other:
        dependency, made, seen = other.communicate(timeout=60)[0].split()
    assert (dependency, seen) == ("control", made)
    assert 0 < int(made) < 500
    assert len(office.control.snapshot().keys) == int(made)
    assert first_break(office.control.audit(), last=office.control.head()) is None


def test_threads_may_share_it(office: Office) -> None:
    """Readers in one thread see each key at once that writers in others make, and no error comes of it."""
    stop, problems = threading.Event(), []

    def look() -> None:
        epoch = 0
        while not stop.is_set():
            now = office.control.snapshot().epoch
            if now < epoch:
                problems.append((epoch, now))
            epoch = now

    def write(number: int) -> None:
        for _ in range(15):
            key = office.desk.create_key("acme", name=f"t{number}", actor="cli:ann")
            if key.id not in office.control.snapshot().keys or office.control.key(key.id) is None:
                problems.append((number, 0))

    watcher = threading.Thread(target=look)
    watcher.start()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    stop.set()
    watcher.join(30)
    assert problems == []
    assert len(office.control.snapshot().keys) == 60
    assert first_break(office.control.audit(), last=office.control.head()) is None


def test_many_processes_may_make_the_same_new_store(tmp_path: Path) -> None:
    """The first start and the first command may come at once."""
    program = "import sys\nsys.stdin.readline()\n" + PRELUDE + "print(control.snapshot().epoch, flush=True)"
    children = [child(program, tmp_path / "new") for _ in range(4)]
    processes = [one.__enter__() for one in children]
    try:
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        assert [tell(process) for process in processes] == ["1"] * 4
    finally:
        for one in children:
            one.__exit__(None, None, None)


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    """The refusal says which schema it has and which are known."""
    SqliteControl(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as raw:
        raw.execute("PRAGMA user_version = 7")
    raw.close()
    with pytest.raises(Refusal) as refused:
        SqliteControl(tmp_path)
    assert refused.value.reason.code == "home.newer"
    assert refused.value.facts == {"file": FILE, "found": 7, "known": 2}


def test_rubbish_in_the_place_of_the_file_is_unavailable(tmp_path: Path) -> None:
    """So is a folder; nothing is overwritten."""
    (tmp_path / FILE).write_bytes(b"rubbish" * 1000)
    with pytest.raises(Unavailable, match="not a database"):
        SqliteControl(tmp_path)
    assert (tmp_path / FILE).read_bytes() == b"rubbish" * 1000
    (tmp_path / "sub" / FILE).mkdir(parents=True)
    with pytest.raises(Unavailable):
        SqliteControl(tmp_path / "sub")


def test_a_row_that_cannot_be_read_is_unavailable(office: Office, tmp_path: Path) -> None:
    """Not a server error and not a key that silently has no restrictions."""
    office.desk.create_key("acme", addresses=["203.0.113.0/24"], actor="cli:ann")
    raw = sqlite3.connect(tmp_path / FILE)
    with raw:
        raw.execute("UPDATE keys SET addresses = '[', changed = 99")
        raw.execute("UPDATE epoch SET value = 99")
    raw.close()
    for _ in range(2):
        with pytest.raises(Unavailable, match="cannot be read"):
            office.control.snapshot()
    with pytest.raises(Unavailable, match="cannot be read"):
        office.control.keys()


def test_a_closed_store_is_unavailable(tmp_path: Path) -> None:
    """It does not answer from memory what may no longer be so."""
    control = SqliteControl(tmp_path)
    control.close()
    for ask in (control.snapshot, control.keys, control.head, Office(control).desk.has_admin):
        with pytest.raises(Unavailable):
            ask()


def test_the_audit_log_cannot_be_changed_by_accident_and_shows_when_it_was(office: Office, tmp_path: Path) -> None:
    """The table refuses; who takes the guard away is found by the chain."""
    for number in range(5):
        office.desk.create_key("acme", name=str(number), actor="cli:ann")
    raw = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    try:
        for statement in ("DELETE FROM audit", "UPDATE audit SET actor = 'cli:eve'"):
            with pytest.raises(sqlite3.IntegrityError, match="audit entries stay"):
                raw.execute(statement)
        raw.execute("DROP TRIGGER audit_stays")
        raw.execute("DELETE FROM audit WHERE seq = 6")
        assert first_break(office.control.audit(), last=office.control.head()) == 6
        raw.execute("DROP TRIGGER audit_is_fixed")
        raw.execute("UPDATE audit SET actor = 'cli:eve' WHERE seq = 3")
        assert first_break(office.control.audit(), last=office.control.head()) == 3
    finally:
        raw.close()


def test_the_audit_log_is_read_a_page_at_a_time(office: Office) -> None:
    """More entries than a page, without a gap, while others are written."""
    control = office.control
    assert isinstance(control, SqliteControl)
    control._desk.execute("PRAGMA synchronous = OFF")  # the disk is not what is tested
    for _ in range(600):
        office.desk.create_key("acme", actor="cli:ann")
    entries = control.audit()
    first = next(entries)
    office.desk.create_key("acme", actor="cli:ann")
    assert [first.seq, *(entry.seq for entry in entries)] == list(range(1, 603))


def test_files_are_for_the_owner_alone(office: Office, tmp_path: Path) -> None:
    """The database and what SQLite keeps beside it."""
    office.desk.create_key("acme", actor="cli:ann")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {FILE: 0o600, f"{FILE}-wal": 0o600, f"{FILE}-shm": 0o600}


def test_a_committed_change_is_synced(control: SqliteControl) -> None:
    """Both connections are in WAL mode with full synchronisation, and check foreign keys."""
    for connection in (control._desk, control._watch._connection):
        found = [
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
        assert found == ["wal", 2, 1]
