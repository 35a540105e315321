"""What answers when nothing is passed on: files, folders and their index pages; and ``try_files`` before that.

1. A method other than GET, HEAD and POST is refused with 405, whatever stands there.
2. A URI that ends in a slash: the first ``index`` page that ``stat`` finds takes its place, a folder of that name
   too; then ``autoindex`` lists the folder; then it is 403. Where the first page is missing, the folder itself is
   tested once: missing is 404, and something else than a folder is 500.
3. Any other URI is opened: 404 where nothing stands there, 403 where opening is denied, 301 for a folder (which takes
   ``r`` on it, though nothing is listed), 404 for a pipe, 500 for a socket; a file is 200, and 405 to POST.
4. ``try_files`` only asks ``stat``: a file that may not be read is found, and refused in the end; what is denied on the
   way counts as missing. Below an ``alias`` the location's name is cut off a candidate with variables in it, off the
   last word too.
5. Modules that serve in other ways, ``disable_symlinks``, and what an answer depends on besides (the age of a file, for
   ``If-Modified-Since``) leave it undecided.

Sources: ngx_http_static_module.c, ngx_http_index_module.c, ngx_http_autoindex_module.c, ngx_http_try_files_module.c,
ngx_open_file_cache.c of 1.22.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from mattegate.doctor.nginx.files import ABSENT, CLOSED, FOLDERS, THERE, Kind, Modes, native
from mattegate.doctor.nginx.request import Step
from mattegate.doctor.nginx.values import Undecided, has_variables
from mattegate.doctor.nginx.variables import NoPath, Variables, aliased, path_of
from mattegate.doctor.redact import clean

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.state import State

_REFUSED: Final[Mapping[Kind, int]] = MappingProxyType(
    dict.fromkeys(ABSENT | {Kind.OTHER}, 404)
    | dict.fromkeys(CLOSED | {Kind.DENIED, Kind.LOOP}, 403)
    | {Kind.SOCKET: 500}
)
"""What opening a file, or what is none, is answered."""
_CONDITIONS: Final = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "range")
"""Headers that a file's age, tag and length are held against; ``If-Match: *`` asks nothing."""
_OTHER_WAYS: Final = ("random_index", "flv", "mp4", "image_filter", "xslt_stylesheet", "hls", "f4f")
"""Lines of modules that serve a file in their own way, or refuse it."""


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
    if not state.uri:
        raise Undecided("what nginx, which looks at the last byte of a URI, does with an empty one")
    _demand_usual(state)
    if state.method not in {"GET", "HEAD", "POST"}:
        return Served(405, "static")
    try:
        return _folder(state) if state.uri.endswith("/") else _file(state)
    except NoPath:
        return Served(500, "alias_rewritten", _root(state))


def _root(state: State) -> Directive | None:
    return next(iter(state.scope.inherited("root", "alias")), None)


def _demand_usual(state: State) -> None:
    lines = [found[-1] for name in _OTHER_WAYS if (found := state.scope.inherited(name))]
    lines = [line for line in lines if line.args[:1] != ("off",)]
    lines += [line for line in state.scope.inherited("dav_methods") if state.method in line.args]
    if lines:
        raise Undecided(f"what {lines[0].text} makes of it")


def _file(state: State) -> Served:
    path = path_of(state, state.uri)
    kind = _opened(state, path)
    _note(state, path, kind)
    if kind is not Kind.FILE:
        _demand_no_packed(state, path)
    if kind is Kind.FOLDER:
        return Served(301, "static", _root(state), redirect=state.uri + "/")
    if kind is not Kind.FILE:
        return _refused(state, kind)
    if state.method == "POST":
        return Served(405, "static", _root(state))
    _demand_plain(state)
    return Served(200, "static", _root(state))


def _demand_no_packed(state: State, path: str) -> None:
    """``gzip_static`` may serve ``x.gz`` where ``x`` itself is not served."""
    switched = state.scope.value("gzip_static", "off") != "off" and state.method != "POST"
    if switched and state.around.files.look(f"{path}.gz") not in ABSENT | CLOSED | {Kind.DENIED}:
        raise Undecided(f"whether gzip_static serves {path}.gz")


def _refused(state: State, kind: Kind) -> Served:
    status = _REFUSED[kind]
    return Served(status, "file_permission" if kind in CLOSED | {Kind.DENIED} else "static", _root(state))


def _demand_plain(state: State) -> None:
    """It is answered as a whole, but to somebody who knows an earlier answer or wants a part."""
    asked = next((name for name in _CONDITIONS if _asks(name, state.header(name))), None)
    if asked is not None and state.main and state.final_status in {None, 200}:
        raise Undecided(f"what age, tag and length of the answer make of {asked}")


def _asks(name: str, value: str | None) -> bool:
    return value is not None and (name, value) != ("if-match", "*")


def _folder(state: State) -> Served:
    folder = path_of(state, state.uri)
    tested = False
    for name in _index_names(state):
        if name.startswith("/"):
            return Served(0, "index", index=name)
        kind = looked_up(state, folder + name)
        _note(state, folder + name, kind)
        if kind in THERE:
            return Served(0, "index", index=state.uri + name)
        if kind is not Kind.MISSING:
            return _refused(state, kind)
        if not tested and (end := _without_index(state, folder)) is not None:
            return end
        tested = True
    return _listed(state, folder)


def _index_names(state: State) -> Iterator[str]:
    lookup = Variables(state)
    names = [name for line in state.scope.inherited("index") for name in line.args] or ["index.html"]
    return (lookup.expand(name) for name in names)


def _without_index(state: State, folder: str) -> Served | None:
    """What it comes to that the folder's first page is missing; ``None``: go on with the next."""
    path = folder[:-1] if folder.endswith("/") and len(folder) > 1 else folder
    kind = looked_up(state, path)
    if kind in FOLDERS or kind is Kind.DENIED:
        return None
    _note(state, path, kind)
    if kind in THERE and path != folder:
        kind = Kind.MISSING  # it was no folder, which a view may not tell from a missing page
    return Served({Kind.MISSING: 404, Kind.LOOP: 403}.get(kind, 500), "static", _root(state))


def _listed(state: State, folder: str) -> Served:
    """The list of a folder; the path to it loses its last character, be that a slash or not."""
    if not state.scope.switched_on("autoindex") or state.method == "POST":
        return Served(403, "index", _root(state))
    if state.scope.value("autoindex_format") == "jsonp":
        raise Undecided("whether the callback of autoindex_format jsonp is a good one")
    path = folder[:-1] or folder
    kind = _opened(state, path)
    if kind is Kind.FOLDER:
        _demand_plain(state)
        _demand_listed(state, path)
        return Served(200, "autoindex")
    _note(state, path, kind)
    if kind is Kind.LOOP:
        return Served(500, "autoindex", _root(state))
    return _refused(state, kind) if kind in CLOSED | {Kind.DENIED} else Served(404, "autoindex", _root(state))


def _demand_listed(state: State, path: str) -> None:
    """A link that leads through a file ends the list, and the connection with it."""
    files = state.around.files
    if isinstance(files, Modes) and not files.listed(path):
        raise Undecided(f"how far autoindex gets in {path}, where not every name can be asked for")


def _note(state: State, path: str, kind: Kind) -> None:
    state.steps.append(Step("file", f"{clean(native(path))}: {kind}", _root(state), path))


def looked_up(state: State, path: str) -> Kind:
    """What ``stat`` finds at a path. Raises :class:`Undecided`."""
    kind = _opened(state, path)
    if kind in CLOSED | {Kind.SOCKET} and state.scope.value("open_file_cache", "off") != "off":
        raise Undecided("what open_file_cache, which opens what it is asked for, keeps of what cannot be opened")
    return kind


def _opened(state: State, path: str) -> Kind:
    kind = state.around.files.look(path)
    if kind is Kind.UNKNOWN:
        raise Undecided(f"what stands at {path}")
    if state.scope.value("disable_symlinks", "off") != "off":
        raise Undecided(f"whether a link that disable_symlinks stops leads to {path}")
    return kind


@dataclass(frozen=True, slots=True)
class Tried:
    """What ``try_files`` comes to."""

    uri: str
    last: bool
    """Whether nothing existed, so that it is the last word: a URI, ``@name`` or ``=code``."""


def tried(state: State, line: Directive) -> Tried:
    """The first candidate that exists, or the last word. Raises :class:`Undecided`, and :class:`NoPath`."""
    base, alias = aliased(state)
    name = "" if alias is None or alias.regex else alias.name
    for candidate in line.args[:-1]:
        folder = candidate.endswith("/")
        rest = _below(state, candidate[:-1] if folder else candidate, name)
        kind = looked_up(state, base + rest)
        if kind not in THERE or (kind in FOLDERS) is not folder:
            continue
        if alias is None or not alias.regex:
            return Tried(name + rest, last=False)
        state.alias_takes_uri = state.alias_takes_uri or not folder
        return Tried(state.uri if folder else rest, last=False)
    return Tried(_below(state, line.args[-1], name), last=True)


def _below(state: State, candidate: str, name: str) -> str:
    """A candidate as it is put behind the ``root``, or behind the ``alias`` of a location of this name."""
    text = Variables(state).expand(candidate)
    return text.removeprefix(name) if has_variables(candidate) else text
