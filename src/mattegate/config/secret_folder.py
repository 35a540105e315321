"""The folder of the secrets: opened once and held, so that nothing can be put in its place; written by one at a time.

A new secret is there whole or not at all, and on disk before anybody rests anything on it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mattegate.config.faults import ConfigurationError, Fault
from mattegate.config.secret_purposes import Purpose
from mattegate.config.secret_reading import Unusable, content, private, why
from mattegate.vocabulary.secrets import SECRET_BYTES

_NAME: Final = re.compile(rf"({'|'.join(Purpose)})-([1-9][0-9]{{0,3}})")
GONE: Final = "it is missing; put it back from the backup of the secrets"


@dataclass(frozen=True, slots=True)
class SecretFolder:
    """The folder, open: whatever is done in it is done through its descriptor."""

    path: Path
    descriptor: int

    def names(self) -> frozenset[str]:
        """What lies in it."""
        return frozenset(os.listdir(self.descriptor))  # noqa: PTH208 - a path cannot hold on to it

    def versions(self, purpose: Purpose) -> list[int]:
        """The versions of one secret, in their order."""
        found = (_NAME.fullmatch(name) for name in self.names())
        return sorted(int(name[2]) for name in found if name and name[1] == purpose)

    def read(self, name: str) -> str:
        """What a file holds, unless others can get at it. Raises :class:`Unusable`."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            file = os.open(name, flags, dir_fd=self.descriptor)
        except FileNotFoundError:
            raise Unusable(GONE) from None
        except OSError as error:
            is_link = error.errno == errno.ELOOP  # open(2), O_NOFOLLOW
            raise Unusable("it is a link, and a link is not trusted" if is_link else why(error)) from None
        return content(file, lambda status: private(status, "chmod 600"))

    def write(self, name: str) -> None:
        """One new secret: whole or not at all, and on disk. The folder is locked, so a leftover is nobody's.

        Raises :class:`ConfigurationError`.
        """
        draft, folder = f".{name}.new", self.descriptor
        with told(self.path / name):
            if draft in self.names():
                os.unlink(draft, dir_fd=folder)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(draft, flags, 0o600, dir_fd=folder), "w", encoding="ascii") as file:
                os.fchmod(file.fileno(), 0o600)  # whatever the umask left
                file.write(secrets.token_hex(SECRET_BYTES) + "\n")
                file.flush()
                os.fsync(file.fileno())
            os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)


@contextmanager
def opened(directory: Path, faults: list[Fault]) -> Iterator[SecretFolder | None]:
    """The folder as long as the block lasts; ``None`` after a fault."""
    try:
        descriptor = _descriptor(directory)
    except Unusable as problem:
        faults.append(Fault("secrets", str(directory), str(problem)))
        yield None
        return
    try:
        yield SecretFolder(directory, descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def alone(directory: Path) -> Iterator[SecretFolder]:
    """The folder while no other process makes secrets in it. Raises :class:`ConfigurationError`."""
    faults: list[Fault] = []
    with opened(directory, faults) as folder:
        if folder is None:
            raise ConfigurationError(faults)
        with told(directory):
            fcntl.flock(folder.descriptor, fcntl.LOCK_EX)
        yield folder


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Tell what the system refuses as a fault of ``path``."""
    try:
        yield
    except OSError as error:
        raise ConfigurationError([Fault("secrets", str(path), f"{why(error)}; nothing was changed")]) from None


def _descriptor(directory: Path) -> int:
    try:
        folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Unusable("the folder of the secrets is missing; put it back from the backup of the secrets") from None
    except OSError as error:
        kind = "it is a link, and a link is not trusted" if directory.is_symlink() else why(error)
        raise Unusable(f"{kind}; it must be a folder of this user's own") from None
    try:
        private(os.fstat(folder), "chmod 700")
    except Unusable:
        os.close(folder)
        raise
    return folder
