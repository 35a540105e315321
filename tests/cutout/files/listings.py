"""A disk in memory, for planning without one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from mattegate.cutout.files.plan import Entry
from mattegate.cutout.files.tasks import Stamp


@dataclass
class MemoryListing:
    """Files by their path; folders are whatever has files below it, and ``locked`` folders cannot be read."""

    files: Mapping[str, Stamp]
    locked: frozenset[str] = field(default_factory=frozenset)
    read: list[str] = field(default_factory=list)

    def is_folder(self, path: Path) -> bool:
        """See :class:`Listing`."""
        return str(path) in self.locked or any(path in Path(file).parents for file in self.files)

    def exists(self, path: Path) -> bool:
        """See :class:`Listing`."""
        return str(path) in self.files or self.is_folder(path)

    def identity(self, path: Path) -> Path:
        """Without ``..``, there is nothing to resolve."""
        return path

    def entries(self, folder: Path) -> Iterator[Entry]:
        """In reverse, because a real disk has no order either."""
        self.read.append(str(folder))
        if str(folder) in self.locked:
            raise PermissionError(13, "Permission denied")
        names = {
            Path(path).relative_to(folder).parts[0]
            for path in [*self.files, *self.locked]
            if folder in Path(path).parents
        }
        for name in sorted(names, reverse=True):
            yield Entry(folder / name, self.is_folder(folder / name))

    def matches(self, pattern: str) -> Iterator[Path]:
        """Good enough for ``*``."""
        return (Path(file) for file in self.files if fnmatchcase(file, pattern))

    def stamp(self, path: Path) -> Stamp:
        """See :class:`Listing`."""
        if str(path) not in self.files:
            raise FileNotFoundError(2, "No such file or directory")
        return self.files[str(path)]


def listing(*files: str, locked: tuple[str, ...] = ()) -> MemoryListing:
    """A disk with these files."""
    return MemoryListing({file: Stamp(len(file), 1) for file in files}, frozenset(locked))
