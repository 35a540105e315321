"""One secret out of one open file or text, and who besides us may have had it in hand.

What others can read is not used. A fault never holds any of what was read.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from typing import Final

from mattegate.vocabulary.secrets import SECRET_BYTES

_HEX: Final = re.compile(rf"[0-9A-Fa-f]{{{2 * SECRET_BYTES}}}")
_LONGEST: Final = 65_536
_DIFFERENT_BYTES: Final = 12
"""Fewer different bytes among 32 random ones come about once in 10^14; a placeholder has one or a few."""
_OTHERS: Final = 0o077


class Unusable(Exception):  # noqa: N818 - becomes a fault, with its place
    """Why a file or a value cannot be used; never holds any of it."""


def content(file: int, judge: Callable[[os.stat_result], None]) -> str:
    """What an open file holds, if it is one and ``judge`` has nothing against it; it is closed either way.

    Raises :class:`Unusable`.
    """
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise Unusable("it is no ordinary file")
        judge(status)
        return os.read(file, _LONGEST).decode("ascii", "replace").strip()
    except OSError as error:
        raise Unusable(why(error)) from None
    finally:
        os.close(file)


def private(status: os.stat_result, remedy: str) -> None:
    """Hold that it is our user's own and nobody else's. Raises :class:`Unusable`."""
    if status.st_uid != os.geteuid():
        raise Unusable(f"it belongs to user {status.st_uid}, but the server runs as {os.geteuid()}; chown it")
    if status.st_mode & _OTHERS:
        raise Unusable(f"other users can get at it (mode {stat.S_IMODE(status.st_mode):04o}); {remedy}")


def mounted(status: os.stat_result) -> None:
    """Hold that only we can read it, or our group where another user gave it. Raises :class:`Unusable`."""
    open_to = _OTHERS if status.st_uid == os.geteuid() else _OTHERS & ~stat.S_IRGRP
    if status.st_mode & open_to:
        mode = stat.S_IMODE(status.st_mode)
        raise Unusable(f"other users can get at the file (mode {mode:04o}); mount it with mode 0400")


def secret_of(text: str) -> bytes:
    """The 32 bytes that are written as 64 hex digits. Raises :class:`Unusable`."""
    if not _HEX.fullmatch(text):
        raise Unusable(f"it must hold {2 * SECRET_BYTES} hex digits and nothing else; it holds {len(text)} characters")
    secret = bytes.fromhex(text)
    if len(set(secret)) < _DIFFERENT_BYTES:
        raise Unusable(f"it is not random; make one with: openssl rand -hex {SECRET_BYTES}")
    return secret


def why(error: OSError) -> str:
    """What the system says, as part of a sentence."""
    return (error.strerror or str(error)).lower()
