"""A home goes into one file while it is used, and comes back whole or not at all."""

from __future__ import annotations

import io
import json
import random
import sqlite3
import stat
import tarfile
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from mattegate.ledger.audit import first_break
from mattegate.ledger.backup import MANIFEST, back_up, restore
from mattegate.ledger.control_sqlite import SqliteControl
from mattegate.ledger.home_lock import lock_home
from mattegate.ledger.protocols import Unavailable
from mattegate.vocabulary.facts import KeyState
from mattegate.vocabulary.refusal import Refusal
from tests.ledger.control_support import NOW, Office, child

CLI = "cli:ann"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a key, a revoked key, another database, a spool with a torn tail, and a secret."""
    home = tmp_path / "home"
    control = SqliteControl(home / "ledger")
    desk = Office(control).desk
    desk.create_identity("acme", tier="free", actor=CLI)
    desk.create_key("acme", name="good", actor=CLI)
    desk.revoke_key(desk.create_key("acme", name="gone", actor=CLI).id, actor=CLI)
    control.close()
    with closing(sqlite3.connect(home / "ledger" / "usage.db")) as usage, usage:
        usage.execute("CREATE TABLE usage (n INTEGER)")
        usage.execute("INSERT INTO usage VALUES (42)")
    (home / "ledger" / "spool").mkdir()
    (home / "ledger" / "spool" / "1.spool").write_bytes(b"whole\nto")
    (home / "secrets").mkdir(mode=0o700)
    (home / "secrets" / "pepper").write_bytes(b"s" * 32)
    (home / "models").mkdir()
    (home / "models" / "u2netp.onnx").write_bytes(b"weights")
    return home


def refusal_of(act: Callable[[], object]) -> str:
    """The code of the refusal."""
    with pytest.raises(Refusal) as refused:
        act()
    assert refused.value.detail
    assert refused.value.operator_detail
    return refused.value.reason.code


def members(archive: Path) -> dict[str, bytes]:
    """Every member with its content."""
    with tarfile.open(archive) as tar:
        return {member.name: (tar.extractfile(member) or io.BytesIO()).read() for member in tar}


def write(archive: Path, contents: dict[str, bytes], **member: Any) -> None:
    """A tar file of these members, the last of them with other properties."""
    with tarfile.open(archive, "w") as tar:
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            if member and name == list(contents)[-1]:
                for key, value in member.items():
                    setattr(info, key, value)
            tar.addfile(info, io.BytesIO(content))


def test_there_and_back(home: Path, tmp_path: Path) -> None:
    """Keys with their states, the chain, the other database and the spool; neither models nor secrets."""
    archive, new = tmp_path / "b.tar", tmp_path / "new"
    made = back_up(home, archive, at=NOW)
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    assert [file.path for file in made.files] == ["ledger/control.db", "ledger/spool/1.spool", "ledger/usage.db"]
    assert not made.holds_secrets
    assert b"s" * 32 not in archive.read_bytes()
    (new / "models").mkdir(parents=True)  # weights may lie there already
    assert restore(archive, new) == made
    control = SqliteControl(new / "ledger")
    states = {key.view.name: key.view.state for key in control.snapshot().keys.values()}
    assert states == {"good": KeyState.ACTIVE, "gone": KeyState.REVOKED}
    assert first_break(control.audit(), last=control.head()) is None
    control.close()
    with closing(sqlite3.connect(new / "ledger" / "usage.db")) as usage:
        assert usage.execute("SELECT n FROM usage").fetchall() == [(42,)]
    assert (new / "ledger" / "spool" / "1.spool").read_bytes() == b"whole\nto"
    assert not (new / "secrets").exists()
    assert {stat.S_IMODE(path.stat().st_mode) for path in (new / "ledger").rglob("*") if path.is_dir()} == {0o700}
    assert stat.S_IMODE((new / "ledger" / "usage.db").stat().st_mode) == 0o600
    assert sorted(path.name for path in new.iterdir()) == ["gate.lock", "ledger", "models"]


def test_secrets_come_along_only_when_asked_for(home: Path, tmp_path: Path) -> None:
    """And are put back for their owner alone."""
    made = back_up(home, tmp_path / "b.tar", at=NOW, secrets=True)
    assert made.holds_secrets
    restore(tmp_path / "b.tar", tmp_path / "new")
    secret = tmp_path / "new" / "secrets" / "pepper"
    assert (secret.read_bytes(), stat.S_IMODE(secret.stat().st_mode)) == (b"s" * 32, 0o600)


BUSY = """
import sys, pathlib
from mattegate.ledger.control_sqlite import SqliteControl
from tests.ledger.control_support import Office
desk = Office(SqliteControl(pathlib.Path(sys.argv[1]))).desk
while True:
    print(desk.create_key('acme', actor='cli:busy').id, flush=True)
"""


def test_a_backup_of_a_busy_home_is_a_state_that_existed(home: Path, tmp_path: Path) -> None:
    """While another process writes: every key acknowledged before is in it, and its chain is whole."""
    with child(BUSY, home / "ledger") as busy:
        assert busy.stdout is not None
        for number in range(3):
            known = [busy.stdout.readline().strip() for _ in range(20)]
            archive, new = tmp_path / f"{number}.tar", tmp_path / f"new{number}"
            back_up(home, archive, at=NOW)
            restore(archive, new)
            control = SqliteControl(new / "ledger")
            assert set(known) <= set(control.snapshot().keys)
            assert first_break(control.audit(), last=control.head()) is None
            assert control.snapshot().epoch == control.head().seq + 1
            control.close()


def test_a_backup_never_replaces_a_file(home: Path, tmp_path: Path) -> None:
    """The file that is there stays as it is."""
    (tmp_path / "b.tar").write_bytes(b"precious")
    assert refusal_of(lambda: back_up(home, tmp_path / "b.tar", at=NOW)) == "backup.exists"
    assert (tmp_path / "b.tar").read_bytes() == b"precious"


def test_a_damaged_database_is_told_instead_of_backed_up(home: Path, tmp_path: Path) -> None:
    """No file is left behind, and neither is a folder to work in."""
    usage = home / "ledger" / "usage.db"
    for damaged in (b"not a database" * 500, usage.read_bytes()[:4096] + b"\xff" * 4096):
        usage.write_bytes(damaged)
        assert refusal_of(lambda: back_up(home, tmp_path / "b.tar", at=NOW)) == "backup.unsound"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home"]
    assert refusal_of(lambda: back_up(tmp_path / "nowhere", tmp_path / "b.tar", at=NOW)) == "backup.nothing"


def test_a_target_that_cannot_be_written_is_unavailable(home: Path, tmp_path: Path) -> None:
    """The folder is not there."""
    with pytest.raises(Unavailable):
        back_up(home, tmp_path / "no" / "b.tar", at=NOW)


@pytest.mark.parametrize("room", ["ledger", "secrets"])
def test_only_an_empty_home_is_restored_into(home: Path, tmp_path: Path, room: str) -> None:
    """What is there stays as it is."""
    back_up(home, tmp_path / "b.tar", at=NOW, secrets=True)
    new = tmp_path / "new"
    (new / room).mkdir(parents=True)
    (new / room / "mine").write_bytes(b"precious")
    assert refusal_of(lambda: restore(tmp_path / "b.tar", new)) == "backup.not_empty"
    assert (new / room / "mine").read_bytes() == b"precious"
    assert sorted(path.name for path in new.iterdir()) == sorted(["gate.lock", room])


def test_a_home_in_use_is_not_restored_into(home: Path, tmp_path: Path) -> None:
    """A gate process holds it."""
    back_up(home, tmp_path / "b.tar", at=NOW)
    with lock_home(tmp_path / "new"):
        assert refusal_of(lambda: restore(tmp_path / "b.tar", tmp_path / "new")) == "admin.conflict"


def _swap(contents: dict[str, bytes], **changed: object) -> dict[str, bytes]:
    told = json.loads(contents[MANIFEST])
    return {**contents, MANIFEST: json.dumps(told | changed).encode()}


def _aimed(contents: dict[str, bytes], path: str) -> dict[str, bytes]:
    """The spool's member under another path, in the manifest too."""
    told = json.loads(contents[MANIFEST])
    told["files"][1]["path"] = path
    rest = {path if name == "ledger/spool/1.spool" else name: content for name, content in contents.items()}
    return {**rest, MANIFEST: json.dumps(told).encode()}


DAMAGES: dict[str, Callable[[dict[str, bytes]], dict[str, bytes]]] = {
    "no manifest": lambda all_: {name: content for name, content in all_.items() if name != MANIFEST},
    "manifest is no json": lambda all_: {**all_, MANIFEST: b"{"},
    "manifest is a list": lambda all_: {**all_, MANIFEST: b"[]"},
    "manifest is deep": lambda all_: {**all_, MANIFEST: b"[" * 100_000},
    "another format": lambda all_: _swap(all_, format=2),
    "files are odd": lambda all_: _swap(all_, files=[{"path": 7, "bytes": 1, "sha256": ""}]),
    "a member less": lambda all_: {name: content for name, content in all_.items() if "usage" not in name},
    "a member more": lambda all_: {**all_, "ledger/more": b"x"},
    "a byte changed": lambda all_: {**all_, "ledger/spool/1.spool": b"whole\ntO"},
    "a byte more": lambda all_: {**all_, "ledger/spool/1.spool": b"whole\nto "},
    "outside": lambda all_: _aimed(all_, "../evil"),
    "outside from within": lambda all_: _aimed(all_, "ledger/../../evil"),
    "absolute": lambda all_: _aimed(all_, "/tmp/evil"),
    "another room": lambda all_: _aimed(all_, "models/evil"),
    "a room itself": lambda all_: _aimed(all_, "ledger"),
    "twice": lambda all_: _aimed(all_, "ledger/control.db"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_backup_that_was_changed_is_refused_before_anything_is_replaced(
    home: Path, tmp_path: Path, damage: Callable[[dict[str, bytes]], dict[str, bytes]]
) -> None:
    """The home stays empty, and nothing is written anywhere else."""
    archive, new = tmp_path / "b.tar", tmp_path / "new"
    back_up(home, archive, at=NOW)
    write(archive, damage(members(archive)))
    assert refusal_of(lambda: restore(archive, new)) == "backup.damaged"
    assert [path.name for path in new.iterdir()] == ["gate.lock"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.tar", "home", "new"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_a_member_that_is_no_file_is_refused(home: Path, tmp_path: Path, kind: bytes) -> None:
    """A link would lead elsewhere, a pipe would hang."""
    archive, new = tmp_path / "b.tar", tmp_path / "new"
    back_up(home, archive, at=NOW)
    write(archive, members(archive), type=kind, linkname="/etc/passwd", size=0)
    assert refusal_of(lambda: restore(archive, new)) == "backup.damaged"
    assert [path.name for path in new.iterdir()] == ["gate.lock"]


def test_a_backup_cut_short_anywhere_is_refused(home: Path, tmp_path: Path) -> None:
    """At the end, in the middle of a database, in the manifest, empty, and no tar at all."""
    archive, new = tmp_path / "b.tar", tmp_path / "new"
    back_up(home, archive, at=NOW)
    whole = archive.read_bytes()
    used = whole.rstrip(b"\0")
    for content in (used[: len(used) // 2], used[:-3000], whole[:600], whole[:100], b"", b"rubbish" * 999):
        archive.write_bytes(content)
        assert refusal_of(lambda: restore(archive, new)) == "backup.damaged"
        assert [path.name for path in new.iterdir()] == ["gate.lock"]


def test_a_database_that_was_broken_before_it_was_packed_is_refused(home: Path, tmp_path: Path) -> None:
    """The hashes fit, but SQLite says no."""
    archive, new = tmp_path / "b.tar", tmp_path / "new"
    back_up(home, archive, at=NOW)
    contents = members(archive)
    broken = contents["ledger/usage.db"][:4096] + b"\xff" * (len(contents["ledger/usage.db"]) - 4096)
    (tmp_path / "x").write_bytes(broken)
    told = json.loads(contents[MANIFEST])
    told["files"][2]["sha256"] = sha256(broken).hexdigest()
    write(archive, {**contents, "ledger/usage.db": broken, MANIFEST: json.dumps(told).encode()})
    assert refusal_of(lambda: restore(archive, new)) == "backup.damaged"
    assert [path.name for path in new.iterdir()] == ["gate.lock"]


def test_a_backup_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A wrong path is not a server error, and no home is made for it."""
    assert refusal_of(lambda: restore(tmp_path / "none.tar", tmp_path / "new")) == "backup.damaged"
    assert not (tmp_path / "new").exists()


def test_no_flipped_bit_gets_through(home: Path, tmp_path: Path) -> None:
    """Wherever it is: the backup is refused, or it was in a part that means nothing and all files are as they were."""
    archive = tmp_path / "b.tar"
    made = back_up(home, archive, at=NOW)
    whole, dice = archive.read_bytes(), random.Random(7)
    headers = [at for at in range(0, len(whole), 512) if whole[at + 257 : at + 262] == b"ustar"]
    for round_ in range(80):
        at = dice.choice(headers) + dice.randrange(512) if round_ % 2 else dice.randrange(len(whole))
        flipped = bytearray(whole)
        flipped[at] ^= 1 << dice.randrange(8)
        archive.write_bytes(flipped)
        new = tmp_path / str(round_)
        try:
            assert restore(archive, new).files == made.files
        except Refusal as refusal:
            assert refusal.reason.code == "backup.damaged"  # noqa: PT017 - either outcome is right
            assert [path.name for path in new.iterdir()] == ["gate.lock"]
