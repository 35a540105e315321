"""Files that are whole or not there: written beside their final name, flushed to the disk, then renamed."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_PART: Final = re.compile(r"\.mattegate-(\d+)-[0-9a-f]{8}\.part")


def write_whole(target: Path, data: bytes | memoryview) -> None:
    """Write ``data`` so that ``target`` never holds half of it, not even after a power failure.

    Missing folders are made. An existing target is replaced in one step.

    Raises ``OSError``; the file beside the target is gone then.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.parent / f".mattegate-{os.getpid()}-{secrets.token_hex(4)}.part"
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def sweep_parts(folder: Path) -> int:
    """Remove what killed processes left half-written anywhere under ``folder``; returns how many files that were."""
    leftovers = [part for part in _parts(folder) if not _alive(part)]
    for part in leftovers:
        part.unlink(missing_ok=True)
    return len(leftovers)


def _parts(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        yield from (Path(parent, name) for name in names if _PART.fullmatch(name))


def _alive(part: Path) -> bool:
    match = _PART.fullmatch(part.name)
    assert match is not None
    try:
        os.kill(int(match[1]), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
