"""Variables that nothing defines: nginx stops at the first, and names neither file nor line.

It is only said of a whole configuration in which everything was read and every module is nginx's own; the tables of a
piece stand elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from mattegate.doctor.nginx import foreign
from mattegate.doctor.nginx.review.stopping import stopped, written
from mattegate.doctor.nginx.values import variables_in

if TYPE_CHECKING:
    from mattegate.doctor.clue import Clue
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.scope import Scope
    from mattegate.doctor.nginx.tree import Tree

_OWN: Final = frozenset(
    {"ancient_browser", "args", "binary_remote_addr", "body_bytes_sent", "bytes_sent", "connection",
     "connections_active", "connections_reading", "connections_waiting", "connections_writing", "content_length",
     "content_type", "date_gmt", "date_local", "document_root", "document_uri", "fastcgi_path_info",
     "fastcgi_script_name", "gzip_ratio", "host", "hostname", "http2", "http3", "https", "invalid_referer", "is_args",
     "is_request_port", "limit_rate", "memcached_key", "modern_browser", "msec", "msie", "nginx_version", "pid", "pipe",
     "query_string", "quic", "realpath_root", "remote_addr", "remote_port", "remote_user", "scheme", "secure_link",
     "secure_link_expires", "server_addr", "server_name", "server_port", "server_protocol", "slice_range", "status",
     "uri", "request"}
)  # fmt: skip
_PREFIXES: Final = (
    "arg_", "cookie_", "http_", "sent_", "upstream_", "ssl_", "proxy_", "realip_", "request_", "tcpinfo_", "time_",
    "uid_", "connection_", "geoip", "jwt_", "session_", "otel_", "limit_",
)  # fmt: skip
_NAMED_LIKE_OWN: Final = re.compile(r"connection_(?!time|requests)")
_FOREIGN: Final = ("js_", "perl", "geoip", "keyval", "oidc", "auth_jwt", "api", "otel")
_COMPILED: Final = frozenset(
    {"proxy_set_header", "proxy_pass", "add_header", "fastcgi_param", "return", "root", "alias", "try_files",
     "limit_req_zone", "limit_conn_zone", "proxy_cache_key", "proxy_cache_bypass", "proxy_no_cache", "error_page"}
)  # fmt: skip
"""Lines in whose every word nginx looks for variables."""
_SETTERS: Final = frozenset({"set", "auth_request_set", "map", "geo", "split_clients"})
_GROUP: Final = re.compile(r"\(\?P?<(\w+)>")


def undefined(tree: Tree, http: Scope) -> Iterator[Clue]:
    """The first line with a variable that nothing defines, for each such variable."""
    if not tree.whole or tree.unread or any(line.name == "load_module" for line in tree.directives):
        return
    if next(foreign.strangers(http), None) is not None or _has_foreign(http.directive):
        return
    known = _defined(http.directive)
    for _, line in written(http.directive):
        for name in _used(line):
            if name not in known and not name.isdecimal() and not _is_own(name):
                known.add(name)
                yield stopped(f'unknown "{name}" variable', line)


def _has_foreign(http: Directive) -> bool:
    return any(line.name.startswith(_FOREIGN) or "_by_lua" in line.name for _, line in written(http))


def _is_own(name: str) -> bool:
    return name in _OWN or (name.startswith(_PREFIXES) and not _NAMED_LIKE_OWN.match(name))


def _defined(http: Directive) -> set[str]:
    """The names that some line gives a value."""
    names: set[str] = set()
    for line in http.walk():
        if line.name in _SETTERS:
            names.update(arg.removeprefix("$") for arg in line.args if arg.startswith("$"))
        for word in (line.name, *line.args):
            names.update(_GROUP.findall(word))
    return names


def _used(line: Directive) -> Iterator[str]:
    """The variables that nginx has to know for this line."""
    if line.name in _COMPILED:
        words = line.args
    elif line.name == "set":
        words = line.args[1:]
    elif line.name == "if":
        words = tuple(arg for arg in line.args[:1] if arg.startswith("$"))
    elif line.name in {"map", "rewrite"}:
        words = line.args[:1] if line.name == "map" else line.args[1:2]
    else:
        words = ()
    for word in words:
        yield from variables_in(word)
