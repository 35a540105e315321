"""The model's file system against real nginx: random trees of files, folders, links, modes and owners.

A case is one request to one of the sites of a random configuration over a random tree. Here belongs how trees, sites
and requests are made, and what counts as agreement: the status, ``Location``, and which file was sent. A disagreement
prints the location that shows it.
"""

from __future__ import annotations

import collections
import os
import random
import shutil
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pytest

from mattegate.doctor.files.acl import Account, Entry, Right, Status, Tag, permits
from mattegate.doctor.nginx.files import ThisMachine, worker_of
from mattegate.doctor.nginx.model import Model
from mattegate.doctor.nginx.request import Outcome, Prediction, Request
from mattegate.doctor.nginx.state import Surroundings
from mattegate.doctor.nginx.tree import Tree, read_text
from tests.doctor.files.kernel import raw_acl, this_process
from tests.doctor.nginx.rig import Reply, Rig, standing_rig

_NAMES: Final = (
    "a", "b", "a.html", "b.html", "index.html", "index.htm", "d", "e f", "ü.html", "王", "x+y", "q&m", "50%", "page",
    "page.html", "list", "#1", "L" * 120, ".hidden", "up.txt", "q?m",
    "a.html.gz", "gz", "gz.gz",
)  # fmt: skip
_FILE_MODES: Final = (0o644, 0o644, 0o644, 0o644, 0o600, 0o640, 0o000, 0o604, 0o755, 0o744, 0o444, 0o066, 0o711)
_FOLDER_MODES: Final = (0o755, 0o755, 0o755, 0o755, 0o755, 0o711, 0o744, 0o700, 0o750, 0o000, 0o1777, 0o070, 0o751)
_OWNERS: Final = ((0, 0), (0, 0), (65534, 65534), (33, 33), (0, 65534), (65534, 0))
_METHODS: Final = (*["GET"] * 10, "HEAD", "POST", "POST", "PUT", "OPTIONS", "DELETE")
_LONG: Final = ("L" * 260, "/".join(["deep" * 30] * 40), "a/" + "L" * 255)
_MOST_UNDECIDED: Final = 0.06


@dataclass(frozen=True)
class Grown:
    """A random tree: what lies in it, as paths below its top."""

    top: Path
    paths: tuple[str, ...]
    folders: tuple[str, ...]
    files: tuple[str, ...]


class Grower:
    """Makes one tree."""

    def __init__(self, top: Path, chance: random.Random) -> None:
        self._top, self._chance = top, chance
        self._made: dict[str, str] = {}

    def grown(self) -> Grown:
        """The tree, with its modes set last."""
        self._top.mkdir()
        self._top.chmod(0o755)
        self._fill(self._top, depth=0)
        for path, kind in reversed(self._made.items()):
            self._close(self._top / path, kind)
        of = {kind: tuple(path for path, is_a in self._made.items() if is_a == kind) for kind in ("folder", "file")}
        return Grown(self._top, tuple(self._made), of["folder"], of["file"])

    def _fill(self, folder: Path, *, depth: int) -> None:
        for name in self._chance.sample(_NAMES, self._chance.choice((1, 2, 3, 4, 6) if depth else (8, 10))):
            kinds = ("folder", "link", "file", "file", "file", "pipe", "socket")
            weights = (5 if depth < 3 else 0, 2, 4, 4, 4, 0.3, 0.3)
            [kind] = self._chance.choices(kinds, weights)
            self._make(folder / name, kind)
            if kind == "folder":
                self._fill(folder / name, depth=depth + 1)

    def _make(self, path: Path, kind: str) -> None:
        self._made[str(path.relative_to(self._top))] = kind
        if kind == "folder":
            path.mkdir()
        elif kind == "file":
            path.write_text(f"this is {path}")
        elif kind == "link":
            path.symlink_to(self._target(path))
        elif kind == "pipe":
            os.mkfifo(path)
        else:
            _bind(path)

    def _target(self, path: Path) -> str:
        others = [*self._made, "nowhere", "", "a/../b.html", "index.html/", str(path.relative_to(self._top))]
        other = self._chance.choice(others)
        return (
            str(self._top / other) if self._chance.random() < 0.8 else os.path.relpath(self._top / other, path.parent)
        )

    def _close(self, path: Path, kind: str) -> None:
        """Owner, mode and now and then an access control list."""
        if os.geteuid() == 0 and self._chance.random() < 0.5:
            os.chown(path, *self._chance.choice(_OWNERS), follow_symlinks=False)
        if kind == "link":
            return
        usual = self._chance.random() < 0.6
        modes = _FOLDER_MODES if kind == "folder" else _FILE_MODES
        path.chmod(modes[0] if usual else self._chance.choice(modes))
        if not usual and kind in {"folder", "file"} and self._chance.random() < 0.15:
            _list(path, self._chance)


def _bind(path: Path) -> None:
    """A socket of a name that may be too long for ``bind``."""
    with socket.socket(socket.AF_UNIX) as listening:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            listening.bind(f"/proc/self/fd/{folder}/{path.name[:40]}")
            (path.parent / path.name[:40]).rename(path)
        finally:
            os.close(folder)


def _list(path: Path, chance: random.Random) -> None:
    """An entry for the worker's account; not on file systems that keep no lists."""
    found = path.lstat()
    status = Status(found.st_mode, found.st_uid, found.st_gid)
    rights = Right(chance.choice((0, 1, 4, 5, 7)))
    acl = permits(status, Entry(Tag.USER, rights, 65534)).acl
    try:
        os.setxattr(path, "system.posix_acl_access", raw_acl(acl))
    except OSError:
        return


@dataclass(frozen=True, slots=True)
class Site:
    """One location and the targets that are about it."""

    head: str
    lines: tuple[str, ...]
    prefix: str
    """What a path in it begins with."""
    below: str = ""
    """The part of the tree that it serves; none where that does not matter."""

    @property
    def text(self) -> str:
        """As it stands in the configuration."""
        return f"    location {self.head} {{ {' '.join(self.lines)} }}\n"


class Sites:
    """Makes the locations of one configuration."""

    def __init__(self, tree: Grown, chance: random.Random) -> None:
        self._tree, self._chance = tree, chance

    def made(self) -> tuple[Site, ...]:
        """One of each kind, with random lines."""
        makers = (self._top, self._rooted, self._aliased, self._aliased_bare, self._one_file, self._by_regex,
                  self._nested, self._rewritten, self._tested, self._tested, self._tried, self._tried_aliased,
                  self._tried_regex, self._entered, self._password, self._asked)  # fmt: skip
        return tuple(make() for make in makers)

    @property
    def server(self) -> str:
        """Lines of the server itself."""
        top = self._tree.top
        root = self._one(f"root {top};", f"root {top};", f"root {top}/;", f"set $top {top}; root $top;")
        lines = [root, *self._some(("error_page 404 /missing.html;", "error_page 403 404 =200 /a.html;",
                                    "error_page 405 404 @last;", "error_page 403 /d/;", "autoindex on;"), 0.12),
                 *self._some(("recursive_error_pages on;", "absolute_redirect off;", "try_files $uri $uri/ /a.html;"),
                             0.04)]  # fmt: skip
        return " ".join([*lines, self._index()])

    def _one(self, *choices: str) -> str:
        return self._chance.choice(choices)

    def _some(self, choices: tuple[str, ...], probability: float) -> list[str]:
        return [choice for choice in choices if self._chance.random() < probability]

    def _folder(self) -> str:
        return self._one(*self._tree.folders, "", "nowhere") if self._tree.folders else ""

    def _index(self) -> str:
        names = ("index.html", "index.htm", "a.html", "page", "d", "nowhere.html", "$arg_i", "a/index.html", "b")
        pages = self._chance.sample(names, self._chance.choice((1, 1, 2, 3)))
        last = [self._one("/a.html", "/d/b.html", "/nowhere")] if self._chance.random() < 0.15 else []
        return f"index {' '.join([*pages, *last])};" if self._chance.random() < 0.6 else ""

    def _more(self) -> list[str]:
        rare = ("open_file_cache max=10;", "gzip_static on;", "disable_symlinks on;", "dav_methods PUT;")
        index = [self._index()] if self._chance.random() < 0.4 else []
        return [*self._some(("autoindex on;",), 0.3), *index, *self._some(rare, 0.015)]

    def _top(self) -> Site:
        """Now and then what belongs to no location is the server's own."""
        return Site(self._one("/", "/", "/", "/elsewhere/"), tuple(self._more()), "/")

    def _rooted(self) -> Site:
        return Site("/d/", (f"root {self._tree.top};", *self._more()), "/d/", "d")

    def _aliased(self) -> Site:
        folder = self._folder()
        return Site(
            "/al/", (f"alias {self._tree.top}/{_quoted(folder)}/;".replace("//;", "/;"), *self._more()), "/al/", folder
        )

    def _aliased_bare(self) -> Site:
        """Without the slashes that belong together."""
        folder = self._folder()
        head, alias = self._chance.choice((("/ab", ""), ("/ab/", ""), ("/ab", "/"), ("= /ab", ""), ("^~ /ab", "")))
        return Site(head, (f"alias {self._tree.top}/{_quoted(folder)}{alias};", *self._more()), "/ab", folder)

    def _one_file(self) -> Site:
        file = self._one(*self._tree.files, "nowhere")
        head = self._one("= /one", "/one", "/one/")
        return Site(head, (f"alias {self._tree.top}/{_quoted(file)};", *self._more()), "/one")

    def _by_regex(self) -> Site:
        alias = self._one("$1", "$1", "d/$1", "$1/", "$arg_f", "a.html")
        return Site("~ ^/re/(.*)$", (f"alias {self._tree.top}/{alias};", *self._more()), "/re/", "")

    def _nested(self) -> Site:
        folder = self._folder()
        inner = self._one("location /ne/d/ { autoindex on; }", r"location ~ \.html$ { add_header X-In yes; }",
                          "location /ne/a { index a.html; }")  # fmt: skip
        lines = (f"alias {self._tree.top}/{_quoted(folder)}/;".replace("//;", "/;"), inner, *self._more())
        return Site("/ne/", lines, "/ne/", folder)

    def _rewritten(self) -> Site:
        base = self._one(f"alias {self._tree.top}/;", f"root {self._tree.top};", "")
        flag = self._one("break;", "break;", "last;", "; break;", ";")
        return Site("/rw/", (base, f"rewrite ^/rw/(.*)$ /$1 {flag}", *self._more()), "/rw/", "")

    def _tested(self) -> Site:
        """``if`` with the four tests, each with a status of its own."""
        tests = self._chance.sample(("-f", "-d", "-e", "-x", "!-f", "!-d", "!-e", "!-x"), 3)
        path = self._one("$request_filename", f"{self._tree.top}/$arg_f", "$document_root/$arg_f")
        name = f"/if{self._chance.randrange(10**9)}/"
        ifs = tuple(f"if ({test} {path}) {{ return {251 + at}; }}" for at, test in enumerate(tests))
        return Site(name, (f"alias {self._tree.top}/;", *ifs), name, "")

    def _entered(self) -> Site:
        """An ``if`` that only changes which block applies."""
        body = self._one("set $entered 1;", "add_header X-Entered yes;", "error_page 404 =202 /a.html;", "break;")
        lines = (f"if (-e $request_filename) {{ {body} }}", *self._more())
        return Site("/en/", (f"alias {self._tree.top}/;", *lines), "/en/")

    def _password(self) -> Site:
        """Nobody is in the files that stand for lists of passwords."""
        lines = (f"alias {self._tree.top}/;", "auth_basic zone;", f"auth_basic_user_file {self._tree.top}/$arg_f;")
        return Site("/pw/", (*lines, *self._more()), "/pw/")

    def _asked(self) -> Site:
        """A file that is asked for by ``auth_request``, as nobody should."""
        asked = quote(self._one(*self._tree.paths), safe="/")
        return Site("/aq/", (f"alias {self._tree.top}/;", f'auth_request "/en/{asked}";', *self._more()), "/aq/")

    def _try_files(self, prefix: str) -> str:
        tries = ("$uri", "$uri/", "$uri.html", "/a.html", "/$arg_f", "/$arg_f/", '""', "$uri/index.html", "$arg_f",
                 "/d/", f"{prefix}$arg_f", f"{prefix}a.html")  # fmt: skip
        last = self._one("=404", "=403", "=204", "@last", "/a.html", "/index.html?x=$uri", f"{prefix}b.html?u=$arg_f",
                         "a.html", "/", "=444", "$uri")  # fmt: skip
        return f"try_files {' '.join(self._chance.sample(tries, self._chance.choice((1, 2, 3))))} {last};"

    def _tried(self) -> Site:
        root = self._one("", "", f"root {self._tree.top}/d;")
        return Site("/tr/", (root or f"root {self._tree.top};", self._try_files("/tr/"), *self._more()), "/tr/", "")

    def _tried_aliased(self) -> Site:
        folder = self._folder()
        slash = self._one("/", "/", "")
        alias = f"alias {self._tree.top}/{_quoted(folder)}{slash};".replace("//;", "/;")
        return Site("/ta/", (alias, self._try_files("/ta/"), *self._more()), "/ta/", folder)

    def _tried_regex(self) -> Site:
        alias = self._one("$1", "$1", "d", "d/")
        return Site(
            "~ ^/tx/(.*)$", (f"alias {self._tree.top}/{alias};", self._try_files("/tx/"), *self._more()), "/tx/"
        )


def _quoted(path: str) -> str:
    """A path as it may stand in a configuration."""
    return "".join("\\" + char if char in " #;{}" else char for char in path)


class Asker:
    """Makes requests to a site."""

    def __init__(self, tree: Grown, chance: random.Random, port: int) -> None:
        self._tree, self._chance, self._port = tree, chance, port

    def request(self, site: Site) -> Request:
        """A request for something in or near the tree."""
        chance = self._chance
        headers: list[tuple[str, str]] = []
        if chance.random() < 0.03:
            headers = [
                chance.choice((("Range", "bytes=0-1"), ("If-None-Match", "*"), ("If-Match", '"x"'), ("If-Match", "*")))
            ]
        if site.prefix == "/pw/":
            headers.append(("Authorization", "Basic dXNlcjpwYXNz"))
        target = site.prefix + self._path(site) + self._query(site)
        method = chance.choice(_METHODS)
        return Request(method, target, "localhost", tuple(headers), "127.0.0.1", self._port)

    def _path(self, site: Site) -> str:
        chance, inside = self._chance, site.below + "/" if site.below else ""
        paths = [path.removeprefix(inside) for path in self._tree.paths if path.startswith(inside)]
        path = chance.choice([*paths, *paths, *_ODD]) if paths else chance.choice(_ODD)
        bare = chance.random() < 0.1 and not set(path) & set(" ?#%")
        path = self._changed(path if bare else quote(path, safe="/"))
        return path.removeprefix("/") if site.prefix.endswith("/") else "/" + path

    def _changed(self, path: str) -> str:
        kind = self._chance.random()
        if kind < 0.55:
            return path
        if kind < 0.75:
            return path + "/"
        if kind < 0.8:
            return path + self._chance.choice(("/x", "/index.html", ".html", "x", "/a/b/c"))
        if kind < 0.85:
            return path.rpartition("/")[0]
        if kind < 0.9:
            return path.rpartition("/")[0] + "/nothing"
        return self._chance.choice(_LONG) if kind < 0.92 else path.removesuffix(".html")

    def _query(self, site: Site) -> str:
        if self._chance.random() < 0.4:
            return ""
        file = self._chance.choice(self._tree.paths)
        if site.prefix == "/pw/" and _is_pipe(self._tree.top / file):
            file = "nothing"  # nginx would wait for somebody to write to it
        page = self._chance.choice(("a.html", "nothing", "", "/a.html", "d"))
        return f"?f={quote(file, safe='/')}&i={page}"


def _is_pipe(path: Path) -> bool:
    try:
        return path.is_fifo()
    except PermissionError:
        return False


_ODD: Final = ("", "index.html", "a.html", "d/", "nothing", "nothing/at/all", "d/../a.html", "a%20b", "%252e", "a//b")


@dataclass
class Tally:
    """What came of many cases."""

    cases: int = 0
    undecided: collections.Counter[str] = field(default_factory=collections.Counter)
    statuses: collections.Counter[int | None] = field(default_factory=collections.Counter)
    wrong: list[str] = field(default_factory=list)

    @property
    def report(self) -> str:
        """In a few lines."""
        first = f"{self.cases} cases, {len(self.wrong)} wrong, {self.undecided.total()} undecided"
        return "\n".join([first, f"{dict(self.statuses)}", f"{self.undecided.most_common(8)}", *self.wrong[:12]])


def _difference(prediction: Prediction, reply: Reply) -> str:
    location = [value for name, value in prediction.headers if name == "Location"]
    said = (prediction.status if prediction.outcome is Outcome.ANSWERS else None, location)
    real = (reply.status, reply.all("location"))
    if said != real:
        return f"model: {prediction.outcome} {said} by {prediction.mechanism}; real: {real}"
    if prediction.mechanism == "static" and prediction.status == 200 and reply.body:
        file = prediction.steps[-1].path.encode("latin-1")
        if not _same_file(os.fsdecode(file), reply.body):
            return f"model: {file!r}; real: {reply.body[:200]!r}"
    return ""


def _same_file(path: str, body: bytes) -> bool:
    return Path(path).read_bytes() == body


def _judge(tally: Tally, prediction: Prediction, reply: Reply, shown: str) -> None:
    tally.cases += 1
    tally.statuses[reply.status] += 1
    if prediction.outcome in {Outcome.SERVES, Outcome.UNDECIDED}:
        why = prediction.unknown[-1] if prediction.unknown else "no reason given"
        tally.undecided[why.partition("/")[0]] += 1
        return
    difference = _difference(prediction, reply)
    if difference:
        steps = "; ".join(f"{step.phase}: {step.says}" for step in prediction.steps)
        tally.wrong.append(f"{shown}\n  {difference}\n  {steps}")


def _worker(tree: Tree) -> Account:
    """Whom the rig's workers run as."""
    us = this_process()
    worker = worker_of(tree.directives, starter=us)
    assert worker.account is not None
    assert worker.assumed == ""
    return worker.account


def _configuration(sites: Sites, made: tuple[Site, ...]) -> str:
    last = "    location @last { return 418; }\n"
    inside = f"    listen 127.0.0.1:{{{{port}}}};\n    {sites.server}\n{''.join(site.text for site in made)}{last}"
    return "{{head}}\nhttp {\n  {{http_head}} keepalive_timeout 0;\n  server {\n" + inside + "  }\n}\n"


def _round(rig: Rig, seed: int, tally: Tally, *, per_site: int) -> None:
    """One tree, one configuration, some requests to each of its sites."""
    chance = random.Random(seed)
    tree = Grower(rig.site.folder / f"tree{seed}", chance).grown()
    sites = Sites(tree, chance)
    made = sites.made()
    text = rig.filled(_configuration(sites, made))
    try:
        rig.start(text)
        asker = Asker(tree, chance, rig.ports[0])
        _ask(rig, read_text(text), [(site, asker.request(site)) for site in made for _ in range(per_site)], tally, seed)
    finally:
        _removed(tree.top)


def _ask(rig: Rig, tree: Tree, asked: list[tuple[Site, Request]], tally: Tally, seed: int) -> None:
    model = Model(tree)
    around = Surroundings(files=ThisMachine((rig.site.folder,), _worker(tree)))
    for site, request in asked:
        prediction, reply = model.predict(request, around), rig.send(request)
        _judge(tally, prediction, reply, f"seed {seed}: {request.method} {request.target}\n{site.text.rstrip()}")


def _removed(top: Path) -> None:
    for folder, names, _ in os.walk(top):
        for name in names:
            path = Path(folder) / name
            if stat.S_ISDIR(path.lstat().st_mode):
                path.chmod(0o755)
    shutil.rmtree(top)


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """One nginx for all rounds."""
    with standing_rig() as standing:
        yield standing


def _prove(rig: Rig, *, first_seed: int, cases: int, per_site: int) -> None:
    tally = Tally()
    seed = first_seed
    while tally.cases < cases:
        _round(rig, seed, tally, per_site=per_site)
        seed += 1
    print("\n" + tally.report)
    assert not tally.wrong, tally.report
    assert tally.undecided.total() <= _MOST_UNDECIDED * tally.cases, tally.report
    assert {200, 301, 403, 404, 405} <= tally.statuses.keys(), tally.report


def test_model_finds_the_files_that_nginx_finds(rig: Rig) -> None:
    """A thousand requests over random trees get from nginx what the model says for its worker, file for file."""
    _prove(rig, first_seed=1, cases=1_000, per_site=3)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_model_finds_the_files_that_nginx_finds_thousands_of_times(rig: Rig) -> None:
    """Twelve thousand requests over random trees get from nginx what the model says for its worker."""
    _prove(rig, first_seed=100_000, cases=12_000, per_site=4)
