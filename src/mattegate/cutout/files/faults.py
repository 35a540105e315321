"""What the operating system says about a file, as refusals."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Final

from mattegate.vocabulary.refusal import Refusal

_TAKES_NOTHING_MORE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


def unreadable(path: Path, error: OSError) -> Refusal:
    """``file.unreadable``."""
    return Refusal("file.unreadable", path=str(path), problem=_words(error))


def unwritable(path: Path, error: OSError) -> Refusal:
    """``file.unwritable``, or ``file.disk_full`` where no file could be written any more."""
    code = "file.disk_full" if error.errno in _TAKES_NOTHING_MORE else "file.unwritable"
    return Refusal(code, path=str(path), problem=_words(error))


def _words(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
