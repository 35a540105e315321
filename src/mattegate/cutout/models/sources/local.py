"""A file that is already on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mattegate.cutout.models import disk
from mattegate.cutout.models.sources import Progress, Unavailable


@dataclass(frozen=True, slots=True)
class LocalFile:
    """See :class:`~mattegate.cutout.models.sources.Source`. The file is copied and stays where it is."""

    path: Path

    @property
    def label(self) -> str:
        """See :class:`~mattegate.cutout.models.sources.Source`."""
        return f"file {self.path}"

    def fetch(self, part: Path, progress: Progress) -> None:
        """See :class:`~mattegate.cutout.models.sources.Source`."""
        total = self._size()
        done = 0
        with part.open("wb") as file:
            for block in disk.blocks(self.path):
                file.write(block)
                done += len(block)
                progress(done, total)

    def _size(self) -> int:
        try:
            with self.path.open("rb"):
                return self.path.stat().st_size
        except OSError as error:
            raise Unavailable(error.strerror or type(error).__name__) from error
