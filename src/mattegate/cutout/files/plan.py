"""From the paths somebody named to tasks: which files count, and what their cut-outs will be called.

Rules of this file:

1. A cut-out is called ``<stem>-cutout.<extension>``, beside its source or in the folder named for it. So no source is
   ever overwritten, and a folder can be worked on again without taking its own cut-outs for pictures.
2. A file that was named is taken as it is; folders and patterns give only what looks like an image: an extension of
   an accepted type, not hidden, not a cut-out.
3. What cannot be read becomes a failure of its own and stops nothing else.
4. Nothing here touches the disk but through a :class:`Listing`.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Final, Protocol

from mattegate.cutout.files.faults import unreadable
from mattegate.cutout.files.tasks import Failed, Skipped, Stamp, Task, Why
from mattegate.vocabulary.formats import FORMAT_BY_EXTENSION, ImageFormat
from mattegate.vocabulary.options import OutputFormat
from mattegate.vocabulary.refusal import Refusal

MARK: Final = "-cutout"

EXTENSIONS: Final = {
    OutputFormat.PNG: "png",
    OutputFormat.WEBP: "webp",
    OutputFormat.AVIF: "avif",
    OutputFormat.JPEG: "jpg",
    OutputFormat.ZIP: "zip",
}
"""What the files of each output format end in."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a folder."""

    path: Path
    is_folder: bool


class Listing(Protocol):
    """The little that planning needs to know about a disk."""

    def is_folder(self, path: Path) -> bool:
        """Whether ``path`` is a folder."""

    def exists(self, path: Path) -> bool:
        """Whether anything stands under ``path``."""

    def identity(self, path: Path) -> Path:
        """The one name of what several spellings mean."""

    def entries(self, folder: Path) -> Iterator[Entry]:
        """What lies in ``folder``, in any order, as a stream. Links to folders are not folders: loops end here.

        Raises ``OSError``.
        """

    def matches(self, pattern: str) -> Iterator[Path]:
        """The files that a pattern with ``*``, ``?``, ``[…]`` or ``**`` means."""

    def stamp(self, path: Path) -> Stamp:
        """Size and time of a file.

        Raises ``OSError``.
        """


class Disk:
    """The real disk as a :class:`Listing`."""

    def is_folder(self, path: Path) -> bool:
        """Whether ``path`` is a folder or a link to one."""
        return path.is_dir()

    def exists(self, path: Path) -> bool:
        """Whether anything stands under ``path``, a dangling link included."""
        return os.path.lexists(path)

    def entries(self, folder: Path) -> Iterator[Entry]:
        """Streamed, so that a folder of a hundred thousand files costs no waiting and no memory."""
        with os.scandir(folder) as found:
            for entry in found:
                if entry.is_dir(follow_symlinks=False):
                    yield Entry(Path(entry.path), is_folder=True)
                elif _may_be_file(entry):
                    yield Entry(Path(entry.path), is_folder=False)

    def identity(self, path: Path) -> Path:
        """With the folder's links and ``..`` resolved; a link to a picture stays a picture of its own."""
        return path.parent.resolve() / path.name

    def matches(self, pattern: str) -> Iterator[Path]:
        """By the rules of the shell; ``**`` crosses folders."""
        found = glob.iglob(pattern, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
        return (path for path in map(Path, found) if path.is_file())

    def stamp(self, path: Path) -> Stamp:
        """From one ``stat``."""
        status = path.stat()
        return Stamp(status.st_size, status.st_mtime_ns)


def _may_be_file(entry: os.DirEntry[str]) -> bool:
    """A link that leads nowhere or in circles counts, so that it fails alone, when it is read."""
    try:
        return entry.is_file()
    except OSError:
        return True


@dataclass(frozen=True, slots=True)
class Source:
    """A picture that was found; ``inside`` is its place below the folder that was named, the file name included."""

    path: Path
    inside: PurePath


Found = Source | Failed


@dataclass(frozen=True, slots=True)
class Search:
    """How folders and patterns are searched."""

    listing: Listing
    types: Sequence[ImageFormat]
    recursive: bool = False

    def walk(self, folder: Path) -> Iterator[Found]:
        """Stream the pictures below ``folder``."""
        waiting = [folder]
        while waiting:
            here = waiting.pop()
            try:
                for entry in self.listing.entries(here):
                    if entry.is_folder:
                        waiting += [entry.path] if self.recursive and not _hidden(entry.path) else []
                    elif self.is_picture(entry.path):
                        yield Source(entry.path, entry.path.relative_to(folder))
            except OSError as error:
                yield Failed(f"{here}/", unreadable(here, error))

    def is_picture(self, path: Path) -> bool:
        """Whether a name in a folder promises a picture that is not one of our own cut-outs."""
        promised = FORMAT_BY_EXTENSION.get(path.suffix.lower().removeprefix("."))
        return promised in self.types and not _hidden(path) and not path.stem.endswith(MARK)

    def find(self, paths: Iterable[str]) -> list[Found]:
        """Every picture that ``paths`` mean, in the order named, folders sorted; none twice."""
        found: dict[Path, Found] = {}
        for path in paths:
            for item in self._expand(path):
                key = self.listing.identity(item.path) if isinstance(item, Source) else Path(item.name)
                found.setdefault(key, item)
        return _without_outputs(list(found.values()))

    def _expand(self, text: str) -> list[Found]:
        path = Path(text)
        if self.listing.is_folder(path):
            return sorted(self.walk(path), key=_place)
        if self.listing.exists(path):
            return [Source(path, PurePath(path.name))]
        if glob.has_magic(text):
            return self._expand_pattern(text)
        return [Failed(text, Refusal("file.not_found", path=text))]

    def _expand_pattern(self, pattern: str) -> list[Found]:
        root = _fixed_part(pattern)
        paths = sorted(path for path in self.listing.matches(pattern) if self.is_picture(path))
        return [Source(path, path.relative_to(root)) for path in paths]


def _hidden(path: PurePath) -> bool:
    return path.name.startswith(".")


def _place(found: Found) -> str:
    return found.name if isinstance(found, Failed) else str(found.path)


def _fixed_part(pattern: str) -> Path:
    parts = Path(pattern).parts
    first = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:first])


def _without_outputs(found: list[Found]) -> list[Found]:
    """Drop ``a-cutout.png`` where ``a.jpg`` beside it is named too: ``remove *`` run a second time names both."""
    stems = {item.path.with_suffix("") for item in found if isinstance(item, Source)}
    return [item for item in found if isinstance(item, Failed) or _original(item.path) not in stems]


def _original(path: Path) -> Path | None:
    return path.with_name(path.stem.removesuffix(MARK)) if path.stem.endswith(MARK) and path.stem != MARK else None


Naming = Callable[[Source], Path]
"""From a source to the file its cut-out becomes."""


def beside(extension: str) -> Naming:
    """Cut-outs stand beside their sources."""
    return lambda source: source.path.with_name(_cutout_name(source.path, extension))


def inside(folder: Path, extension: str) -> Naming:
    """Cut-outs stand in ``folder``, in the same folders below it as their sources."""
    return lambda source: folder / source.inside.with_name(_cutout_name(source.path, extension))


def exactly(target: Path) -> Naming:
    """The one cut-out has this very name."""
    return lambda _: target


def _cutout_name(source: PurePath, extension: str) -> str:
    return f"{source.stem}{MARK}.{extension}"


def assign(found: Iterable[Found], naming: Naming, listing: Listing) -> list[Task | Failed]:
    """Give every source its target.

    Raises :class:`Refusal` ``file.same_target`` before anything was touched when two would get the same.
    """
    owners: dict[Path, Source] = {}
    tasks: list[Task | Failed] = []
    for item in found:
        if isinstance(item, Failed):
            tasks.append(item)
            continue
        target = naming(item)
        owner = owners.setdefault(listing.identity(target), item)
        if owner is not item:
            raise _same_target(owner.path, item.path, target)
        tasks.append(Task(item.path, target, str(item.path)))
    return tasks


def stream(found: Iterable[Found], naming: Naming, listing: Listing) -> Iterator[Task | Failed]:
    """Like :func:`assign`, but lazily and with stamps; a second claim on a target fails alone."""
    owners: dict[str, str] = {}
    for item in found:
        if isinstance(item, Failed):
            yield item
            continue
        name, target = item.inside.as_posix(), naming(item)
        task = Task(item.path, target, name)
        owner = owners.setdefault(str(target), name)
        if owner != name:
            yield Failed(name, _same_target(owner, name, target), task)
        else:
            yield _stamped(task, listing)


def _same_target(first: Path | str, second: Path | str, target: Path) -> Refusal:
    return Refusal("file.same_target", first=str(first), second=str(second), target=str(target))


def _stamped(task: Task, listing: Listing) -> Task | Failed:
    try:
        return replace(task, stamp=listing.stamp(task.source))
    except OSError as error:
        return Failed(task.name, unreadable(task.source, error), task)


def keep_existing(tasks: Iterable[Task | Failed], listing: Listing) -> Iterator[Task | Skipped | Failed]:
    """Skip what is there already."""
    for task in tasks:
        taken = isinstance(task, Task) and listing.exists(task.target)
        yield Skipped(task, Why.EXISTS) if isinstance(task, Task) and taken else task


def refuse_existing(tasks: Iterable[Task | Failed], listing: Listing) -> Iterator[Task | Failed]:
    """Fail on what is there already, one by one."""
    for task in tasks:
        if isinstance(task, Task) and listing.exists(task.target):
            yield Failed(task.name, Refusal("file.exists", path=str(task.target)), task)
        else:
            yield task
