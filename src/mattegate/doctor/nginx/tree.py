"""A whole configuration: files, includes, ``nginx -T`` dumps and bare snippets become one tree.

Rules of this file:

1. Only what may be read is read: the file that was named, and files below the roots; a symbolic link counts by what it
   leads to. Pasted text has no file system at all. What was not read is a :class:`Problem` that is not fatal.
2. A piece of a configuration is put into the blocks it is meant for, which then have line 0.
3. What nginx would not start with is only said of what nginx is given: not of a template that is still to be filled in,
   and not of a piece's includes, whose names count from a folder that the piece does not tell.
"""

from __future__ import annotations

import errno
import fnmatch
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from glob import has_magic
from pathlib import Path
from typing import Final

from mattegate.doctor.nginx.directive import Directive
from mattegate.doctor.nginx.lexer import Problem, read_directives
from mattegate.doctor.nginx.pasting import is_strange, is_template, unpasted

MOST_BYTES: Final = 32 << 20
"""Of all files together."""
_MOST_FILES: Final = 4_096
_DUMP: Final = re.compile(r"^# configuration file (\S.*):\s*$", re.MULTILINE)
_SHIPPED: Final = frozenset(
    {"mime.types", "fastcgi_params", "fastcgi.conf", "uwsgi_params", "scgi_params", "koi-utf", "koi-win", "win-utf"}
)
"""Files that come with nginx; a copy of a configuration mostly lacks them."""
_MAIN_ONLY: Final = frozenset({"events", "http", "worker_processes", "stream", "mail", "load_module", "pid", "daemon"})
_HTTP_ONLY: Final = frozenset(
    {"server", "upstream", "map", "geo", "split_clients", "limit_req_zone", "limit_conn_zone", "log_format",
     "proxy_cache_path", "server_names_hash_bucket_size"}
)  # fmt: skip
_LOCATION_ONLY: Final = frozenset({"proxy_pass", "alias", "internal", "limit_except", "fastcgi_pass", "uwsgi_pass",
                                   "grpc_pass", "scgi_pass", "memcached_pass", "stub_status", "empty_gif"})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tree:
    """A configuration from its top, with every include in its place."""

    directives: tuple[Directive, ...]
    files: tuple[str, ...]
    """What was read, in that order."""
    problems: tuple[Problem, ...] = ()
    whole: bool = True
    """Whether it is a complete configuration; of a piece nobody knows what stands around it."""
    pasted: bool = False
    """Whether it came without a file system, so that paths in it mean nothing here."""

    @property
    def faults(self) -> tuple[Problem, ...]:
        """What nginx would refuse to start with."""
        return tuple(problem for problem in self.problems if problem.fatal)

    @property
    def unread(self) -> tuple[Problem, ...]:
        """What was not read."""
        return tuple(problem for problem in self.problems if not problem.fatal)


Lookup = Callable[[str], "list[tuple[str, str]]"]
"""The files, name and text, that an ``include`` of an absolute name or pattern brings in; raises ``Unread``."""


class Unread(Exception):  # noqa: N818 - the state of a file
    """A file may not be read, or cannot be."""

    def __init__(self, says: str, *, fatal: bool = False) -> None:
        super().__init__(says)
        self.says, self.fatal = says, fatal


def read_text(text: str, name: str = "nginx.conf") -> Tree:
    """A pasted configuration, ``nginx -T`` dump or snippet."""
    parts = _dumped(text)
    if not parts:
        return _whole(_Including(_nothing_else), text, name, "/", pasted=True)
    return _whole(_Including(_among(parts)), parts[0][1], parts[0][0], str(Path(parts[0][0]).parent), pasted=True)


def read_file(path: Path, roots: Sequence[Path] = ()) -> Tree:
    """A configuration on this machine, with the includes below ``roots`` (the file's own folder where there are none).

    Raises ``OSError`` where the file itself cannot be read.
    """
    text = _text(path)
    if _dumped(text):
        return read_text(text, str(path))
    allowed = [root.resolve() for root in roots] or [path.resolve().parent]
    return _whole(_Including(_below(allowed)), text, str(path), str(path.absolute().parent), pasted=False)


def _whole(including: _Including, text: str, name: str, prefix: str, *, pasted: bool) -> Tree:
    directives, problems = _read(text, name)
    including.begin(name, text, prefix)
    directives = tuple(including.expand(directives))
    wrapped, whole = _wrapped(directives, name)
    missing = including.missing if whole else [replace(problem, fatal=False) for problem in including.missing]
    return Tree(wrapped, tuple(including.files), (*problems, *including.problems, *missing), whole, pasted)


def _read(text: str, name: str) -> tuple[tuple[Directive, ...], list[Problem]]:
    """The directives of the text; where nginx could not read it, of what was pasted around it taken off."""
    directives, problems = read_directives(text, name)
    if not problems and not is_strange(directives):
        return directives, problems
    if (bare := unpasted(text)) != text:
        retried, left = read_directives(bare, name)
        if not left and not is_strange(retried):
            return retried, left
    if problems and is_template(text):
        says = "this is a template, which is filled in before nginx reads it; give what comes of it (`nginx -T`)"
        return directives, [
            *(replace(problem, fatal=False) for problem in problems),
            Problem(name, 0, says, fatal=False),
        ]
    return directives, problems


class _Including:
    """Puts files in the place of ``include``; each is read once for each place, and no file includes itself."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._prefix = "/"
        self._open: list[str] = []
        self._bytes = 0
        self.files: list[str] = []
        self.problems: list[Problem] = []
        self.missing: list[Problem] = []
        """Includes that are not there; whether nginx would stop at them turns on the folder it starts from."""

    def begin(self, name: str, text: str, prefix: str) -> None:
        self._prefix, self._bytes = prefix, len(text)
        self._open, self.files = [name], [name]

    def expand(self, directives: Iterable[Directive]) -> Iterable[Directive]:
        for directive in directives:
            if directive.name == "include" and len(directive.args) == 1:
                yield from self._included(directive)
            elif directive.block is not None and directive.name != "types":
                yield replace(directive, block=tuple(self.expand(directive.block)))
            else:
                yield directive

    def _included(self, include: Directive) -> Iterable[Directive]:
        name = include.args[0]
        absolute = name if name.startswith("/") else f"{self._prefix.rstrip('/')}/{name}"
        try:
            files = self._lookup(absolute)
        except Unread as error:
            found = self.missing if error.fatal else self.problems
            found.append(Problem(include.file, include.line, error.says, fatal=error.fatal))
            return
        for file, text in files:
            if file in self._open:
                self.problems.append(Problem(include.file, include.line, f"{file} includes itself"))
                continue
            if len(self.files) >= _MOST_FILES or self._bytes + len(text) > MOST_BYTES:
                says = f"include {file}: not read, because there is too much before it"
                self.problems.append(Problem(include.file, include.line, says, fatal=False))
                continue
            yield from self._file(file, text)

    def _file(self, file: str, text: str) -> Iterable[Directive]:
        self._bytes += len(text)
        self.files.append(file)
        self._open.append(file)
        directives, problems = read_directives(text, file)
        self.problems += problems
        yield from self.expand(directives)
        self._open.pop()


def _nothing_else(name: str) -> list[tuple[str, str]]:
    raise Unread(f"include {name}: not part of what was given")


def _among(parts: list[tuple[str, str]]) -> Lookup:
    """Includes within a dump, which holds every file that was used."""

    def lookup(name: str) -> list[tuple[str, str]]:
        found = [(file, text) for file, text in parts if fnmatch.fnmatchcase(file, name) and _same_depth(file, name)]
        if not found and not has_magic(name):
            raise Unread(f"include {name}: not in the dump")
        return sorted(found)

    return lookup


def _same_depth(file: str, pattern: str) -> bool:
    """``*`` does not go across a slash."""
    return file.count("/") == pattern.count("/")


def _below(roots: list[Path]) -> Lookup:
    def lookup(name: str) -> list[tuple[str, str]]:
        paths = _globbed(name) if has_magic(name) else [Path(name)]
        return [_read_below(path, roots) for path in paths]

    return lookup


def _globbed(pattern: str) -> list[Path]:
    relative = pattern.lstrip("/")
    return sorted(Path("/").glob(relative))[:_MOST_FILES] if relative else []


def _read_below(path: Path, roots: list[Path]) -> tuple[str, str]:
    real = path.resolve()
    if not any(real.is_relative_to(root) for root in roots):
        raise Unread(f"include {path}: outside of {', '.join(map(str, roots))}, so it was not read (--root allows it)")
    try:
        return str(path), _text(path)
    except FileNotFoundError:
        raise Unread(f"include {path}: there is no such file", fatal=path.name not in _SHIPPED) from None
    except OSError as error:
        raise Unread(f"include {path}: {error.strerror}") from error


def _text(path: Path) -> str:
    with path.open("rb") as file:
        read = file.read(MOST_BYTES + 1)
    if len(read) > MOST_BYTES:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    return read.decode("utf-8", "surrogateescape").replace("\0", "")


def _dumped(text: str) -> list[tuple[str, str]]:
    """The files of an ``nginx -T`` dump; none where it is not one."""
    heads = list(_DUMP.finditer(text))
    ends = [*(head.start() for head in heads[1:]), len(text)][: len(heads)]
    return [(head[1], text[head.end() + 1 : end]) for head, end in zip(heads, ends, strict=True)]


def _wrapped(directives: tuple[Directive, ...], name: str) -> tuple[tuple[Directive, ...], bool]:
    """The directives in the blocks that they are meant for, and whether they were a whole configuration already."""
    names = {directive.name for directive in directives}
    if names & _MAIN_ONLY:
        return directives, "http" in names
    if not names & _HTTP_ONLY:
        if names & _LOCATION_ONLY or _only_in_location(directives):
            directives = (Directive("location", ("/",), name, 0, directives),)
        directives = (Directive("server", (), name, 0, directives),)
    return (Directive("http", (), name, 0, directives),), False


def _only_in_location(directives: tuple[Directive, ...]) -> bool:
    """Whether an ``if`` holds what only an ``if`` within a location may hold."""
    allowed = {"set", "return", "rewrite", "break", "if"}
    return any(
        child.name not in allowed for directive in directives if directive.name == "if" for child in directive.children
    )
