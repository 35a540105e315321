"""Backups of a running home into one file, and back into an empty home.

A backup is a tar file: ``manifest.json`` with size and SHA-256 of every other member, the databases (each one copied by
SQLite's own backup, so that it is a state that existed, and checked), the spool, and the secrets if asked for. The
spool is copied before the databases: what is imported in between is then in both, and importing it again does nothing.
``control.db`` comes last, so that it knows every key that the others name. The hashes tell damage, not forgery.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import quote

from mattegate.ledger.connection import BUSY_MS, answering
from mattegate.ledger.control_sqlite import FILE
from mattegate.ledger.home_lock import lock_home
from mattegate.vocabulary.refusal import Refusal

MANIFEST: Final = "manifest.json"
FORMAT: Final = 1

_ROOMS: Final = ("ledger", "secrets")
_LEFT_OUT: Final = ("-wal", "-shm", "-journal", ".lock")
_MANIFEST_MAX: Final = 16_000_000
_CHUNK: Final = 1 << 20
STAGE: Final = ".backup-"
"""How the folders begin that a backup is made in."""
_DAMAGED: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


@dataclass(frozen=True, slots=True)
class Copied:
    """One file of a backup."""

    path: str
    """Inside the home, with ``/``."""
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds."""

    at: float
    files: tuple[Copied, ...]

    @property
    def holds_secrets(self) -> bool:
        """Whether peppers are among the files: whoever has it can try keys against the database."""
        return any(file.path.startswith("secrets/") for file in self.files)


def back_up(home: Path, target: Path, *, at: float, secrets: bool = False) -> Manifest:
    """Copy the ledger of ``home`` (and its secrets) to the new file ``target``, mode 0600, while a server may run.

    Needs room for the databases twice beside ``target`` while it works. Raises :class:`Refusal` ``backup.exists``,
    ``backup.nothing`` (no ledger) and ``backup.unsound`` (a database is damaged), and ``Unavailable``; no file is left
    behind then.
    """
    if target.exists():
        raise Refusal("backup.exists", path=str(target))
    if not (home / "ledger").is_dir():
        raise Refusal("backup.nothing", home=str(home))
    with answering("ledger"), _staging(target.parent) as stage:
        _copy_files(home / "ledger", stage / "ledger")
        for database in _databases(home / "ledger"):
            _copy_database(database, stage / "ledger" / database.name)
        if secrets:
            _copy_files(home / "secrets", stage / "secrets")
        manifest = Manifest(at, tuple(_described(stage)))
        _write_archive(stage, manifest, target)
    return manifest


def restore(archive: Path, home: Path) -> Manifest:
    """Put a backup into a home that holds no ledger yet (nor secrets, if the backup brings some).

    Everything is unpacked beside its place, compared with the manifest and checked by SQLite first; then it is moved.
    Raises :class:`Refusal` ``backup.not_empty``, ``backup.damaged`` and ``admin.conflict``, and ``Unavailable``.
    """
    if not archive.is_file():
        raise _damaged(archive, "there is no such file")
    with answering("ledger"), lock_home(home), _staging(home) as stage:
        _require_empty(home, "ledger")
        manifest = _unpack(archive, stage)
        rooms = [room for room in _ROOMS if (stage / room).exists()]
        for room in rooms:
            _require_empty(home, room)
        for database in _databases(stage / "ledger"):
            if problem := _problem(database):
                raise _damaged(archive, f"{database.name}: {problem}")
        for room in reversed(rooms):  # the secrets first: keys without their pepper would all look unknown
            (stage / room).replace(home / room)
        _sync_directory(home)
    return manifest


# --- making one ---------------------------------------------------------------------------------------------


def _databases(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.db"), key=lambda path: (path.name == FILE, path.name))


def _copy_files(source: Path, target: Path) -> None:
    """Everything but databases and what belongs to open ones."""
    target.mkdir(mode=0o700)
    for path in sorted(source.rglob("*")):
        if path.is_symlink() or not path.is_file() or path.suffix == ".db" or path.name.endswith(_LEFT_OUT):
            continue
        copy = target / path.relative_to(source)
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # imported and gone meanwhile: the database has it
            shutil.copyfile(path, copy)


def _copy_database(source: Path, target: Path) -> None:
    try:
        with contextlib.closing(_open(source)) as live, contextlib.closing(sqlite3.connect(target)) as copy:
            live.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, nothing beside it
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF in _DAMAGED:
            raise Refusal("backup.unsound", file=source.name, problem=str(error)) from error
        raise
    if problem := _problem(target):
        raise Refusal("backup.unsound", file=source.name, problem=problem)


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=BUSY_MS / 1000)


def _problem(database: Path) -> str:
    """What SQLite finds wrong with a database; empty for a sound one."""
    try:
        with contextlib.closing(_open(database)) as connection:
            answer = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
            orphan = connection.execute("PRAGMA foreign_key_check").fetchone()
    except sqlite3.DatabaseError as error:
        return str(error)
    if answer != "ok":
        return answer
    return f"a row of {orphan[0]} belongs to nothing" if orphan else ""


def _described(stage: Path) -> Iterator[Copied]:
    for path in sorted(stage.rglob("*")):
        if path.is_file():
            yield Copied(path.relative_to(stage).as_posix(), path.stat().st_size, _sha256(path))


def _write_archive(stage: Path, manifest: Manifest, target: Path) -> None:
    unfinished = stage / "archive.tar"
    (stage / MANIFEST).write_text(json.dumps({"format": FORMAT, **asdict(manifest)}, indent=1))
    with tarfile.open(unfinished, "w", format=tarfile.PAX_FORMAT) as tar:
        for name in (MANIFEST, *(file.path for file in manifest.files)):
            tar.add(stage / name, name, recursive=False, filter=_plain)
    _sync(unfinished)
    unfinished.rename(target)
    _sync_directory(target.parent)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


# --- reading one --------------------------------------------------------------------------------------------


def _damaged(archive: Path, problem: str) -> Refusal:
    return Refusal("backup.damaged", path=str(archive), problem=problem)


def _unpack(archive: Path, stage: Path) -> Manifest:
    try:
        with tarfile.open(archive, "r:") as tar:
            members = {member.name: member for member in tar.getmembers()}
            manifest = _read_manifest(tar, members)
            if sorted(tar.getnames()) != sorted([MANIFEST, *(file.path for file in manifest.files)]):
                raise _damaged(archive, "its members are not those that its manifest lists")
            for file in manifest.files:
                _unpack_file(tar, members[file.path], file, stage)
    except (tarfile.TarError, EOFError, ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise _damaged(archive, str(error) or type(error).__name__) from error
    for directory in (path for path in stage.rglob("*") if path.is_dir()):
        directory.chmod(0o700)
    for file in manifest.files:
        if _sha256(stage / file.path) != file.sha256:
            raise _damaged(archive, f"{file.path} is not what was backed up")
    return manifest


def _read_manifest(tar: tarfile.TarFile, members: dict[str, tarfile.TarInfo]) -> Manifest:
    """Raises ``KeyError``, ``TypeError`` and ``ValueError`` for anything that this version did not write."""
    member = members[MANIFEST]
    content = tar.extractfile(member) if member.isreg() and member.size <= _MANIFEST_MAX else None
    if content is None:
        raise ValueError("it has no manifest")
    told = json.loads(content.read())
    if told["format"] != FORMAT:
        raise ValueError(f"it has format {told['format']}, this version knows {FORMAT}")
    files = tuple(Copied(**file) for file in told["files"])
    for file in files:
        parts = PurePosixPath(file.path).parts
        if len(parts) < 2 or parts[0] not in _ROOMS or ".." in parts or "/".join(parts) != file.path:
            raise ValueError(f"it holds a file for another place: {file.path!r}")
    return Manifest(float(told["at"]), files)


def _unpack_file(tar: tarfile.TarFile, member: tarfile.TarInfo, file: Copied, stage: Path) -> None:
    content = tar.extractfile(member) if member.isreg() and member.size == file.bytes else None
    if content is None:
        raise ValueError(f"{file.path} is not the file that the manifest lists")
    path = stage / file.path
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        shutil.copyfileobj(content, out, _CHUNK)
        out.flush()
        os.fsync(out.fileno())


def _require_empty(home: Path, room: str) -> None:
    there = home / room
    if there.exists() and any(there.iterdir()):
        raise Refusal("backup.not_empty", home=str(home), found=room)


# --- files --------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _staging(directory: Path) -> Iterator[Path]:
    """A folder for the owner alone, on the same file system, that goes away whatever happens."""
    with tempfile.TemporaryDirectory(prefix=STAGE, dir=directory) as stage:
        yield Path(stage)


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _sync(path: Path) -> None:
    path.chmod(0o600)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
