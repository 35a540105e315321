"""A new secret on its way to whoever asked for it: shown once, on standard output or in a file for its owner alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mattegate.cli.rendering import write_error, write_json
from mattegate.vocabulary.refusal import Refusal

_ROOM: Final = 1_024
"""More than any secret takes."""


@dataclass(frozen=True, slots=True)
class Handing:
    """Where the secret goes."""

    kind: str
    """``key`` or ``token``."""
    file: Path | None
    descriptor: int
    as_json: bool

    def give(self, secret: str, facts: dict[str, object]) -> None:
        """Hand it over: ``facts`` (``id`` among them) go to JSON, or into the sentence on a terminal.

        Raises :class:`Refusal` ``file.unwritable``, naming the id of what nobody can know now.
        """
        try:
            if self.file is not None:
                self._into_file(secret)
            self._onto_output(secret, facts)
        except OSError as error:
            lost = f"{error.strerror}; the {self.kind} {facts['id']} was made all the same: revoke it"
            _silence_output()
            raise Refusal("file.unwritable", path=str(self.file or "standard output"), problem=lost) from error

    def _into_file(self, secret: str) -> None:
        written = os.pwrite(self.descriptor, f"{secret}\n".encode("ascii"), 0)
        os.ftruncate(self.descriptor, written)
        os.fsync(self.descriptor)

    def _onto_output(self, secret: str, facts: dict[str, object]) -> None:
        if self.as_json:
            write_json(facts | ({"file": str(self.file)} if self.file else {self.kind: secret}))
        elif self.file is not None:
            write_error(f"the {self.kind} {facts['id']} is in {self.file}, which only this user can read")
        else:
            if sys.stdout.isatty():
                write_error(f"This is the {self.kind} {facts['id']}. It is shown once and kept nowhere: copy it now.")
            sys.stdout.write(f"{secret}\n")
            sys.stdout.flush()


@contextmanager
def handing(kind: str, file: Path | None, *, as_json: bool) -> Iterator[Handing]:
    """Make sure of the place before the secret is made: a file must be new, and gets its room first.

    The file goes away if nothing comes of it. Raises :class:`Refusal` ``file.exists`` and ``file.unwritable``.
    """
    if file is None:
        yield Handing(kind, None, -1, as_json)
        return
    descriptor = _made(file)
    try:
        yield Handing(kind, file, descriptor, as_json)
    except BaseException:
        if os.fstat(descriptor).st_size == _ROOM:
            file.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _made(file: Path) -> int:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise Refusal("file.unwritable", path=str(file), problem="it exists already; name a new file") from None
    except OSError as error:
        raise Refusal("file.unwritable", path=str(file), problem=error.strerror) from error
    try:
        os.fchmod(descriptor, 0o600)  # whatever the umask left
        os.write(descriptor, b" " * _ROOM)
        os.fsync(descriptor)
    except OSError as error:
        os.close(descriptor)
        file.unlink(missing_ok=True)
        raise Refusal("file.disk_full", path=str(file), problem=error.strerror) from error
    return descriptor


def _silence_output() -> None:
    """Whoever read standard output is gone: let nothing be tried there again while the process ends."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
