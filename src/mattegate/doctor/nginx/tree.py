"""A whole configuration: files, includes, ``nginx -T`` dumps and bare snippets become one tree.

Rules of this file:

1. Only what may be read is read: the file that was named, and files below the roots; a symbolic link counts by what it
   leads to. Pasted text has no file system at all. What was not read is a :class:`Problem` that is not fatal.
2. A piece of a configuration is put into the blocks it is meant for, which then have line 0.
3. What nginx would not start with is only said of what nginx is given: not of a template that is still to be filled in,
   and not of a piece's includes, whose names count from a folder that the piece does not tell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from mattegate.doctor.nginx.configmap import by_last_part, files_of, main_of
from mattegate.doctor.nginx.directive import Directive
from mattegate.doctor.nginx.finding import among, below, nothing_else, text_of
from mattegate.doctor.nginx.including import Including
from mattegate.doctor.nginx.lexer import Problem, read_directives
from mattegate.doctor.nginx.pasting import is_strange, is_template, unpasted

_DUMP: Final = re.compile(r"^# configuration file (\S.*):\s*$", re.MULTILINE)
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
    rules: Mapping[Directive, tuple[Directive, ...]] = field(default_factory=dict, compare=False)
    """The lines of rules of ModSecurity, by the line that brings them in; one that could not be read is not there."""

    @property
    def faults(self) -> tuple[Problem, ...]:
        """What nginx would refuse to start with."""
        return tuple(problem for problem in self.problems if problem.fatal)

    @property
    def unread(self) -> tuple[Problem, ...]:
        """What was not read."""
        return tuple(problem for problem in self.problems if not problem.fatal)


def read_text(text: str, name: str = "nginx.conf") -> Tree:
    """A pasted configuration, ``nginx -T`` dump or snippet."""
    parts = _dumped(text)
    if mapped := files_of(text):
        return _whole(Including(by_last_part(mapped, name)), main_of(mapped), name, "/", pasted=True)
    if not parts:
        return _whole(Including(nothing_else), text, name, "/", pasted=True)
    return _whole(Including(among(parts)), parts[0][1], parts[0][0], str(Path(parts[0][0]).parent), pasted=True)


def read_file(path: Path, roots: Sequence[Path] = ()) -> Tree:
    """A configuration on this machine, with the includes below ``roots`` (the file's own folder where there are none).

    Raises ``OSError`` where the file itself cannot be read.
    """
    text = text_of(path)
    if _dumped(text) or files_of(text):
        return read_text(text, str(path))
    allowed = [root.resolve() for root in roots] or [path.resolve().parent]
    return _whole(Including(below(allowed)), text, str(path), str(path.absolute().parent), pasted=False)


def _whole(including: Including, text: str, name: str, prefix: str, *, pasted: bool) -> Tree:
    directives, problems = _read(text, name)
    including.begin(name, text, prefix)
    directives = tuple(including.expand(directives))
    wrapped, whole = _wrapped(directives, name)
    missing = including.missing if whole else [replace(problem, fatal=False) for problem in including.missing]
    found = (*problems, *including.problems, *missing)
    return Tree(wrapped, tuple(including.files), found, whole, pasted, including.rules)


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
