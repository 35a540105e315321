"""Random but realistic configurations, and requests that aim at what they say.

A *family* makes the lines of one kind of directive for one context; a block is a handful of families and one *ending*
that handles the request. The same seed makes the same cases. Placeholders are the rig's.
"""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from mattegate.doctor.nginx.request import Certificate, Request


@dataclass(frozen=True, slots=True)
class Line:
    """``text;`` or ``text { block }``."""

    text: str
    block: tuple[Line, ...] | None = None

    def rendered(self, indent: str = "") -> str:
        """As it stands in a file."""
        if self.block is None:
            return f"{indent}{self.text};\n"
        inside = "".join(line.rendered(indent + "    ") for line in self.block)
        return f"{indent}{self.text} {{\n{inside}{indent}}}\n"


@dataclass(frozen=True, slots=True)
class Config:
    """One configuration: what stands in ``http``."""

    lines: tuple[Line, ...]

    @property
    def text(self) -> str:
        """The whole file, with placeholders."""
        inside = "".join(line.rendered("    ") for line in self.lines)
        return "{{head}}\nhttp {\n    {{http_head}} keepalive_timeout 0;\n" + inside + "}\n"


@dataclass(frozen=True, slots=True)
class Case:
    """A configuration and what is asked of it; ports of the requests are indices into the rig's (``-1`` is TLS)."""

    seed: int
    config: Config
    requests: tuple[Request, ...]


@dataclass(frozen=True, slots=True)
class Context:
    """Where lines will stand."""

    kind: str
    """``http``, ``server``, ``location``, ``server-if``, ``location-if``."""
    match: str = ""
    """Of a location: empty, ``=``, ``^~``, ``~``, ``~*``, ``@``."""
    path: str = "/"

    @property
    def takes_uri(self) -> bool:
        """Whether ``proxy_pass`` may have a URI here."""
        return self.kind == "location" and self.match in {"", "=", "^~"}


@dataclass
class Hints:
    """What the configuration speaks of, so that requests can speak of it too."""

    hosts: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=lambda: ["/"])
    queries: list[str] = field(default_factory=list)
    headers: list[tuple[str, str]] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)
    six: bool = False
    unix: bool = False
    bodies: list[int] = field(default_factory=list)


PREFIXES: Final = (
    "/", "/api", "/api/", "/api/v1/", "/v1/", "/static/", "/img/", "/admin", "/admin/", "/docs/", "/health",
    "/api/remove-bg", "/empty/", "/locked/", "/a b/", "/old/", "/API/", "/docs", "/static",
)  # fmt: skip
REGEXES: Final = (
    r"\.(png|jpg|css)$", r"^/api/(.*)$", r"^/v(?<major>\d+)/", "/admin", r"\.php$", r"^/(docs|static)/", "remove",
    r"^/api/(?<rest>[^/]+)$", "^/old", "/$", r"\.txt$",
)  # fmt: skip
NETWORKS: Final = (
    "127.0.0.1", "127.0.0.0/24", "127.0.0.0/16", "127.0.0.0/8", "10.0.0.0/8", "127.1.0.0/16", "127.0.1.5", "::1",
    "2001:db8::/32", "unix:", "172.16.0.0/12", "203.0.113.7", "0.0.0.0/0",
)  # fmt: skip
CLIENTS: Final = ("127.0.0.1", "127.0.0.1", "127.0.0.2", "127.0.1.5", "127.1.2.3", "127.9.9.9")
FORWARDED: Final = (
    "10.0.0.1", "203.0.113.7", "10.0.0.1, 127.0.0.2", "203.0.113.7, 10.1.1.1, 127.0.0.1", "not-an-address", "",
    "10.0.0.1:8080", "[2001:db8::1]:99", "2001:db8::5", "127.0.0.1, 203.0.113.7", "203.0.113.7,10.0.0.9", "unix:",
    "1.2.3.4 , 127.0.0.1",
)  # fmt: skip
VARIABLES: Final = (
    "$uri", "$request_uri", "$args", "$arg_a", "$host", "$http_host", "$remote_addr", "$scheme", "$server_name",
    "$request_method", "$is_args", "$query_string", "$cookie_session", "$remote_user", "$http_x_api_key",
    "$server_port",
    "$proxy_add_x_forwarded_for", "$http_origin", "$realip_remote_addr", "$document_uri", "$http_authorization",
    "$server_protocol", "$https", "$content_length", "$content_type", "$http_x_forwarded_for", "$proxy_host",
    "$proxy_port", "$http_cookie", "$request_filename", "$document_root", "$http_user_agent",
)  # fmt: skip
CONDITIONS: Final = (
    "$request_method = OPTIONS", "$request_method != POST", "$request_method ~ ^(GET|HEAD)$",
    "$request_method !~* post",
    '$http_authorization = ""', "$http_x_api_key", r"$http_origin ~* ^https?://(app|www)\.example\.com$",
    "$arg_key = secret", "$arg_a", "$host = a.example.com", "$uri ~ ^/api/(.*)$", "-f $request_filename",
    "!-f $request_filename", "-d $request_filename", "!-e $request_filename", "-e $document_root/a.txt",
    "$http_user_agent ~* (curl|bot)", r"$remote_addr ~ ^127\.0\.0", '$cookie_session = ""', "$scheme = http",
    "$content_type ~ multipart", "$args ~ a=1", '$request_uri ~* "//"', '$is_args = ""',
    "$http_x_forwarded_proto = http",
    "$host !~ example", "$http_origin", "$arg_a = $arg_b", '$request_method = "POST"', "-x $request_filename",
)  # fmt: skip
REWRITES: Final = (
    ("^/api/(.*)$", "/$1"), ("^/old(.*)$", "/api$1"), (r"^/v(\d+)/(.*)$", "/$2?ver=$1"), ("^/api/(.*)$", "/v1/$1?"),
    ("^", "/index.html"), ("^/(.*)/$", "/$1"), (r"(.*)\.php$", "$1"), ("^/api", "http://example.com/moved"),
    ("^/api(.*)", "https://$host$1"), ("^/old/(?<rest>.*)$", "/api/$rest"), ("(?i)^/API/(.*)$", "/api/$1?x=$arg_a"),
    ("^/docs/?(.*)$", "/static/$1"), ("^/static/(.*)$", "$scheme://$host/docs/$1"), ("^(/admin)(.*)$", "$1/$2?a=%20b"),
)  # fmt: skip
SUFFIXES: Final = (
    "", "", "", "/", "x", "x.png", "remove-bg", "?a=1&key=secret", "/../", "//", "%2Fx", "a%20b", "%41.txt", "./x",
    "/v1/x",
    "?", "?a=%2F", ".php", "//x//y", "../admin/", "%2e%2e/a.txt", "#frag", "index.html", "a.txt", "?a=1?b=2", "%C3%A9",
    "..%2fadmin", "+", ";p=1", "img/x.png", "/.", "%3Fx", "a&b", "%25", '"q"', "~u", "x/.", "X",
)  # fmt: skip

LAST_WORDS: Final = (
    "=404", "=403", "/index.html", "/api/x?u=$uri", "=204", "=444", "=500", "$uri.x", "=418",
)  # fmt: skip
ERRORS: Final = ("400", "401", "403", "404", "405", "413", "414", "418", "494", "500", "502", "301")
ERROR_PAGES: Final = (
    "/50x.html", "/404.html", "/api/err?x=$uri", "https://example.com/err", "/nothing", "$uri.err",
    "https://$host/err?u=$request_uri", "/50x.html?$args",
)  # fmt: skip


class Generator:
    """Cases from one seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.hints = Hints()
        self.maps: list[str] = []
        self.names: list[str] = []
        self.counter = 0

    def case(self, requests: int) -> Case:
        """One configuration and its requests."""
        lines = [*self._http_lines(), *self._servers()]
        return Case(self.seed, Config(tuple(lines)), tuple(self._request() for _ in range(requests)))

    # chance

    def one(self, *choices: str) -> str:
        """One of these."""
        return self.random.choice(choices)

    def often(self, probability: float) -> bool:
        """Whether it happens this time."""
        return self.random.random() < probability

    def some(self, choices: tuple[str, ...], least: int, most: int) -> list[str]:
        """A few of these, in any order, none twice."""
        return self.random.sample(choices, min(self.random.randint(least, most), len(choices)))

    def new(self, stem: str) -> str:
        """A name that was not used before."""
        self.counter += 1
        return f"{stem}{self.counter}"

    def value(self) -> str:
        """A header's value: fixed, empty, or with variables."""
        variables = (*VARIABLES, *self.maps)
        kind = self.random.random()
        if kind < 0.15:
            return '""'
        if kind < 0.3:
            return self.one("yes", "'a b'", '"*"', "https://app.example.com", "close", "example.com")
        if kind < 0.8:
            return self.one(*variables)
        return f'"{self.one(*variables)}:{self.one(*variables)}"'

    # the http block

    def _http_lines(self) -> Iterator[Line]:
        yield Line("upstream back", (Line("server {{upstream}}"), *((Line("keepalive 4"),) if self.often(0.2) else ())))
        if self.often(0.2):
            yield Line("server_names_hash_bucket_size 128")
        for _ in range(self.random.choice((0, 0, 1, 2))):
            yield self._map()
        for _ in range(self.random.choice((0, 0, 0, 1))):
            yield self._geo()
        yield from self._families(Context("http"), self.random.choice((0, 0, 0, 0, 1, 2)))

    def _map(self) -> Line:
        source = self.one("$http_x_api_key", "$arg_a", "$uri", "$http_origin", "$request_method", "$host",
                          "$http_user_agent",
                          "$remote_addr", "$http_upgrade", '"$request_method:$uri"')  # fmt: skip
        entries = (
            [Line(f"default {self.one('0', '1', 'deny', 'back', '$host', chr(34) * 2)}")] if self.often(0.8) else []
        )
        entries += [Line("hostnames")] if source == "$host" and self.often(0.7) else []
        entries += [Line("volatile")] if self.often(0.1) else []
        keys = ("GET", "POST", "~^/api", "~*curl", r"~^/v(?<mv>\d+)", "1", "secret", '""', "*.example.com",
                "a.example.com",
                "example.*", ".example.org", "~^https://app", "127.0.0.1", r"~^127\.0\.", r"\default", "~POST:/api",
                "https://app.example.com", r"~^(?<mp>[a-z]+)\.example", r"~*^/API/(?<mp>.*)$", r"\.example.org",
                r"~^(?<mp>.*)$")  # fmt: skip
        values = ("0", "1", "allow", "deny", "$http_origin", '""', "$arg_b", '"a b"', "$mv", "$mp", '"<$arg_a>"')
        entries += [Line(f"{key} {self.one(*values)}") for key in self.some(keys, 1, 5)]
        self.random.shuffle(entries)
        name = self.new("$m")
        self.maps.append(name)
        return Line(f"map {source} {name}", tuple(entries))

    def _geo(self) -> Line:
        name = self.new("$g")
        self.maps.append(name)
        if self.often(0.25):
            return self._geo_ranges(name)
        networks = tuple(net for net in NETWORKS if net != "unix:")
        entries = [Line(f"default {self.one('0', 'deny', chr(34) * 2)}")] if self.often(0.7) else []
        entries += [Line(f"proxy {self.one('127.0.0.1', '127.0.0.0/8')}")] if self.often(0.2) else []
        entries += [Line(f"{net} {self.one('0', '1', 'allow', 'deny')}") for net in self.some(networks, 1, 5)]
        source = self.one("", "", "$arg_ip ", "$http_x_real_ip ")
        self.hints.queries += ["ip=127.0.0.1", "ip=10.2.3.4", "ip=x", "ip=2001:db8::1"]
        return Line(f"geo {source}{name}", tuple(entries))

    def _geo_ranges(self, name: str) -> Line:
        entries = [Line("ranges"), *([Line("default out")] if self.often(0.6) else [])]
        ranges = ("127.0.0.1-127.0.0.1", "127.0.0.0-127.0.0.255", "127.0.0.0-127.1.255.255", "10.0.0.0-10.255.255.255",
                  "127.0.1.5-127.0.1.9", "0.0.0.0-126.255.255.255", "203.0.113.0-203.0.113.255")  # fmt: skip
        entries += [Line(f"{each} {self.one('0', '1', 'deny')}") for each in self.some(ranges, 1, 4)]
        self.hints.queries += ["ip=127.0.0.1", "ip=10.2.3.4", "ip=x"]
        return Line(f"geo {self.one('', '', '$arg_ip ')}{name}", tuple(entries))

    # servers

    def _servers(self) -> Iterator[Line]:
        self.hints.six, self.hints.unix = self.often(0.2), self.often(0.1)
        count = self.random.choice((1, 1, 1, 2, 2, 3, 4))
        ports = [self.random.randrange(2) if count > 1 else 0 for _ in range(count)]
        free_names = list(HOST_NAMES)
        self.random.shuffle(free_names)
        defaults: set[int] = set()
        for port in ports:
            default = port not in defaults and self.often(0.15)
            defaults |= {port} if default else set()
            yield self._server(port, free_names, default=default)
        if self.often(0.06):
            yield self._tls_server()
        self.hints.ports += ports

    def _server(self, port: int, names: list[tuple[str, ...]], *, default: bool) -> Line:
        mark = " default_server" if default else ""
        where = "{{port" + str(port or "") + "}}"
        listens = [Line(f"listen 127.0.0.1:{where}{mark}")]
        listens += [Line(f"listen [::1]:{where}{mark}")] if self.hints.six else []
        listens += [Line(f"listen unix:{{{{socket}}}}{mark}")] if self.hints.unix and port == 0 else []
        chosen = [names.pop() for _ in range(min(self.random.choice((0, 1, 1, 2, 3)), len(names)))]
        for name, *examples in chosen:
            self.hints.hosts += examples or [name]
        listens += [Line("server_name " + " ".join(name for name, *_ in chosen))] if chosen else []
        return Line("server", (*listens, *self._server_body()))

    def _tls_server(self) -> Line:
        self.hints.ports.append(-1)
        lines = [Line("listen 127.0.0.1:{{tls_port}} ssl"), Line("ssl_certificate {{certs}}/server.pem"),
                 Line("ssl_certificate_key {{certs}}/server.key"), Line("ssl_client_certificate {{certs}}/ca.pem"),
                 Line(f"ssl_verify_client {self.one('on', 'optional', 'optional_no_ca', 'off')}")]  # fmt: skip
        if self.often(0.5):
            lines.append(Line("if ($ssl_client_verify != SUCCESS)", (Line("return 403"),)))
        lines.append(Line("add_header X-Verify $ssl_client_verify always"))
        return Line("server", (*lines, *self._server_body()))

    def _server_body(self) -> Iterator[Line]:
        self.names = self.some(("@fallback", "@back", "@missing"), 0, 2)
        yield Line("root {{root}}")
        yield from self._families(Context("server"), self.random.choice((0, 0, 0, 1, 1, 2)))
        if self.often(0.12):
            yield self._if("server-if")
        if self.often(0.1):
            yield from (Line(self._rewrite()) for _ in range(self.random.choice((1, 1, 2, 3))))
        if self.often(0.04):
            yield from self._return()
        if self.often(0.04):
            yield from self._try_files(Context("server"))
        taken: set[str] = set()
        for _ in range(self.random.choice((0, 1, 1, 2, 2, 3, 4, 5))):
            yield from self._location(taken, depth=0)
        if "/" not in taken and self.often(0.75):
            yield Line("location /", tuple(self._location_body(Context("location", "", "/"))))
        if self.often(0.2):
            yield Line("location = /50x.html", tuple(self._page_of_errors()))
        yield Line("location = /auth", tuple(self._auth_service()))
        yield Line("location = /auth/", (Line("internal"), Line("proxy_pass http://{{auth}}")))
        for name in self.names:
            if name != "@missing":
                yield Line(f"location {name}", tuple(self._location_body(Context("location", "@", name))))

    def _page_of_errors(self) -> Iterator[Line]:
        if self.often(0.5):
            yield Line("internal")
        yield from ADD_HEADER(self, Context("location"))
        if self.often(0.3):
            yield from self._return()

    def _auth_service(self) -> Iterator[Line]:
        yield Line("error_page 599 /nowhere")  # inherits none: a subrequest that is proxied looks like the request
        if self.often(0.5):
            yield Line("internal")
        if self.often(0.4):
            yield Line('if ($http_authorization = "")', (Line(f"return {self.one('401', '403', '500')}"),))
        yield Line(f"return {self.one('200', '204', '204', '401', '403', '404', '302 /login.html')}")

    # locations

    def _location(self, taken: set[str], *, depth: int, inside: str = "", among: str = "") -> Iterator[Line]:
        match = self.one("~", "~*") if among.startswith("~") else self.one("", "", "", "", "=", "^~", "~", "~*")
        pattern = self.one(*(REGEXES if match.startswith("~") else PREFIXES))
        if inside and not match.startswith("~"):
            pattern = inside + self.one("x", "v1/", "remove-bg", "x/")
        key = pattern if match in {"", "^~"} else f"{match} {pattern}"
        if key in taken:
            return
        taken.add(key)
        if not match.startswith("~"):
            self.hints.paths.append(pattern.replace(" ", "%20"))
        context = Context("location", match, pattern)
        body = list(self._location_body(context))
        if depth < 2 and match in {"", "^~", "~", "~*"} and self.often(0.2):
            body += self._location(taken, depth=depth + 1, inside=pattern, among=match)
        shown = f'"{pattern}"' if set(pattern) & set(" {};") else pattern
        yield Line(" ".join(filter(None, ("location", match, shown))), tuple(body))

    def _location_body(self, context: Context) -> Iterator[Line]:
        if self.often(0.04) and context.match != "@":
            yield Line("internal")
        yield from self._families(context, self.random.choice((0, 0, 1, 1, 1, 2, 3)))
        for _ in range(self.random.choice((0, 0, 0, 0, 0, 1, 1, 2))):
            yield self._if("location-if")
        if self.often(0.1):
            yield self._limit_except()
        yield from self._ending(context)

    def _ending(self, context: Context) -> Iterator[Line]:
        endings: tuple[tuple[int, Callable[[Context], Iterator[Line]]], ...] = (
            (20, self._proxy_pass), (2, lambda _: self._return()), (2, self._alias), (2, self._try_files),
            (4, self._rewritten), (1, lambda _: iter(())), (1, self._simple), (1, self._proxy_by_variable),
        )  # fmt: skip
        (ending,) = self.random.choices([ending for _, ending in endings], [weight for weight, _ in endings])
        yield from ending(context)

    def _proxy_pass(self, context: Context) -> Iterator[Line]:
        base = self.one("http://{{upstream}}", "http://{{upstream}}", "http://back")
        if context.takes_uri and self.often(0.5):
            uri = self.one("/", "/", "/api/", "/v1", "/a%20b/", "/x?y=1", "/a/../b/")
        elif self.often(0.2):
            uri = self.one(
                "$request_uri",
                "$uri",
                "$uri$is_args$args",
                "/fixed$is_args$args",
                "/$arg_a",
                "/x/$uri?b=1",
                "?z=$arg_a",
            )
            if context.match == "~" and "(" in context.path and self.often(0.5):
                uri = "/$1"
        else:
            uri = ""
        if self.often(0.1) and context.kind != "limit_except":
            name = self.new("$b")
            yield Line(f"set {name} {self.one('{{upstream}}', 'back', 'back', 'nowhere.example', '$arg_a')}")
            base = f"http://{name}"
        yield Line(f"proxy_pass {base}{uri}")

    def _simple(self, _: Context) -> Iterator[Line]:
        yield Line(self.one("empty_gif", "stub_status"))

    def _proxy_by_variable(self, _: Context) -> Iterator[Line]:
        name = self.new("$p")
        yield Line(f"set {name} {self.one('/fixed', '$uri', '$request_uri', '$arg_a', '/x$is_args$args')}")
        if self.often(0.3):
            yield Line(self._rewrite())
        yield Line(f"proxy_pass http://{{{{upstream}}}}{name}")

    def _return(self) -> Iterator[Line]:
        yield Line("return " + self.one("http://$host$uri", "https://$server_name:$server_port$request_uri",
                                        "302 /x?a=$arg_a&b=$is_args", "301 $uri?b", "303 //other/", "304",
                                        "206 part", "302", "308", "201", "$scheme://x/$1", "302 $http_referer", "403",
                                        "401", "404", "200", '200 "ok $uri"', "204", "301 https://$host$request_uri",
                                        "302 /login.html", "https://example.com/x", "444", "500", "405 no", "418",
                                        "308 /api/",
                                        "429", "307 $uri/", '503 "busy"', "413",
                                        "301 $scheme://$http_host/"))  # fmt: skip

    def _alias(self, context: Context) -> Iterator[Line]:
        if context.match == "@" or (context.match in {"~", "~*"} and "(" not in context.path):
            yield Line("root " + self.one("{{root}}/docs", "{{root}}", "{{root}}$arg_a", "{{root}}/$host"))
        elif context.match in {"~", "~*"}:
            yield Line("alias " + self.one("{{root}}/docs/$1", "{{root}}/$1", "{{root}}/a.txt", "{{root}}/docs/"))
        elif self.often(0.6):
            yield Line("alias " + self.one("{{root}}/docs/", "{{root}}/static/", "{{root}}/a.txt", "{{root}}/docs"))
        else:
            yield Line("root " + self.one("{{root}}/docs", "{{root}}/nowhere"))

    def _try_files(self, context: Context) -> Iterator[Line]:
        parts = self.some(("$uri", "$uri/", "$uri.html", "/index.html", "$uri/index.html", "/static$uri"), 1, 3)
        yield Line(f"try_files {' '.join(parts)} " + self.one(*LAST_WORDS, *self.names))
        if self.often(0.2):
            yield from self._proxy_pass(context)

    def _rewritten(self, context: Context) -> Iterator[Line]:
        for _ in range(self.random.choice((1, 1, 2))):
            yield Line(self._rewrite())
        if self.often(0.75):
            yield from self._proxy_pass(context)

    def _rewrite(self) -> str:
        pattern, replacement = self.random.choice(REWRITES)
        flag = self.one("", "last", "break", "break", "redirect", "permanent")
        return f"rewrite {pattern} {replacement} {flag}".rstrip()

    def _if(self, kind: str) -> Line:
        conditions = (*CONDITIONS, *self.maps, *(f"{name} = {self.one('1', 'deny')}" for name in self.maps))
        return Line(f"if ({self.one(*conditions)})", tuple(self._if_body(kind)))

    def _if_body(self, kind: str) -> Iterator[Line]:
        name = self.new("$s")
        simple: list[Callable[[], Iterator[Line]]] = [
            self._return, self._return, lambda: iter([Line(self._rewrite())]),
            lambda: iter([Line(f"set {name} 1"), Line("break")]), lambda: iter([Line(f"set {name} $uri")]),
        ]  # fmt: skip
        if kind == "location-if":
            simple += [
                lambda: iter(ADD_HEADER(self, Context(kind))),
                lambda: self._proxy_pass(Context(kind)),
                lambda: iter([*ADD_HEADER(self, Context(kind)), *self._return()]),
                lambda: iter([Line("error_page 403 404 /50x.html"), *self._return()]),
            ]
        yield from self.random.choice(simple)()

    def _limit_except(self) -> Line:
        methods = " ".join(self.some(("GET", "POST", "PUT", "OPTIONS", "DELETE"), 1, 3))
        inside = (
            [*ACCESS(self, Context("limit_except"))] if self.often(0.8) else [*BASIC(self, Context("limit_except"))]
        )
        inside += self._proxy_pass(Context("limit_except")) if self.often(0.15) else []
        return Line(f"limit_except {methods}", tuple(inside))

    def _families(self, context: Context, count: int) -> Iterator[Line]:
        fitting = [family for family in FAMILIES if context.kind in family.contexts]
        weights = [family.weight for family in fitting]
        chosen = {id(family): family for family in self.random.choices(fitting, weights, k=count)}
        for family in chosen.values():
            yield from family.make(self, context)

    # requests

    def _request(self) -> Request:
        port = self.random.choice(self.hints.ports)
        version = "1.0" if self.often(0.08) else "1.1"
        method = self.one(
            *["GET"] * 24, *["POST"] * 12, *["OPTIONS"] * 6, "HEAD", "HEAD", "PUT", "DELETE", "PATCH", "PURGE", "TRACE"
        )
        request = Request(
            method=method,
            target=self._target(),
            host=None if version == "1.0" and self.often(0.4) else self._host(),
            headers=tuple(self._headers()),
            client=self._client(port),
            port=port,
            tls=port == -1,
            certificate=self.random.choice(list(Certificate)) if port == -1 else Certificate.NONE,
            http_version=version,
        )
        return self._with_body(self._odd(request))

    def _odd(self, request: Request) -> Request:
        """Once in a while something that few clients send."""
        if not self.often(0.06):
            return request
        odd: tuple[dict[str, str], ...] = (
            {"method": "get"}, {"method": "CONNECT"}, {"target": "*"}, {"target": "no-slash"}, {"target": "/%zz"},
            {"target": "/../x"}, {"target": "http://a.example.com/api/x?a=1"}, {"target": "/a%00b"},
            {"target": "HTTP://b.example.com"}, {"method": "OPTIONS", "target": "*"},
            {"target": "https://" + (request.host or "x") + request.target}, {"target": "/" + "x" * 3000},
            {"target": "/é"},
            {"target": "/a b"}, {"target": "http://" + (request.host or "x") + request.target},
            {"target": "http://a.example.com:99" + request.target}, {"target": "http://a.example.com?x=1"},
            {"target": "http://[::1]/x"}, {"target": "http://a_b/"}, {"target": "http:///x"},
        )  # fmt: skip
        return replace(request, **self.random.choice(odd))  # type: ignore[arg-type]

    def _target(self) -> str:
        base = self.one(*self.hints.paths, *self.hints.paths, "/api/x", "/a.txt", "/nothing", "/docs", "/empty",
                        "/secret.txt",
                        "/locked/x.txt", "/img/photo.JPG", "/auth", "/v1/x", "/old/x", "/static/app.css")  # fmt: skip
        target = base + self.one(*SUFFIXES)
        if self.hints.queries and self.often(0.4):
            target += ("&" if "?" in target else "?") + self.one(*self.hints.queries)
        return target

    def _host(self) -> str | None:
        kind = self.random.random()
        if kind < 0.01:
            return None
        if kind < 0.05:
            return self.one("a..b", "exa mple", "A.Example.COM", "a.example.com:99", "a.example.com.", "[::1]", "",
                            "x/y", "[::1]:80",
                            "127.0.0.1", ".example.com", "a.example.com:", "a_b.c")  # fmt: skip
        return self.one(*self.hints.hosts, *self.hints.hosts, "a.example.com", "localhost", "other.net")

    def _client(self, port: int) -> str:
        if port == 0 and self.hints.unix and self.often(0.3):
            return "unix:"
        if port >= 0 and self.hints.six and self.often(0.4):
            return "::1"
        return self.one(*CLIENTS)

    def _headers(self) -> Iterator[tuple[str, str]]:
        pool = (
            HEADERS
            + [("X-Forwarded-For", self.one(*FORWARDED)), ("X-Real-IP", self.one(*FORWARDED))]
            + self.hints.headers * 3
        )
        chosen = self.random.choices(pool, k=self.random.choice((0, 1, 1, 2, 2, 3, 4, 6)))
        doubled = self.often(0.15)
        names = [name.lower() for name, _ in chosen]
        yield from (header for n, header in enumerate(chosen) if doubled or names.index(header[0].lower()) == n)
        if self.often(0.04):
            yield self.random.choice(ODD_HEADERS)

    def _with_body(self, request: Request) -> Request:
        if request.method not in {"POST", "PUT", "PATCH"} and not self.often(0.03):
            return request
        size = self.random.choice((0, 10, 10, 600, 2000, *self.hints.bodies, *self.hints.bodies))
        chunked = self.often(0.2) and request.http_version == "1.1"
        return replace(request, body_bytes=size, chunked=chunked)


HOST_NAMES: Final = (
    ("a.example.com",), ("b.example.com",), ("*.example.com", "x.example.com", "y.z.example.com"),
    ("example.*", "example.org", "example.co.uk"), (".example.org", "example.org", "www.example.org"),
    (r"~^(?<sub>.+)\.example\.net$", "api.example.net"), ('""', "other.net"), ("_", "_"), ("localhost",),
    ("*.b.example.com", "q.b.example.com"), ("www.example.*", "www.example.com"), (r"~^api\d", "api7.other.net"),
    ("A.Mixed.Example.COM", "a.mixed.example.com"), ("127.0.0.1",),
)  # fmt: skip
HEADERS: Final = [
    ("Authorization", "Basic " + base64.b64encode(b"user:pass").decode()),
    ("Authorization", "Basic " + base64.b64encode(b"user:wrong").decode()),
    ("Authorization", "Basic " + base64.b64encode(b"nobody:x").decode()),
    ("Authorization", "Basic !!!"), ("authorization", "basic " + base64.b64encode(b"user:pass").decode()),
    ("Authorization", "Bearer sk_test_1"), ("X-API-Key", "secret"), ("X_API_KEY", "secret"), ("x-api-key", "other"),
    ("Origin", "https://app.example.com"), ("Origin", "null"), ("Origin", "https://evil.test"),
    ("User-Agent", "curl/8.0"), ("User-Agent", "Mozilla/5.0"), ("Cookie", "session=1; a=b"), ("Cookie", "b=2"),
    ("Referer", "https://www.example.com/page"), ("Referer", "https://evil.test/"), ("Referer", "garbage"),
    ("X-Custom", "1"), ("X-Custom", ""), ("X.Dot", "1"), ("X-Long", "y" * 1500),
    ("Connection", "keep-alive, Upgrade"), ("Upgrade", "websocket"), ("TE", "trailers"), ("Accept", "*/*"),
    ("Content-Type", "multipart/form-data; boundary=x"), ("Content-Type", "application/json"), ("Keep-Alive", "5"),
    ("X-Forwarded-Proto", "http"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil.test"),
    ("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "authorization"),
    ("Proxy-Connection", "close"),
    ("X-Stub-Status", "403"), ("X-Stub-Status", "404"), ("X-Stub-Status", "500"),
    ("via", "1.1 x"), ("X-Trail", "a b  c"),
]  # fmt: skip
ODD_HEADERS: Final = (
    ("If-Match", "*"), ("Range", "bytes=0-1"), ("Host", "second.example.com"), ("X-Sub:", "1"), ("X-Bad Name", "1"),
    ("X-Utf8", "é"), ("X-Very-Long", "y" * 9000), ("Expect", "100-continue"), ("", "empty"), ("_leading", "1"),
    ("X-Tab", "a\tb"), ("Content-Length", "0"), ("Transfer-Encoding", "gzip"), ("Bad(name)", "1"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of directive and where it may stand."""

    contexts: frozenset[str]
    weight: int
    make: Callable[[Generator, Context], Iterator[Line]]

    def __call__(self, generator: Generator, context: Context) -> Iterator[Line]:
        """Its lines."""
        return self.make(generator, context)


FAMILIES: Final[list[Family]] = []


def family(*contexts: str, weight: int = 2) -> Callable[[Callable[[Generator, Context], Iterator[Line]]], Family]:
    """Enter a function in the list of families."""

    def enter(make: Callable[[Generator, Context], Iterator[Line]]) -> Family:
        entered = Family(frozenset(contexts), weight, make)
        FAMILIES.append(entered)
        return entered

    return enter


_ALL: Final = ("http", "server", "location")


@family(*_ALL, weight=3)
def ACCESS(g: Generator, _: Context) -> Iterator[Line]:  # noqa: N802 - families are constants
    """Rules for addresses."""
    for network in g.some(NETWORKS, 1, 4):
        yield Line(f"{g.one('allow', 'allow', 'allow', 'deny')} {network}")
    if g.often(0.7):
        yield Line(g.one("deny all", "allow all"))


@family(*_ALL)
def BASIC(g: Generator, context: Context) -> Iterator[Line]:  # noqa: N802
    """Passwords, sometimes with ``satisfy`` and addresses."""
    if g.often(0.2):
        yield Line("auth_basic off")
        return
    yield Line(f"auth_basic {g.one(chr(34) + 'the zone' + chr(34), 'zone', '$host')}")
    yield Line("auth_basic_user_file {{htpasswd}}" if g.often(0.95) else "auth_basic_user_file {{root}}/nowhere")
    if context.kind != "limit_except" and g.often(0.4):
        yield Line(f"satisfy {g.one('any', 'any', 'all')}")


@family(*_ALL)
def auth_request(g: Generator, context: Context) -> Iterator[Line]:
    """A subrequest that decides."""
    if context.kind == "location" and g.often(0.2):
        yield Line("auth_request off")
        return
    yield Line(f"auth_request {g.one('/auth', '/auth', '/auth/')}")
    if g.often(0.2):
        yield Line("auth_request_set $who $remote_addr")


@family(*_ALL, weight=4)
def ADD_HEADER(g: Generator, _: Context) -> Iterator[Line]:  # noqa: N802
    """Headers of the answer."""
    names = (
        "Access-Control-Allow-Origin",
        "Access-Control-Allow-Headers",
        "X-Seen",
        "X-Other",
        "Access-Control-Allow-Credentials",
    )
    for name in g.some(names, 1, 3):
        yield Line(f"add_header {name} {g.value()}{g.one('', ' always')}")


@family(*_ALL, weight=4)
def proxy_set_header(g: Generator, _: Context) -> Iterator[Line]:
    """Headers for the upstream."""
    names = ("Host",
             "X-Real-IP", "X-Forwarded-For", "Authorization", "X-API-Key", "Connection", "X-Custom", "Cookie", "X-New",
             "Accept-Encoding", "Upgrade")  # fmt: skip
    for name in g.some(names, 1, 4):
        yield Line(f"proxy_set_header {name} {g.value()}")


@family(*_ALL, weight=3)
def body_size(g: Generator, _: Context) -> Iterator[Line]:
    """How large a body may be."""
    size, near = g.random.choice((("1k", 1024), ("500", 500), ("0", 5000), ("10m", 5000), ("2K", 2048)))
    g.hints.bodies += [near, near + 1]
    yield Line(f"client_max_body_size {size}")


@family(*_ALL, weight=3)
def error_page(g: Generator, context: Context) -> Iterator[Line]:
    """Other answers for errors."""
    for _ in range(g.random.choice((1, 1, 2))):
        codes = " ".join(g.some(ERRORS, 1, 3))
        answer = g.one("", "", "", "=200", "=", "=204", "=403", "=301", "=404")
        names = () if context.kind == "http" else tuple(g.names)
        target = g.one(*ERROR_PAGES, *names, *names)
        yield Line(" ".join(filter(None, ("error_page", codes, answer, target))))
    if g.often(0.25):
        yield Line("recursive_error_pages on")
    if g.often(0.25):
        yield Line("proxy_intercept_errors on")


@family(*_ALL)
def realip(g: Generator, _: Context) -> Iterator[Line]:
    """Whose word is taken for the caller's address."""
    for network in g.some(
        ("127.0.0.1", "127.0.0.0/8", "10.0.0.0/8", "::1", "unix:", "0.0.0.0/0", "127.0.0.0/24"), 1, 3
    ):
        yield Line(f"set_real_ip_from {network}")
    if g.often(0.85):
        yield Line(f"real_ip_header {g.one('X-Forwarded-For', 'X-Forwarded-For', 'X-Real-IP', 'CF-Connecting-IP')}")
    if g.often(0.4):
        yield Line("real_ip_recursive on")
    g.hints.headers += [
        (name, value) for name in ("X-Forwarded-For", "X-Real-IP", "CF-Connecting-IP") for value in FORWARDED
    ]


@family(*_ALL)
def proxy_flags(g: Generator, context: Context) -> Iterator[Line]:
    """What of a request is handed on."""
    flags = ("proxy_pass_request_headers off",
             "proxy_pass_request_body off", "proxy_http_version 1.1", "proxy_method PUT",
             "proxy_hide_header X-Stub", "proxy_request_buffering off", "proxy_buffering off", "proxy_redirect off",
             "proxy_ignore_client_abort on")  # fmt: skip
    yield from map(Line, g.some(flags, 1, 3) if context.kind == "location" else g.some(flags[2:], 1, 2))


@family("http", "server", weight=1)
def header_rules(g: Generator, _: Context) -> Iterator[Line]:
    """What is taken from the wire."""
    rules = ("underscores_in_headers on",
             "ignore_invalid_headers off", "merge_slashes off", "large_client_header_buffers 2 1k",
             "large_client_header_buffers 4 2k", "client_header_buffer_size 256", "server_tokens off")  # fmt: skip
    chosen = g.some(rules, 1, 2)
    yield from (
        Line(rule) for n, rule in enumerate(chosen) if rule.split()[0] not in {r.split()[0] for r in chosen[:n]}
    )


@family("server", "location")
def redirecting(g: Generator, _: Context) -> Iterator[Line]:
    """How nginx spells the redirects it makes itself."""
    switches = ("absolute_redirect off", "port_in_redirect off", "server_name_in_redirect on", "merge_slashes off")
    yield from map(Line, g.some(switches[:3], 1, 3))


@family("server", "location")
def asked_first(g: Generator, _: Context) -> Iterator[Line]:
    """A subrequest whose refusal goes elsewhere."""
    yield Line(f"auth_request {g.one('/auth', '/auth/')}")
    target = g.one("@fallback", "@back", "/login.html", "/50x.html", "https://login.example/?r=$request_uri")
    yield Line(f"error_page {g.one('401', '403', '401 403', '401 500')} {g.one('', '=', '=200', '=302')} {target}")
    if g.often(0.3):
        yield Line("satisfy any")
        yield from ACCESS(g, Context("location"))


@family("server", "location", weight=1)
def either(g: Generator, context: Context) -> Iterator[Line]:
    """Addresses behind a proxy, or a password."""
    yield Line("satisfy any")
    yield from ACCESS(g, context)
    yield from (line for line in BASIC(g, Context("limit_except")) if not line.text.startswith("satisfy"))
    yield from realip(g, context)


@family("location")
def secure_link(g: Generator, _: Context) -> Iterator[Line]:
    """Links that expire, or are signed."""
    if g.often(0.5):
        yield Line("secure_link $arg_md5")
        yield Line('secure_link_md5 "$arg_a secret"')
        expires = ""
    else:
        yield Line("secure_link $arg_md5,$arg_e")
        yield Line('secure_link_md5 "$secure_link_expires$arg_a secret"')
        expires = g.one("100", "4000000000")
    digest = base64.urlsafe_b64encode(hashlib.md5(f"{expires}1 secret".encode()).digest()).decode().rstrip("=")
    g.hints.queries += [f"a=1&md5={digest}&e={expires}", "md5=AAAAAAAAAAAAAAAAAAAAAA&e=4000000000", "md5=x"]
    yield Line('if ($secure_link = "")', (Line("return 403"),))
    yield Line('if ($secure_link = "0")', (Line("return 410"),))


@family("server", "location")
def referers(g: Generator, _: Context) -> Iterator[Line]:
    """Pages that may link here."""
    names = g.some(
        ("none", "blocked", "server_names", "*.example.com", "www.example.com/page", r"~\.example\.", "example.*"), 1, 4
    )
    yield Line("valid_referers " + " ".join([*names, "ok.example.com"]))
    yield Line("if ($invalid_referer)", (Line("return 403"),))


@family("server", "location")
def settings(g: Generator, _: Context) -> Iterator[Line]:
    """Variables."""
    name = g.new("$v")
    yield Line(f"set {name} {g.value()}")
    if g.often(0.15):
        yield Line(f"set $args {g.one('a=2', chr(34) * 2, '$args&b=2', '$arg_a')}")
    yield Line(f"set {name}x ${{arg_a}}{name}")


@family(*_ALL, weight=1)
def listing(g: Generator, _: Context) -> Iterator[Line]:
    """What a folder shows."""
    if g.often(0.5):
        yield Line("autoindex on")
    yield Line("index " + " ".join(g.some(("index.html", "guide.txt", "nowhere.html", "/a.txt"), 1, 2)))


@family("location", weight=1)
def kinds(g: Generator, _: Context) -> Iterator[Line]:
    """Types of content."""
    yield Line("default_type " + g.one("text/plain", "application/json"))
    if g.often(0.4):
        yield Line("types", (Line("text/plain txt png"),))


def shrunk(config: Config, disagrees: Callable[[Config], bool], *, tries: int = 250) -> Config:
    """The smallest configuration found that still ``disagrees``: lines go one by one while it stays so."""
    left, again = tries, True
    while again and left > 0:
        again = False
        for smaller in list(_without_one(config.lines)):
            left -= 1
            candidate = Config(smaller)
            if left > 0 and disagrees(candidate):
                config, again = candidate, True
                break
    return config


def _without_one(lines: tuple[Line, ...]) -> Iterator[tuple[Line, ...]]:
    """Every way to leave out one line, outermost first."""
    for index in range(len(lines)):
        yield lines[:index] + lines[index + 1 :]
    for index, line in enumerate(lines):
        for block in _without_one(line.block or ()):
            yield (*lines[:index], replace(line, block=block), *lines[index + 1 :])
