"""The secrets of an installation: read at start, made once, never shown.

Rules of this file:

1. A secret is 32 random bytes, written as 64 hex digits. Peppers lie in ``pepper-1``, ``pepper-2`` …, the keys that
   signing secrets are sealed with in ``kek-1`` …, those that tokens are signed with in ``token-1`` …, the key of sealed
   request ids in ``seal``.
2. The folder belongs to the server's user alone (0700), so do the files (0600), and neither is a link: what others can
   read is not used, what others could have put there is not trusted.
3. Versioned secrets may also come from the environment: peppers from ``MATTEGATE_PEPPER`` or from the file that
   ``MATTEGATE_PEPPER_FILE`` names, the others from ``MATTEGATE_KEK`` and ``MATTEGATE_TOKEN_SEED`` in the same way: one
   secret (version 1), or ``1:HEX,2:HEX``. That file may be a link, and readable for the group where another user (root)
   gave it, since this is how orchestrators mount secrets.
4. What is missing is never made in passing: with a new pepper every key that was given out would be unknown.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final

from mattegate.config.load import ConfigurationError, Fault
from mattegate.vocabulary.secrets import (
    SECRET_BYTES,
    KeyEncryptionKeys,
    Peppers,
    TokenSeeds,
    VersionedSecret,
    VersionedSecrets,
)


class Purpose(StrEnum):
    """What a versioned secret is for; its file's name begins with this."""

    PEPPER = "pepper"
    KEK = "kek"
    TOKEN = "token"  # noqa: S105 - a name

    @property
    def variable(self) -> str:
        """The environment variable that may hold it; the one that names a file of it ends in ``_FILE``."""
        return _VARIABLES[self]

    @property
    def variables(self) -> frozenset[str]:
        """Both of its environment variables."""
        return frozenset({self.variable, f"{self.variable}_FILE"})

    @property
    def loss(self) -> str:
        """What cannot be done without it."""
        return _LOSSES[self]


_VARIABLES: Final = {
    Purpose.PEPPER: "MATTEGATE_PEPPER",
    Purpose.KEK: "MATTEGATE_KEK",
    Purpose.TOKEN: "MATTEGATE_TOKEN_SEED",
}
_LOSSES: Final = {
    Purpose.PEPPER: "without it no API key can be checked",
    Purpose.KEK: "without it no signature can be checked",
    Purpose.TOKEN: "without it no token of this server can be checked",
}

VARIABLES: Final = frozenset[str]().union(*(purpose.variables for purpose in Purpose))
"""The environment variables that hold or name secrets; processes that need none should not inherit them."""

_SEAL: Final = "seal"
_NAME: Final = re.compile(rf"({'|'.join(Purpose)})-([1-9][0-9]{{0,3}})")
_HEX: Final = re.compile(rf"[0-9A-Fa-f]{{{2 * SECRET_BYTES}}}")
_NUMBERED: Final = re.compile(r"([1-9][0-9]{0,3}):(.*)", re.DOTALL)
_LONGEST: Final = 65_536
_DIFFERENT_BYTES: Final = 12
"""Fewer different bytes among 32 random ones come about once in 10^14; a placeholder has one or a few."""
_OTHERS: Final = 0o077
_NO_ENVIRONMENT: Final[Mapping[str, str]] = MappingProxyType({})
_GONE: Final = "it is missing; put it back from the backup of the secrets"


@dataclass(frozen=True, slots=True)
class Secrets:
    """Everything that must stay unknown outside."""

    peppers: Peppers
    seal_key: bytes = field(repr=False)
    """Seals request ids; 32 bytes."""
    keks: KeyEncryptionKeys
    token_seeds: TokenSeeds

    def of(self, purpose: Purpose) -> VersionedSecrets:
        """The secrets for one purpose."""
        return {Purpose.PEPPER: self.peppers, Purpose.KEK: self.keks, Purpose.TOKEN: self.token_seeds}[purpose]


class _Unusable(Exception):  # noqa: N818 - becomes a fault, with its place
    """Why a file or a value cannot be used; never holds any of it."""


def load_secrets(directory: Path, environ: Mapping[str, str] = _NO_ENVIRONMENT) -> Secrets:
    """Read every secret.

    Raises :class:`ConfigurationError` with all faults: what is missing, malformed, or open to others.
    """
    faults: list[Fault] = []
    with _folder(directory, faults) as folder:
        seal = _kept(directory, folder, _SEAL, faults)
        found = {purpose: _versioned(purpose, directory, folder, environ, faults) for purpose in Purpose}
    if faults or seal is None:
        raise ConfigurationError(faults)
    sets = {purpose: VersionedSecrets(tuple(versions)) for purpose, versions in found.items()}
    return Secrets(sets[Purpose.PEPPER], seal, sets[Purpose.KEK], sets[Purpose.TOKEN])


def create_secrets(
    directory: Path, environ: Mapping[str, str] = _NO_ENVIRONMENT, *, purposes: Collection[Purpose] = tuple(Purpose)
) -> tuple[Path, ...]:
    """Make what is missing, on disk before it returns, and tell which files are new.

    A versioned secret is made only where there is none at all, neither here nor in ``environ``, and only for
    ``purposes``. Whether it may be made is the caller's to know: only as long as no ledger rests on the one that is
    missing. Several processes may do this at once.

    Raises :class:`ConfigurationError`.
    """
    with _told(directory):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _sole(directory) as folder:
        wanted = [] if _SEAL in _names(folder) else [_SEAL]
        wanted += [
            f"{purpose}-1"
            for purpose in purposes
            if not _versions(purpose, folder) and not purpose.variables & environ.keys()
        ]
        for name in wanted:
            _write(directory, folder, name)
    return tuple(directory / name for name in wanted)


def rotate_secret(directory: Path, purpose: Purpose) -> int:
    """Add the next version, which whatever is new rests on from then on; the others go on serving. Returns it.

    Raises :class:`ConfigurationError`, also where no version lies in the folder.
    """
    with _sole(directory) as folder:
        versions = _versions(purpose, folder)
        if not versions:
            problem = (
                f"there is none to rotate here; one that comes from {purpose.variable} is rotated there: 1:HEX,2:HEX"
            )
            raise ConfigurationError([Fault(purpose, str(directory), problem)])
        _write(directory, folder, f"{purpose}-{versions[-1] + 1}")
    return versions[-1] + 1


# --- the folder ---------------------------------------------------------------------------------------------


@contextmanager
def _folder(directory: Path, faults: list[Fault]) -> Iterator[int | None]:
    """The folder as a descriptor, so that nothing can be put in its place; ``None`` after a fault."""
    try:
        folder = _open_folder(directory)
    except _Unusable as problem:
        faults.append(Fault("secrets", str(directory), str(problem)))
        yield None
        return
    try:
        yield folder
    finally:
        os.close(folder)


@contextmanager
def _sole(directory: Path) -> Iterator[int]:
    """The folder while no other process makes secrets in it."""
    faults: list[Fault] = []
    with _folder(directory, faults) as folder:
        if folder is None:
            raise ConfigurationError(faults)
        with _told(directory):
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield folder


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Tell what the system refuses as a fault of ``path``."""
    try:
        yield
    except OSError as error:
        raise ConfigurationError([Fault("secrets", str(path), f"{_why(error)}; nothing was changed")]) from None


def _open_folder(directory: Path) -> int:
    try:
        folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise _Unusable("the folder of the secrets is missing; put it back from the backup of the secrets") from None
    except OSError as error:
        kind = "it is a link, and a link is not trusted" if directory.is_symlink() else _why(error)
        raise _Unusable(f"{kind}; it must be a folder of this user's own") from None
    try:
        _private(os.fstat(folder), "chmod 700")
    except _Unusable:
        os.close(folder)
        raise
    return folder


def _names(folder: int) -> frozenset[str]:
    return frozenset(os.listdir(folder))


def _versions(purpose: Purpose, folder: int) -> list[int]:
    names = (_NAME.fullmatch(name) for name in _names(folder))
    return sorted(int(name[2]) for name in names if name and name[1] == purpose)


# --- reading ------------------------------------------------------------------------------------------------


def _versioned(
    purpose: Purpose, directory: Path, folder: int | None, environ: Mapping[str, str], faults: list[Fault]
) -> list[VersionedSecret]:
    """Every version of one purpose, from both sources."""
    before = len(faults)
    given = _from_environment(purpose, environ, faults)
    versions = _versions(purpose, folder) if folder is not None else []
    read = {version: _kept(directory, folder, f"{purpose}-{version}", faults) for version in versions}
    kept = {version: secret for version, secret in read.items() if secret is not None}
    found = _joined(purpose, kept, given, faults)
    if not found and len(faults) == before and folder is not None:
        faults.append(Fault(purpose, str(directory / f"{purpose}-1"), f"{_GONE}: {purpose.loss}"))
    return [VersionedSecret(version, found[version]) for version in sorted(found)]


def _kept(directory: Path, folder: int | None, name: str, faults: list[Fault]) -> bytes | None:
    """One secret of the folder; ``None`` after a fault."""
    if folder is None:
        return None
    try:
        return _secret(_read(name, folder))
    except _Unusable as problem:
        faults.append(Fault(name, str(directory / name), str(problem)))
        return None


def _read(name: str, folder: int) -> str:
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        raise _Unusable(_GONE) from None
    except OSError as error:
        is_link = error.errno == errno.ELOOP  # open(2), O_NOFOLLOW
        raise _Unusable("it is a link, and a link is not trusted" if is_link else _why(error)) from None
    return _content(file, lambda status: _private(status, "chmod 600"))


def _content(file: int, judge: Callable[[os.stat_result], None]) -> str:
    """What an open file holds, if it is one and ``judge`` has nothing against it; it is closed either way."""
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise _Unusable("it is no ordinary file")
        judge(status)
        return os.read(file, _LONGEST).decode("ascii", "replace").strip()
    except OSError as error:
        raise _Unusable(_why(error)) from None
    finally:
        os.close(file)


def _private(status: os.stat_result, remedy: str) -> None:
    if status.st_uid != os.geteuid():
        raise _Unusable(f"it belongs to user {status.st_uid}, but the server runs as {os.geteuid()}; chown it")
    if status.st_mode & _OTHERS:
        raise _Unusable(f"other users can get at it (mode {stat.S_IMODE(status.st_mode):04o}); {remedy}")


def _secret(text: str) -> bytes:
    if not _HEX.fullmatch(text):
        raise _Unusable(f"it must hold {2 * SECRET_BYTES} hex digits and nothing else; it holds {len(text)} characters")
    secret = bytes.fromhex(text)
    if len(set(secret)) < _DIFFERENT_BYTES:
        raise _Unusable(f"it is not random; make one with: openssl rand -hex {SECRET_BYTES}")
    return secret


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


# --- the environment ----------------------------------------------------------------------------------------


def _from_environment(
    purpose: Purpose, environ: Mapping[str, str], faults: list[Fault]
) -> dict[int, tuple[str, bytes]]:
    """Where each version comes from, and its secret."""
    origins = sorted(purpose.variables & environ.keys())
    if len(origins) > 1:
        faults.append(Fault(purpose, " and ".join(origins), "both are set; unset one of them"))
        return {}
    try:
        given = {name: _given(purpose, name, environ[name]) for name in origins}
    except _Unusable as problem:
        faults.append(Fault(purpose, origins[0], str(problem)))
        return {}
    return {version: (name, secret) for name, versions in given.items() for version, secret in versions.items()}


def _given(purpose: Purpose, name: str, value: str) -> dict[int, bytes]:
    text = value.strip() if name == purpose.variable else _read_named(Path(value))
    versions: dict[int, bytes] = {}
    for part in text.replace(",", " ").split() or [""]:
        numbered = _NUMBERED.fullmatch(part)
        version = int(numbered[1]) if numbered else 1
        if version in versions:
            raise _Unusable(f"it gives {purpose} {version} twice; write 1:HEX,2:HEX")
        versions[version] = _secret(numbered[2] if numbered else part)
    return versions


def _read_named(path: Path) -> str:
    """The file that the operator named; a link is followed, since the operator chose it."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _Unusable(f"{path}: {_why(error)}") from None
    return _content(file, _mounted)


def _mounted(status: os.stat_result) -> None:
    open_to = _OTHERS if status.st_uid == os.geteuid() else _OTHERS & ~stat.S_IRGRP
    if status.st_mode & open_to:
        mode = stat.S_IMODE(status.st_mode)
        raise _Unusable(f"other users can get at the file (mode {mode:04o}); mount it with mode 0400")


def _joined(
    purpose: Purpose, kept: Mapping[int, bytes], given: Mapping[int, tuple[str, bytes]], faults: list[Fault]
) -> dict[int, bytes]:
    """Both sources together; they may not differ on one version, since something rests on one of the two."""
    for version, (origin, secret) in given.items():
        if kept.get(version, secret) != secret:
            problem = f"it gives another {purpose} {version} than the file {purpose}-{version}; only one can be right"
            faults.append(Fault(purpose, origin, problem))
    return {**kept, **{version: secret for version, (_, secret) in given.items()}}


# --- writing ------------------------------------------------------------------------------------------------


def _write(directory: Path, folder: int, name: str) -> None:
    """One new secret: whole or not at all, and on disk. The folder is locked, so a leftover is nobody's."""
    draft = f".{name}.new"
    with _told(directory / name):
        if draft in _names(folder):
            os.unlink(draft, dir_fd=folder)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(draft, flags, 0o600, dir_fd=folder), "w", encoding="ascii") as file:
            os.fchmod(file.fileno(), 0o600)  # whatever the umask left
            file.write(secrets.token_hex(SECRET_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)
