"""A configuration that can be run safely, made from one that was given.

Rules of this file: pure but for looking whether files are there (in ``standins``). Every word that is written is
spelled anew, so that no argument can end a directive or begin one; only directives of the list are written; whatever
is replaced or left out is told, and every line remembers the directive it came from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Final

from mattegate.doctor.nginx.directive import Directive, spelled
from mattegate.doctor.nginx.edits import DEEPEST
from mattegate.doctor.nginx.request import Request
from mattegate.doctor.nginx.uri import BadTarget, parse_target
from mattegate.doctor.prove import standins
from mattegate.doctor.prove.allowed import ALLOWED, HARMLESS, SERVER_OPTIONS, UPSTREAM_ALLOWED, How
from mattegate.doctor.prove.listeners import Listener, Listeners
from mattegate.doctor.prove.networks import Double, network_of
from mattegate.doctor.prove.standins import Folder, Names, Placeholder
from mattegate.doctor.prove.upstreams import Answer, Stub, destination

CONFIG: Final = "nginx.conf"
_ADDRESS_VARIABLES: Final = re.compile(r"\$\{?(remote_addr|binary_remote_addr|realip_remote_addr)\b")
_COMPARES: Final = frozenset(
    {"if", "map", "split_clients", "set", "hash", "try_files", "secure_link", "secure_link_md5", "rewrite"}
)
_ZONE: Final = re.compile(r"(zone=[^:]+):(\d+)([kKmM]?)")
_MOST_ZONE: Final = 1_048_576
_MAIN_ONLY: Final = frozenset({"http", "events", "stream", "mail", "load_module", "worker_processes", "pid", "daemon"})
_HTTP_ONLY: Final = frozenset(
    {"server", "upstream", "map", "geo", "split_clients", "limit_req_zone", "limit_conn_zone"}
)
_IN_LOCATION: Final = frozenset(
    {"proxy_pass", "alias", "internal", "limit_except", "fastcgi_pass", "uwsgi_pass", "grpc_pass"}
)
_OTHER_PASS_SETTING: Final = re.compile(r"(fastcgi|uwsgi|scgi|grpc|memcached)_\w+")
_CLEAN: Final = re.compile(r"\$\{?(uri|document_uri|is_args|args|query_string)\b\}?")
_EMPTY: Final = "$mattegate_empty"


class Unrenderable(Exception):  # noqa: N818 - the state of what was given
    """No configuration can be made of it that would prove anything; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What an experiment can rely on."""

    folder: str
    """The private folder, absolute."""
    port_for: Callable[[int], int]
    """A port to listen on in the place of one that is written."""
    own_network: bool
    """Whether any address can be had."""
    confined: bool
    """Whether the kernel keeps nginx in its folder."""
    ipv6: bool
    double: Double | None = None
    """Who plays the client's address, where it cannot be had."""
    without: frozenset[str] = frozenset()
    """Protocols that this nginx was built without."""
    files_here: bool = False
    """Whether paths of the configuration are paths of this machine."""
    password_files: Collection[str] = ()
    """Password files whose content may be used."""
    upstream: Answer = field(default_factory=Answer)
    auth: Answer = field(default_factory=Answer)
    most_directives: int = 50_000
    most_bytes: int = 4_194_304


@dataclass(frozen=True, slots=True)
class Rendered:
    """A configuration to run, with everything it needs."""

    text: str
    places: tuple[Directive | None, ...]
    """Of each line, what it was made from."""
    listeners: tuple[Listener, ...]
    stubs: tuple[Stub, ...]
    placeholders: tuple[Placeholder, ...]
    certificates: bool
    names: tuple[tuple[str, str], ...]
    """What was put into the configuration, and what it stands for."""
    substitutions: tuple[str, ...]
    not_checked: tuple[str, ...]


def render(directives: Sequence[Directive], request: Request, ground: Ground) -> Rendered:
    """The configuration for one experiment. Raises :class:`Unrenderable`."""
    every = _measured(directives, ground)
    whole = _wrapped(tuple(directives))
    if all(each.name != "http" for each in whole):
        raise Unrenderable("the configuration has no http block")
    rendering = _Rendering(every, request, ground)
    rendering.top(whole)
    return rendering.done()


def _measured(directives: Sequence[Directive], ground: Ground) -> list[Directive]:
    """Every directive, once it is known that there are not too many."""
    found: list[Directive] = []
    size = 0
    todo = [(each, 1) for each in reversed(directives)]
    while todo:
        directive, depth = todo.pop()
        found.append(directive)
        size += len(directive.name) + sum(map(len, directive.args)) + 8
        if depth > DEEPEST:
            raise Unrenderable(f"blocks are nested deeper than {DEEPEST}")
        if len(found) > ground.most_directives or size > ground.most_bytes:
            raise Unrenderable(f"more than {ground.most_directives} directives or {ground.most_bytes} bytes")
        if "\0" in directive.name or any("\0" in arg for arg in directive.args):
            raise Unrenderable(f"{place(directive)} holds a NUL")
        todo.extend((child, depth + 1) for child in reversed(directive.children))
    return found


def _wrapped(directives: tuple[Directive, ...]) -> tuple[Directive, ...]:
    names = {each.name for each in directives}
    if not directives or names & _MAIN_ONLY:
        return directives
    file = directives[0].file
    if not names & _HTTP_ONLY:
        if names & _IN_LOCATION:
            directives = (Directive("location", ("/",), file, 0, directives),)
        directives = (Directive("server", (), file, 0, directives),)
    loose = tuple(each for each in directives if each.name == "location")
    kept = tuple(each for each in directives if each.name != "location")
    around = (Directive("server", (), file, 0, loose),) if loose else ()
    return (Directive("http", (), file, 0, (*kept, *around)),)


def place(directive: Directive) -> str:
    """``file:line``; only the file where a line means nothing."""
    return f"{directive.file}:{directive.line}" if directive.line else directive.file


class _Rendering:
    """One configuration on its way to being written."""

    def __init__(self, every: Sequence[Directive], request: Request, ground: Ground) -> None:
        self._every, self._request, self._ground = every, request, ground
        self._lines: list[str] = []
        self._places: list[Directive | None] = []
        self._around: list[Directive] = []
        self._listeners = Listeners(ground.folder, ground.port_for, ipv6=ground.ipv6)
        self._folders: list[Folder] = []
        self._placeholders: dict[str, Placeholder] = {}
        self._stubs: dict[tuple[str, str, bool], Stub] = {}
        self._upstreams: list[tuple[Stub, Directive | None]] = []
        self._blocks = {each.args[0]: each for each in every if each.name == "upstream" and each.args}
        self._constants = _constants(every)
        self._auth_uris = {each.args[0] for each in every if each.name == "auth_request" and each.args}
        self._names: list[str] = []
        self._back: list[tuple[str, str]] = []
        self._said: dict[str, None] = {}
        self._unchecked: dict[str, None] = {}
        self._left_out: dict[str, tuple[int, str]] = {}
        self._harmless: dict[str, None] = {}
        self._certificates = False
        self._how: dict[How, Callable[[Directive], None]] = {
            How.PLAIN: self._plain,
            How.BLOCK: self._block,
            How.ENTRIES: self._entries,
            How.GEO: self._geo,
            How.CONDITION: self._condition,
            How.NETWORK: self._network,
            How.REAL_IP_FROM: self._real_ip_from,
            How.LISTEN: self._listen,
            How.ZONE: self._zone,
            How.FOLDER: self._folder,
            How.NAMES: self._file_names,
            How.URI: self._uri,
            How.PASSWORDS: self._passwords,
            How.CERTIFICATE: lambda found: self._tls_file(found, "server.pem"),
            How.KEY: lambda found: self._tls_file(found, "server.key"),
            How.CLIENT_CA: lambda found: self._tls_file(found, "ca.pem"),
            How.PROXY_PASS: self._proxy_pass,
            How.OTHER_PASS: self._other_pass,
            How.UPSTREAM: lambda _: None,  # written at the end, where a proxy_pass leads to it
            How.AUTH_REQUEST: self._plain,
        }

    def top(self, directives: Sequence[Directive]) -> None:
        """The whole file."""
        folder = self._ground.folder
        for line in (
            "daemon off;",
            "master_process off;",
            f"pid {spelled(folder + '/nginx.pid')};",
            f"error_log {spelled(folder + '/error.log')} info;",
            "events { worker_connections 128; }",
        ):
            self._write(line, None)
        for directive in directives:
            if directive.name == "http" and directive.block is not None:
                self._http(directive)
            else:
                self._leave_out(directive)

    def done(self) -> Rendered:
        """What was written, and what is needed for it."""
        self._fill_folders()
        self._say_network()
        unchecked = [*self._unchecked, *self._left_out_sentences()]
        stubs = tuple(self._stubs.values())
        return Rendered(
            text="\n".join(self._lines) + "\n",
            places=tuple(self._places),
            listeners=self._listeners.all,
            stubs=stubs,
            placeholders=tuple(self._placeholders.values()),
            certificates=self._certificates or any(stub.tls for stub in stubs),
            names=tuple(self._back),
            substitutions=tuple(self._said),
            not_checked=tuple(unchecked[:60]),
        )

    # ── blocks ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _http(self, http: Directive) -> None:
        self._write("http {", http)
        for line in ("access_log off;", "keepalive_timeout 0;", "map $host $mattegate_empty { default ''; }"):
            self._write(line, None)
        for what in (
            "client_body",
            "proxy",
            *(x for x in ("fastcgi", "uwsgi", "scgi") if x not in self._ground.without),
        ):
            self._write(f"{what}_temp_path {spelled(f'{self._ground.folder}/temporary/{what}')};", None)
        self._inside(http)
        for stub, block in self._upstreams:
            self._upstream(stub, block)
        self._upstreams.clear()
        self._write("}", http)

    def _inside(self, block: Directive) -> None:
        self._around.append(block)
        for child in block.children:
            self._directive(child)
        if block.name == "server" and not self._listeners.has(block):
            for line in self._listeners.otherwise(block):
                self._write(line, block)
        self._around.pop()

    def _directive(self, directive: Directive) -> None:
        how = ALLOWED.get(directive.name)
        if how is None:
            self._leave_out(directive)
            return
        self._guard(directive)
        self._how[how](directive)

    def _block(self, directive: Directive) -> None:
        if directive.block is None:
            self._plain(directive)
            return
        self._write(" ".join([directive.name, *map(spelled, directive.args), "{"]), directive)
        self._inside(directive)
        self._write("}", directive)

    def _condition(self, directive: Directive) -> None:
        words = _condition_words(directive.args)
        if len(words) == 2 and words[0].lstrip("!") in {"-f", "-d", "-e", "-x"}:
            words = (words[0], self._tested(words[1], directive))
        self._write(" ".join(["if (", *map(spelled, words), ") {"]), directive)
        self._inside(directive)
        self._write("}", directive)

    def _entries(self, directive: Directive) -> None:
        self._write(" ".join([directive.name, *map(spelled, directive.args), "{"]), directive)
        for row in directive.children:
            self._row(row)
        self._write("}", directive)

    def _row(self, row: Directive) -> None:
        if row.name == "include" or row.block is not None:
            self._leave_out(row)
        else:
            self._write(" ".join(map(spelled, (row.name, *row.args))) + ";", row)

    def _geo(self, directive: Directive) -> None:
        double = self._ground.double
        by_client = len(directive.args) == 1 or directive.args[:1] == ("$remote_addr",)
        if double is not None and by_client:
            if any(row.name in {"ranges", "delete", "proxy"} for row in directive.children):
                raise Unrenderable(f"{place(directive)}: geo with ranges needs the client's own address here")
            name, value = double.geo_rows(directive.children) or ("", "")
            directive = replace(
                directive, block=(*directive.children, replace(directive, name=name, args=(value,), block=None))
            )
        self._entries(directive)

    # ── addresses ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _network(self, directive: Directive) -> None:
        if len(directive.args) != 1 or self._ground.double is None:
            self._plain(directive)
            return
        for network in self._ground.double.networks(directive.args[0]):
            self._write(f"{directive.name} {spelled(network)};", directive)

    def _real_ip_from(self, directive: Directive) -> None:
        if directive.args != ("unix:",) and (len(directive.args) != 1 or network_of(directive.args[0]) is None):
            self._leave_out(directive)
            return
        self._network(directive)

    def _listen(self, directive: Directive) -> None:
        lines, unchecked = self._listeners.add(directive, self._around[-1])
        for line in lines:
            self._write(line, directive)
        for sentence in unchecked:
            self._unchecked[f"{place(directive)}: {sentence}"] = None

    def _guard(self, directive: Directive) -> None:
        """Stops where the client's address is compared as text and cannot be had, or a path could lead outside."""
        if self._ground.double is not None and directive.name in _COMPARES:
            looked_at = directive.args[:1] if directive.name in {"map", "split_clients"} else directive.args
            if any(_ADDRESS_VARIABLES.search(arg) for arg in looked_at):
                raise Unrenderable(
                    f"{place(directive)} compares the client's address as text, and this system does not permit a "
                    "network of our own in which the experiment could have that address"
                )
        if not self._ground.confined and _could_climb(directive):
            raise Unrenderable(
                f"{place(directive)} builds a path from the request, and this system offers no way to keep nginx in "
                "its private folder"
            )

    # ── files ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _folder(self, directive: Directive) -> None:
        if len(directive.args) != 1:
            self._plain(directive)
            return
        location = self._around[-1] if self._around[-1].name == "location" else None
        path, dollar, rest = directive.args[0].partition("$")
        if directive.name == "root":
            self._write(f"root {spelled(self._stand_in(path))};", directive)
            return
        base, slash, end = path.rpartition("/")
        exact = location is not None and location.args[:1] == ("=",) and not dollar
        if exact:
            self._write(f"alias {spelled(self._stand_in(path, exact=True))};", directive)
        else:
            tail = slash + end + dollar + rest if dollar else slash if path.endswith("/") else ""
            self._write(f"alias {spelled(self._stand_in(base if tail else path) + tail)};", directive)

    def _stand_in(self, original: str, *, exact: bool = False, assumed: bool = True) -> str:
        original = original.rstrip("/") or "/"
        known = (each for each in self._folders if (each.original, each.exact) == (original, exact))
        folder = next(known, None)
        if folder is None:
            folder = Folder(len(self._folders) + 1, original, exact, assumed)
            self._folders.append(folder)
        path = f"{self._ground.folder}/{folder.path}"
        self._back.append((path, original))
        return path

    def _tested(self, path: str, directive: Directive) -> str:
        if ".." in path:
            raise Unrenderable(f"{place(directive)} tests for a path that climbs")
        if re.match(r"\$\{?(document_root|realpath_root|request_filename)\b", path):
            return path
        if not path.startswith("/"):
            raise Unrenderable(f"{place(directive)} tests for a file whose path is not known")
        before, dollar, rest = path.partition("$")
        if not dollar:
            return self._stand_in(path, exact=True, assumed=False)
        base, _, end = before.rpartition("/")
        return f"{self._stand_in(base)}/{end}${rest}"

    def _file_names(self, directive: Directive) -> None:
        self._names.extend(arg for arg in directive.args if not arg.startswith(("=", "@")))
        self._plain(directive)

    def _uri(self, directive: Directive) -> None:
        uris = directive.args[1:2] if directive.name == "rewrite" else directive.args[-1:]
        self._names.extend(uri for uri in uris if not uri.startswith(("@", "http:", "https:")))
        self._plain(directive)

    def _passwords(self, directive: Directive) -> None:
        original = directive.args[0] if directive.args else ""
        content, sentence = standins.passwords(
            original,
            self._request,
            named=original in self._ground.password_files,
            here=self._ground.files_here and "$" not in original,
        )
        path = f"passwords/{len(self._placeholders)}"
        if content is not None:
            self._placeholders[path] = Placeholder(path, content)
        self._said[f"auth_basic_user_file {sentence}"] = None
        self._back.append((f"{self._ground.folder}/{path}", original))
        self._write(f"auth_basic_user_file {spelled(f'{self._ground.folder}/{path}')};", directive)

    def _tls_file(self, directive: Directive, stand_in: str) -> None:
        self._certificates = True
        self._said["certificates and keys: made for this experiment"] = None
        self._write(f"{directive.name} {spelled(f'{self._ground.folder}/tls/{stand_in}')};", directive)

    def _fill_folders(self) -> None:
        names = self._asked_for()
        user = next((each.args[0] for each in self._every if each.name == "user" and each.args), "")
        html = Folder(0, "the default root", False)
        for folder in (html, *self._folders):
            worker = user if self._ground.files_here and folder.number else None
            made, sentence = standins.placeholders(folder, names, worker=worker)
            for each in made:
                path = each.path.replace("files/0", "html", 1) if folder.number == 0 else each.path
                self._placeholders[path] = replace(each, path=path)
            if folder.number:
                self._said[sentence] = None

    def _asked_for(self) -> Names:
        try:
            path = parse_target(self._request.target).path
        except BadTarget:
            path = "/"
        path = path.encode("latin-1", "replace").decode("utf-8", "replace")
        indexes = [each.args for each in self._every if each.name == "index" and each.args]
        first = ["index.html", *(args[0] for args in indexes)]
        folders = [f"{tail}/" for tail in standins.names_asked(path)] if path.endswith("/") else []
        literal = [name for name in self._names if "$" not in name and not name.endswith("/")]
        configured = [*first, *(folder + name for folder in folders for name in first), *literal]
        derived = [re.sub(r"\$\{?(uri|document_uri)\b\}?", path, name) for name in self._names if "uri" in name]
        all_indexes = [name for args in indexes for name in args]
        return Names(
            tuple(standins.usable([*standins.names_asked(path), *derived, *all_indexes])),
            tuple(standins.usable(configured)),
        )

    # ── upstreams ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _proxy_pass(self, directive: Directive) -> None:
        written = directive.args[0] if len(directive.args) == 1 else ""
        to = destination(written, self._constants)
        if to is None and not written.startswith("$"):
            self._plain(directive)  # nginx refuses it, and says why
            return
        if to is None:
            self._unchecked[f"{place(directive)}: where {written} leads, and with which path"] = None
            self._write(f"proxy_pass http://{self._stub('http', written, directive).name};", directive)
            return
        stub = self._stub(to.scheme, to.place, directive, shown=to.shown)
        variable = _EMPTY if to.variables else ""
        self._write(f"proxy_pass {spelled(f'{to.scheme}://{stub.name}{variable}{to.rest}')};", directive)

    def _other_pass(self, directive: Directive) -> None:
        written = directive.args[0] if directive.args else ""
        self._unchecked[f"{place(directive)}: what {directive.name} hands on (the stand-in is asked by HTTP)"] = None
        self._write(f"proxy_pass http://{self._stub('http', written, directive).name};", directive)

    def _stub(self, scheme: str, to: str, directive: Directive, *, shown: str = "") -> Stub:
        auth = self._is_for_auth()
        key = (scheme, to, auth)
        if key not in self._stubs:
            number = len(self._stubs) + 1
            if number > 100:
                raise Unrenderable("the configuration has more than 100 different upstreams")
            path = f"{self._ground.folder}/u{number}.sock"
            answer = self._ground.auth if auth else self._ground.upstream
            stub = Stub(f"mattegate-stand-in-{number}", path, scheme == "https", auth, answer)
            self._stubs[key] = stub
            self._upstreams.append((stub, self._blocks.get(to)))
            default = ":443" if scheme == "https" else ":80"
            self._back += [(f"unix:{path}", to), (stub.name, (shown or to).removesuffix(default))]
            what = "auth_request service" if auth else "upstream"
            self._said[f"{what} {scheme}://{to} ({place(directive)}): a stand-in that answers {answer.status}"] = None
        return self._stubs[key]

    def _is_for_auth(self) -> bool:
        locations = [each for each in self._around if each.name == "location" and each.args]
        return bool(locations) and any(_leads_to(uri, locations[-1].args) for uri in self._auth_uris)

    def _upstream(self, stub: Stub, block: Directive | None) -> None:
        self._write(f"upstream {stub.name} {{", block)
        if block is None:
            self._write(f"server {spelled('unix:' + stub.socket)};", None)
        for child in () if block is None else block.children:
            if child.name == "server":
                options = [option for option in child.args[1:] if option.startswith(SERVER_OPTIONS)]
                self._write(" ".join(["server", spelled("unix:" + stub.socket), *map(spelled, options)]) + ";", child)
            elif child.name in UPSTREAM_ALLOWED:
                self._guard(child)
                self._plain(child)
            else:
                self._leave_out(child)
        self._write("}", block)

    # ── lines and sentences ─────────────────────────────────────────────────────────────────────────────────────────

    def _plain(self, directive: Directive) -> None:
        end = ";" if directive.block is None else " { }"
        self._write(" ".join([directive.name, *map(spelled, directive.args)]) + end, directive)

    def _zone(self, directive: Directive) -> None:
        args = tuple(_ZONE.sub(_bounded, arg) if arg.startswith("zone=") else arg for arg in directive.args)
        self._plain(replace(directive, args=args))

    def _write(self, line: str, origin: Directive | None) -> None:
        self._lines.append(line)
        self._places.append(origin)

    def _leave_out(self, directive: Directive) -> None:
        if directive.name in HARMLESS:
            self._harmless[directive.name] = None
            return
        found = _OTHER_PASS_SETTING.fullmatch(directive.name)
        name = f"{found[1]}_…" if found else _short(directive.name)
        if directive.name == "include":
            name = f"include {_short(' '.join(directive.args))}"
        count, first = self._left_out.get(name, (0, place(directive)))
        self._left_out[name] = (count + 1, first)

    def _left_out_sentences(self) -> list[str]:
        sentences = [
            f"{name} ({first}{f' and {count - 1} more' if count > 1 else ''}) is left out of the experiment"
            for name, (count, first) in self._left_out.items()
        ]
        if self._harmless:
            names = ", ".join(self._harmless)
            sentences.append(f"left out, as they do not decide how a request is answered: {names}")
        return sentences

    def _say_network(self) -> None:
        self._said.update(dict.fromkeys(self._listeners.sentences()))
        double = self._ground.double
        if double is not None:
            self._said[
                f"the client {double.real} is played by {double.played_by}; rules about addresses treat it alike"
            ] = None
            self._back.append((str(double.played_by), str(double.real)))
        elif self._ground.own_network:
            self._said[f"the client {self._request.client} lives in a network of its own"] = None
        self._back.extend(self._listeners.names())
        for each in self._every:
            if self._listeners.moved and any(re.search(r"\$\{?(server_port|proxy_port)\b", arg) for arg in each.args):
                self._unchecked[f"{place(each)} looks at a port, and the experiment's is another"] = None


def _constants(every: Sequence[Directive]) -> dict[str, frozenset[str]]:
    """The values that each variable is ever given, where all are known."""
    found: dict[str, set[str]] = {}
    for each in every:
        if each.name == "set" and len(each.args) == 2:
            found.setdefault(each.args[0].removeprefix("$"), set()).add(each.args[1])
        elif each.name == "map" and len(each.args) == 2:
            rows = [row.args[0] for row in each.children if len(row.args) == 1 and row.name != "include"]
            found.setdefault(each.args[1].removeprefix("$"), set()).update(rows)
    return {name: frozenset(values) for name, values in found.items()}


def _condition_words(args: tuple[str, ...]) -> tuple[str, ...]:
    """The one to three words of a condition, also where it was given as one text."""
    text = args[0] if len(args) == 1 else ""
    found = re.fullmatch(
        r"\s*(\S+)\s+(=|!=|~|~\*|!~|!~\*)(?:\s+(.*\S))?\s*|\s*(!?-[fdex])\s+(.*\S)\s*", text, re.DOTALL
    )
    if found and found[4]:
        return found[4], _unquoted(found[5])
    if found:
        return found[1], found[2], _unquoted(found[3] or "")
    if len(args) == 2 and args[1] in {"=", "!="}:
        return (*args, "")
    return args


def _unquoted(word: str) -> str:
    quoted = len(word) > 1 and word[0] in "\"'" and word[-1] == word[0]
    return word[1:-1].replace('\\"', '"') if quoted else word


def _bounded(found: re.Match[str]) -> str:
    size = int(found[2][:12]) * {"k": 1024, "m": 1_048_576}.get(found[3].lower(), 1)
    return found[0] if size <= _MOST_ZONE else f"{found[1]}:{_MOST_ZONE}"


def _leads_to(uri: str, location: tuple[str, ...]) -> bool:
    """Whether a location is where an internal request for ``uri`` goes, as far as its name tells."""
    if len(location) == 1:
        return location[0] != "/" and uri.startswith(location[0])
    if location[0] == "=":
        return uri == location[1]
    return location[0] == "^~" and uri.startswith(location[1])


def _could_climb(directive: Directive) -> bool:
    """Whether a file's path is made of more than its own words and the (clean) path of the request."""
    paths = {
        "alias": directive.args,
        "try_files": directive.args,
        "index": directive.args,
        "rewrite": directive.args[1:2],
        "error_page": directive.args[-1:],
    }
    cleaned = (_CLEAN.sub("", arg) for arg in paths.get(directive.name, ()))
    return any("$" in arg or ".." in PurePosixPath(arg).parts for arg in cleaned)


def _short(text: str) -> str:
    shown = "".join(char if char.isprintable() else "�" for char in text[:80])
    return shown + ("…" if len(text) > 80 else "")
