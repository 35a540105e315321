"""Values that nginx does not take: a size in MB, a time in min, a host where only addresses are, a switch set to yes.

What has variables in it, or is still to be filled in, is not judged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from mattegate.doctor.nginx.addresses import parse_network
from mattegate.doctor.nginx.review.stopping import stopped, written

if TYPE_CHECKING:
    from mattegate.doctor.clue import Clue
    from mattegate.doctor.nginx.directive import Directive

_SIZE: Final = re.compile(r"\d+[kKmM]?")
_OFFSET: Final = re.compile(r"\d+[kKmMgG]?")
_TIME: Final = re.compile(r"(?:\d+(?:ms|[yMwdhms])?\s*)+")
_TO_FILL_IN: Final = re.compile(r"[$%{}<>@]")
_MASKED: Final = re.compile(r"(?=.*[xXyYzZnN*#])[\dxXyYzZnN*#.:/]+")
"""An address of which whoever shows it made some parts unreadable."""
_OFFSETS: Final = "client_max_body_size"
_SIZES: Final = (
    "client_body_buffer_size client_header_buffer_size connection_pool_size request_pool_size proxy_buffer_size "
    "proxy_busy_buffers_size fastcgi_buffer_size fastcgi_busy_buffers_size uwsgi_buffer_size scgi_buffer_size"
)
_TIMES: Final = (
    "client_body_timeout client_header_timeout send_timeout resolver_timeout proxy_connect_timeout proxy_read_timeout "
    "proxy_send_timeout fastcgi_connect_timeout fastcgi_read_timeout fastcgi_send_timeout uwsgi_connect_timeout "
    "uwsgi_read_timeout uwsgi_send_timeout grpc_connect_timeout grpc_read_timeout grpc_send_timeout lingering_timeout"
)
_LISTEN_WORDS: Final = frozenset(
    {"default_server", "default", "ssl", "http2", "http3", "spdy", "quic", "proxy_protocol", "deferred", "bind",
     "reuseport", "multipath"}
)  # fmt: skip
_LISTEN_OPTIONS: Final = (
    "setfib=", "fastopen=", "backlog=", "rcvbuf=", "sndbuf=", "accept_filter=", "ipv6only=", "so_keepalive=",
)  # fmt: skip
_SWITCHES: Final = (
    "absolute_redirect etag gzip ignore_invalid_headers log_not_found merge_slashes "
    "port_in_redirect proxy_buffering proxy_ignore_client_abort proxy_intercept_errors proxy_pass_request_body "
    "proxy_pass_request_headers proxy_request_buffering proxy_ssl_server_name proxy_ssl_verify real_ip_recursive "
    "recursive_error_pages sendfile server_name_in_redirect ssl_prefer_server_ciphers ssl_session_tickets ssl_stapling "
    "tcp_nodelay tcp_nopush underscores_in_headers"
)


def _pattern(allowed: re.Pattern[str]) -> Callable[[str, str], str | None]:
    def check(name: str, value: str) -> str | None:
        return None if allowed.fullmatch(value) else f'"{name}" directive invalid value'

    return check


def _switch(name: str, value: str) -> str | None:
    if value.lower() in {"on", "off"}:
        return None
    return f'invalid value "{value}" in "{name}" directive, it must be "on" or "off"'


def _client(name: str, value: str) -> str | None:
    known = value in {"all", "unix:"} or parse_network(value) is not None
    return None if known or _MASKED.fullmatch(value) else f'invalid parameter "{value}"'


def _url(name: str, value: str) -> str | None:
    return None if value.lower().startswith(("http://", "https://")) else "invalid URL prefix"


_CHECKS: Final[Mapping[str, Callable[[str, str], str | None]]] = MappingProxyType(
    dict.fromkeys(_OFFSETS.split(), _pattern(_OFFSET))
    | dict.fromkeys(_SIZES.split(), _pattern(_SIZE))
    | dict.fromkeys(_TIMES.split(), _pattern(_TIME))
    | dict.fromkeys(_SWITCHES.split(), _switch)
    | {"allow": _client, "deny": _client, "proxy_pass": _url}
)


def misvalued(http: Directive) -> Iterator[Clue]:
    """The lines whose value nginx cannot read."""
    for _, line in written(http):
        if line.name == "listen":
            yield from _misspelled_options(line)
        check = _CHECKS.get(line.name)
        if check is None or len(line.args) != 1 or _TO_FILL_IN.search(line.args[0]):
            continue
        problem = check(line.name, line.args[0])
        if problem is not None:
            yield stopped(problem, line)


def _misspelled_options(line: Directive) -> Iterator[Clue]:
    """What stands behind an address and is none of its options: often the line below, after a forgotten semicolon."""
    strange = (arg for arg in line.args[1:] if arg not in _LISTEN_WORDS and not arg.startswith(_LISTEN_OPTIONS))
    word = next(strange, None)
    if word is not None and not _TO_FILL_IN.search(word):
        yield stopped(f'invalid parameter "{word}"', line)
