"""Writes the doctor into one file that any Python from 3.11 on runs: ``python zipapp.py [TARGET]``.

Rules of this file: the same sources give the same bytes (entries sorted, no times, no owners; the compression is
that of the zlib at hand); nothing but ``mattegate/__init__.py`` and ``mattegate/doctor`` goes in.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

ROOT: Final = Path(__file__).resolve().parents[2]
TARGET: Final = ROOT / "dist" / "mattegate-doctor.pyz"

_SHEBANG: Final = b"#!/usr/bin/env python3\n"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""The first moment that a zip file can name."""
_MAIN: Final = b'''\
"""Runs the doctor from this very file."""
import os
import sys

if sys.version_info < (3, 11):
    sys.exit("mattegate-doctor needs Python 3.11 or newer; this is " + sys.version.split()[0])

# A child process that starts elsewhere must find this file again.
sys.path[0] = os.path.abspath(sys.path[0])

from mattegate.doctor.__main__ import main  # noqa: E402

sys.exit(main())
'''


def build(target: Path = TARGET) -> Path:
    """Write the file and return its path."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as out:
        out.write(_SHEBANG)
        with ZipFile(out, "w", ZIP_DEFLATED, compresslevel=9) as archive:
            for name, content in sorted(_entries()):
                archive.writestr(_entry(name), content, compresslevel=9)
    target.chmod(0o755)
    return target


def _entries() -> Iterator[tuple[str, bytes]]:
    yield "__main__.py", _MAIN
    yield "LICENSE", (ROOT / "LICENSE").read_bytes()
    package = ROOT / "src" / "mattegate"
    for file in (package / "__init__.py", *(package / "doctor").rglob("*")):
        if file.is_file() and not _is_left_over(file.relative_to(package)):
            yield file.relative_to(package.parent).as_posix(), file.read_bytes()


def _is_left_over(path: Path) -> bool:
    """What Python, editors and file managers leave between sources."""
    return "__pycache__" in path.parts or any(part.startswith(".") for part in path.parts)


def _entry(name: str) -> ZipInfo:
    entry = ZipInfo(name, _EPOCH)
    entry.compress_type = ZIP_DEFLATED
    entry.create_system = 3  # Unix, wherever it is built
    entry.external_attr = 0o100644 << 16
    return entry


if __name__ == "__main__":
    sys.stdout.write(f"{build(*map(Path, sys.argv[1:2]))}\n")
