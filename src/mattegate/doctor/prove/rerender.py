"""A configuration that can be run safely, made from one that was given.

Rules of this file: pure but for looking whether files are there (in ``standins``). Only directives of the list are
written; whatever is replaced or left out is told, and every line remembers the directive it came from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from mattegate.doctor.nginx.directive import Directive, spelled
from mattegate.doctor.nginx.edits import DEEPEST
from mattegate.doctor.nginx.request import Request
from mattegate.doctor.prove.allowed import ALLOWED, How
from mattegate.doctor.prove.conditions import condition_words
from mattegate.doctor.prove.ground import Ground, Rendered, Unrenderable
from mattegate.doctor.prove.guarding import guard
from mattegate.doctor.prove.listeners import Listeners
from mattegate.doctor.prove.networks import network_of
from mattegate.doctor.prove.page import Page, place
from mattegate.doctor.prove.passing import Passing
from mattegate.doctor.prove.paths import Paths

_MAIN_ONLY: Final = frozenset({"http", "events", "stream", "mail", "load_module", "worker_processes", "pid", "daemon"})
_HTTP_ONLY: Final = frozenset(
    {"server", "upstream", "map", "geo", "split_clients", "limit_req_zone", "limit_conn_zone"}
)
_IN_LOCATION: Final = frozenset(
    {"proxy_pass", "alias", "internal", "limit_except", "fastcgi_pass", "uwsgi_pass", "grpc_pass"}
)


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


class _Rendering:
    """One configuration on its way to being written: which directive is written how."""

    def __init__(self, every: Sequence[Directive], request: Request, ground: Ground) -> None:
        self._every, self._request, self._ground = every, request, ground
        self._page = Page()
        self._around: list[Directive] = []
        self._listeners = Listeners(ground.folder, ground.port_for, ipv6=ground.ipv6)
        self._paths = Paths(self._page, every, request, ground)
        self._passing = Passing(self._page, every, ground)
        page, paths, passing = self._page, self._paths, self._passing
        self._how: dict[How, Callable[[Directive], None]] = {
            How.PLAIN: page.plain,
            How.BLOCK: self._block,
            How.ENTRIES: self._entries,
            How.GEO: self._geo,
            How.CONDITION: self._condition,
            How.NETWORK: self._network,
            How.REAL_IP_FROM: self._real_ip_from,
            How.LISTEN: self._listen,
            How.ZONE: page.zone,
            How.FOLDER: lambda found: paths.folder(found, self._around[-1]),
            How.NAMES: paths.file_names,
            How.URI: paths.uri,
            How.PASSWORDS: paths.passwords,
            How.CERTIFICATE: lambda found: paths.tls_file(found, "server.pem"),
            How.KEY: lambda found: paths.tls_file(found, "server.key"),
            How.CLIENT_CA: lambda found: paths.tls_file(found, "ca.pem"),
            How.PROXY_PASS: lambda found: passing.proxy_pass(found, self._around),
            How.OTHER_PASS: lambda found: passing.other_pass(found, self._around),
            How.UPSTREAM: lambda _: None,  # written at the end, where a proxy_pass leads to it
            How.AUTH_REQUEST: page.plain,
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
            self._page.write(line, None)
        for directive in directives:
            if directive.name == "http" and directive.block is not None:
                self._http(directive)
            else:
                self._page.leave_out(directive)

    def done(self) -> Rendered:
        """What was written, and what is needed for it."""
        self._paths.fill()
        self._say_network()
        page, stubs = self._page, self._passing.stubs
        return Rendered(
            text=page.text,
            places=page.places,
            listeners=self._listeners.all,
            stubs=stubs,
            placeholders=tuple(self._paths.placeholders.values()),
            certificates=self._paths.certificates or any(stub.tls for stub in stubs),
            names=tuple(page.names),
            substitutions=page.substitutions,
            not_checked=page.not_checked,
        )

    # ── blocks ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _http(self, http: Directive) -> None:
        self._page.write("http {", http)
        for line in ("access_log off;", "keepalive_timeout 0;", "map $host $mattegate_empty { default ''; }"):
            self._page.write(line, None)
        for what in (
            "client_body",
            "proxy",
            *(x for x in ("fastcgi", "uwsgi", "scgi") if x not in self._ground.without),
        ):
            self._page.write(f"{what}_temp_path {spelled(f'{self._ground.folder}/temporary/{what}')};", None)
        self._inside(http)
        self._passing.upstreams()
        self._page.write("}", http)

    def _inside(self, block: Directive) -> None:
        self._around.append(block)
        for child in block.children:
            self._directive(child)
        if block.name == "server" and not self._listeners.has(block):
            for line in self._listeners.otherwise(block):
                self._page.write(line, block)
        self._around.pop()

    def _directive(self, directive: Directive) -> None:
        how = ALLOWED.get(directive.name)
        if how is None:
            self._page.leave_out(directive)
            return
        guard(directive, self._ground)
        self._how[how](directive)

    def _block(self, directive: Directive) -> None:
        if directive.block is None:
            self._page.plain(directive)
            return
        self._page.write(" ".join([directive.name, *map(spelled, directive.args), "{"]), directive)
        self._inside(directive)
        self._page.write("}", directive)

    def _condition(self, directive: Directive) -> None:
        words = condition_words(directive.args)
        if len(words) == 2 and words[0].lstrip("!") in {"-f", "-d", "-e", "-x"}:
            words = (words[0], self._paths.tested(words[1], directive))
        self._page.write(" ".join(["if (", *map(spelled, words), ") {"]), directive)
        self._inside(directive)
        self._page.write("}", directive)

    def _entries(self, directive: Directive) -> None:
        self._page.write(" ".join([directive.name, *map(spelled, directive.args), "{"]), directive)
        for row in directive.children:
            self._row(row)
        self._page.write("}", directive)

    def _row(self, row: Directive) -> None:
        if row.name == "include" or row.block is not None:
            self._page.leave_out(row)
        else:
            self._page.write(" ".join(map(spelled, (row.name, *row.args))) + ";", row)

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
            self._page.plain(directive)
            return
        for network in self._ground.double.networks(directive.args[0]):
            self._page.write(f"{directive.name} {spelled(network)};", directive)

    def _real_ip_from(self, directive: Directive) -> None:
        if directive.args != ("unix:",) and (len(directive.args) != 1 or network_of(directive.args[0]) is None):
            self._page.leave_out(directive)
            return
        self._network(directive)

    def _listen(self, directive: Directive) -> None:
        lines, unchecked = self._listeners.add(directive, self._around[-1])
        for line in lines:
            self._page.write(line, directive)
        for sentence in unchecked:
            self._page.doubt(f"{place(directive)}: {sentence}")

    def _say_network(self) -> None:
        for sentence in self._listeners.sentences():
            self._page.say(sentence)
        double = self._ground.double
        if double is not None:
            self._page.say(
                f"the client {double.real} is played by {double.played_by}; rules about addresses treat it alike"
            )
            self._page.names.append((str(double.played_by), str(double.real)))
        elif self._ground.own_network:
            self._page.say(f"the client {self._request.client} lives in a network of its own")
        self._page.names.extend(self._listeners.names())
        for each in self._every:
            if self._listeners.moved and any(re.search(r"\$\{?(server_port|proxy_port)\b", arg) for arg in each.args):
                self._page.doubt(f"{place(each)} looks at a port, and the experiment's is another")
