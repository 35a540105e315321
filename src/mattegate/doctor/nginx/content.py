"""What answers when nothing is passed on: files, folders and their index pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mattegate.doctor.nginx.files import Kind
from mattegate.doctor.nginx.values import Undecided
from mattegate.doctor.nginx.variables import Variables, path_of

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.state import State


@dataclass(frozen=True, slots=True)
class Served:
    """What the static modules do: answer with a status, or go on with another URI (the index page)."""

    status: int
    mechanism: str
    directive: Directive | None = None
    redirect: str = ""
    """The ``Location`` of a folder that was asked for without its slash."""
    index: str = ""
    """The URI of the index page that takes the folder's place."""


def serve(state: State) -> Served:
    """Serve a file or a folder. Raises :class:`Undecided`."""
    if state.method not in {"GET", "HEAD", "POST"}:
        return Served(405, "static")
    if state.uri.endswith("/"):
        return _folder(state)
    kind = _look(state, path_of(state, state.uri))
    root = next(iter(state.scope.inherited("root", "alias")), None)
    if kind is Kind.DENIED:
        return Served(403, "file_permission", root)
    if kind is Kind.FOLDER:
        return Served(301, "static", root, redirect=state.uri + "/")
    if kind is not Kind.FILE:
        return Served(404, "static", root)
    return Served(405 if state.method == "POST" else 200, "static", root)


def _folder(state: State) -> Served:
    if not path_of(state, state.uri).endswith("/"):
        raise Undecided("what an alias without a slash at its end comes to")
    names = [name for line in state.scope.inherited("index") for name in line.args] or ["index.html"]
    for name in names:
        if name.startswith("/"):
            return Served(0, "index", index=name)
        kind = _look(state, path_of(state, state.uri + name))
        if kind is Kind.DENIED:
            return Served(403, "file_permission", next(iter(state.scope.inherited("root", "alias")), None))
        if kind is Kind.FILE:
            return Served(0, "index", index=state.uri + name)
    kind = _look(state, path_of(state, state.uri))
    if kind is Kind.MISSING:
        return Served(404, "static")
    if state.scope.switched_on("autoindex") and state.method in {"GET", "HEAD"}:
        return Served(200, "autoindex")
    return Served(403, "index", next(iter(state.scope.inherited("root", "alias")), None))


def _look(state: State, path: str) -> Kind:
    kind = state.around.files.look(path)
    if kind is Kind.UNKNOWN:
        raise Undecided(f"what stands at {path}")
    return kind


@dataclass(frozen=True, slots=True)
class Tried:
    """What ``try_files`` comes to."""

    uri: str
    last: bool
    """Whether nothing existed, so that it is the last word: a URI, ``@name`` or ``=code``."""


def tried(state: State, line: Directive) -> Tried:
    """The first candidate that exists, or the last word. Raises :class:`Undecided`."""
    lookup = Variables(state)
    for candidate in line.args[:-1]:
        uri = lookup.expand(candidate)
        kind = state.around.files.look(path_of(state, uri))
        if kind is Kind.UNKNOWN:
            raise Undecided(f"whether {uri} exists for try_files")
        folder = candidate.endswith("/")
        if kind is (Kind.FOLDER if folder else Kind.FILE):
            return Tried(uri[:-1] if folder else uri, last=False)
    return Tried(lookup.expand(line.args[-1]), last=True)
