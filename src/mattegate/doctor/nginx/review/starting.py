"""What nginx refuses to start with although it can be read: too many words, a location twice, a URI where none may be.

Only what no version and no module of nginx takes is here; a name that is not known may be another module's.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from mattegate.doctor.answer import Certainty
from mattegate.doctor.nginx.names import NAMES
from mattegate.doctor.nginx.proxying import uri_part
from mattegate.doctor.nginx.review.contexts import misplaced
from mattegate.doctor.nginx.review.defined import undefined
from mattegate.doctor.nginx.review.nesting import misnested
from mattegate.doctor.nginx.review.patterns import broken_patterns
from mattegate.doctor.nginx.review.sockets import two_defaults, without_certificate
from mattegate.doctor.nginx.review.stopping import stopped, written
from mattegate.doctor.nginx.review.twice import named_twice
from mattegate.doctor.nginx.review.values import misvalued
from mattegate.doctor.nginx.values import has_variables

if TYPE_CHECKING:
    from mattegate.doctor.clue import Clue
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.listening import Servers
    from mattegate.doctor.nginx.scope import Scope
    from mattegate.doctor.nginx.tree import Tree

_ONE: Final = (
    "proxy_pass", "allow", "deny", "root", "alias", "client_max_body_size", "auth_basic", "auth_basic_user_file",
    "auth_request", "satisfy", "proxy_hide_header", "proxy_http_version", "proxy_read_timeout", "proxy_send_timeout",
    "proxy_connect_timeout", "proxy_buffering", "proxy_request_buffering", "proxy_intercept_errors", "real_ip_header",
    "real_ip_recursive", "set_real_ip_from", "underscores_in_headers", "ssl_certificate", "ssl_certificate_key",
    "limit_req_status", "limit_conn_status", "proxy_pass_request_headers", "client_body_timeout", "server_tokens",
)  # fmt: skip
_WORDS: Final = MappingProxyType(
    dict.fromkeys(_ONE, (1, 1))
    | {"proxy_set_header": (2, 2), "set": (2, 2), "add_header": (2, 3), "return": (1, 2), "rewrite": (2, 3)}
)
"""How many words may follow, by the modules' tables of commands."""
_NO_URI: Final = (
    '"proxy_pass" cannot have URI part in location given by regular expression, or inside named location, or inside '
    '"if" statement, or inside "limit_except" block'
)


_OTHERS: Final = (
    "server_name", "listen", "location", "include", "limit_except", "limit_req", "limit_conn", "error_page",
    "try_files", "index", "internal", "access_log", "error_log", "expires", "default_type", "client_body_buffer_size",
)  # fmt: skip
_USUAL: Final = tuple(sorted({*_WORDS, *_OTHERS}))
"""Names that a slip of the pen is compared with: all of them long enough that nothing else is spelled so nearly."""
_NEARLY: Final = 0.9


def misspelled(http: Scope) -> Iterator[Clue]:
    """Names that are nearly one of nginx's own; another module may have them, so they are only likely to be slips."""
    for _, line in written(http.directive):
        near = _meant(line.name) if line.name not in NAMES else None
        if near is not None:
            problem = f'unknown directive "{line.name}", which may be meant for "{near}"'
            yield stopped(problem, line, certainty=Certainty.LIKELY)


_SHORTEST: Final = 6


@lru_cache(maxsize=1_024)
def _meant(name: str) -> str | None:
    """The name of nginx's own that is spelled nearly so."""
    return next(iter(get_close_matches(name, _USUAL, 1, _NEARLY)), None) if len(name) > _SHORTEST else None


def refused(tree: Tree, http: Scope, servers: Servers) -> Iterator[Clue]:
    """The lines at which nginx stops."""
    if not tree.whole and any(_is_of_stream(server) for server in http.own("server")):
        return
    yield from misspelled(http)
    yield from misplaced(http.directive)
    yield from misvalued(http.directive)
    yield from misnested(http.directive)
    yield from broken_patterns(http.directive)
    yield from named_twice(http)
    yield from two_defaults(servers)
    yield from without_certificate(tree, servers)
    yield from undefined(tree, http)
    for block in (http.directive, *(line for _, line in written(http.directive))):
        yield from _as_written(block)


def _is_of_stream(server: Directive) -> bool:
    """Whether a piece is meant for the ``stream`` block: it hands connections on by address, without any URL."""
    passes = [line for line in server.named("proxy_pass") if line.args]
    urls = any(line.args[0].lower().startswith(("http://", "https://")) for line in passes)
    return bool(passes) and not urls and not any(True for _ in server.named("location"))


def _as_written(line: Directive) -> Iterator[Clue]:
    """What one line, or the lines of one block, are stopped at."""
    yield from _ends_wrongly(line)
    least, most = _WORDS.get(line.name, (0, len(line.args)))
    if line.block is None and not least <= len(line.args) <= most:
        yield stopped(f'invalid number of arguments in "{line.name}" directive', line)
    if line.name in {"server", "location"}:
        yield from _twice(line)
    if line.name in {"http", "server", "location"}:
        yield from _repeated(line)
    if line.name == "location":
        yield from _with_uri(line)


_SIMPLE: Final = frozenset(
    {*_WORDS, "listen", "server_name", "include", "index", "error_page", "try_files", "access_log"}
)
_WITH_BLOCK: Final = frozenset({"location", "map", "upstream", "limit_except", "types", "geo"})


def _ends_wrongly(line: Directive) -> Iterator[Clue]:
    """A forgotten semicolon makes the next block part of the line before it; a forgotten brace leaves a block open."""
    if line.name in _SIMPLE and line.block is not None:
        yield stopped(f'directive "{line.name}" is not terminated by ";"', line)
    elif line.name in _WITH_BLOCK and line.block is None and line.args:
        yield stopped(f'directive "{line.name}" has no opening "{{"', line)


def _twice(block: Directive) -> Iterator[Clue]:
    seen: dict[str, Directive] = {}
    for child in block.children:
        if child.name != "location" or not child.args or child.args[0].startswith(("~", "@")):
            continue
        key = " ".join(arg for arg in child.args if arg != "^~")
        if key in seen:
            yield stopped(f'duplicate location "{child.args[-1]}"', child, seen[key])
        seen.setdefault(key, child)


_ONCE: Final = frozenset(_ONE) - {
    "allow", "deny", "proxy_hide_header", "set_real_ip_from", "ssl_certificate", "ssl_certificate_key"
}  # fmt: skip


def _repeated(block: Directive) -> Iterator[Clue]:
    """A second line of a kind of which a block takes one."""
    seen: dict[str, Directive] = {}
    for child in block.children:
        if child.name in _ONCE and child.line:
            if child.name in seen:
                yield stopped(f'"{child.name}" directive is duplicate', child, seen[child.name])
            seen.setdefault(child.name, child)


def _with_uri(location: Directive) -> Iterator[Clue]:
    """A ``proxy_pass`` with a URI where nginx knows no prefix to put it in the place of."""
    without_prefix = bool(location.args) and location.args[0].startswith(("~", "@"))
    for child in location.children:
        inner = child.children if child.name in {"if", "limit_except"} else (child,) if without_prefix else ()
        for line in inner:
            if line.name == "proxy_pass" and line.args and not has_variables(line.args[0]) and uri_part(line):
                yield stopped(_NO_URI, line)


_GONE: Final = frozenset(
    {"secrequestbodyinmemorylimit", "secserversignature", "seccachetransformations", "secchrootdir", "secguardianlog",
     "secgsblookupdb", "secstreaminbodyinspection", "secstreamoutbodyinspection"}
)  # fmt: skip
"""Lines of ModSecurity 2 that version 3, which nginx has, stops at (``src/parser/seclang-parser.yy``)."""


def refused_rules(tree: Tree) -> Iterator[Clue]:
    """The lines of rule files at which ModSecurity stops, and nginx with it."""
    for line in dict.fromkeys(line for lines in tree.rules.values() for line in lines):
        if line.name.lower() in _GONE:
            yield stopped(f"{line.name} is not supported by ModSecurity 3", line)
