"""What an upstream gets: address, request target and headers (``ngx_http_proxy_create_request``).

1. Without variables: the part of the URI behind the location's name is put behind the URI of ``proxy_pass``, escaped
   again where it was escaped or changed; without a URI in ``proxy_pass`` the original target passes untouched.
2. With variables: a URI that they make takes the place of the whole target, its arguments too.
3. Headers: the configured ones first, then nginx's own, then the caller's that no line of the first two names.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from mattegate.doctor.nginx.addresses import parse_address
from mattegate.doctor.nginx.locating import HANDLERS, pattern_of
from mattegate.doctor.nginx.request import Upstream
from mattegate.doctor.nginx.uri import escape_path
from mattegate.doctor.nginx.values import Undecided, expand, expand_where_known, has_variables
from mattegate.doctor.nginx.variables import Variables

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.request import Headers
    from mattegate.doctor.nginx.scope import Scope
    from mattegate.doctor.nginx.state import State

_OWN: Final = (("Host", "$proxy_host"), ("Connection", "close"))
_TAKEN_OUT: Final = frozenset({"te", "keep-alive", "expect", "upgrade", "transfer-encoding", "content-length"})
_PORT: Final = re.compile(r":[^\]]*$")
_BODY: Final = frozenset({"content-length", "transfer-encoding"})


class NoUpstream(Exception):  # noqa: N818 - the state of an address
    """A ``proxy_pass`` with variables comes to what is no address; nginx answers 500."""


class NoResolver(Exception):  # noqa: N818 - the state of an address
    """A ``proxy_pass`` with variables comes to a name that nothing tells the address of; nginx answers 502."""


def proxied(line: Directive, scope: Scope, state: State) -> Upstream:
    """What reaches the upstream by this ``proxy_pass``.

    Raises :class:`Undecided`, :class:`NoUpstream` and :class:`NoResolver`.
    """
    lookup = Variables(state)
    value = lookup.expand(line.args[0])
    scheme, _, rest = value.partition("://")
    if not scheme:
        raise Undecided(f"the upstream {line.args[0]} is no URL")
    authority, uri = _split(rest)
    if has_variables(line.args[0]):
        _demand_address(authority, line, scope, state)
    state.proxied = authority
    return Upstream(
        directive=line,
        address=f"{scheme}://{authority}",
        method=_method(scope, state),
        uri=_target(line, uri, scope, state),
        headers=headers(scope, state),
    )


def _demand_address(authority: str, line: Directive, scope: Scope, state: State) -> None:
    """What nginx asks of an address that variables make (``ngx_http_proxy_eval``, ``ngx_http_upstream_init_request``).

    A name is that of an ``upstream`` block, of another ``proxy_pass`` without variables, or asked of a ``resolver``.
    """
    if authority.startswith("unix:"):
        return
    host, colon, port = authority.rpartition(":") if _PORT.search(authority) else (authority, "", "")
    if not host or (colon and not (port.isdecimal() and 0 < int(port) < 65_536)):
        raise NoUpstream(line.args[0])
    known = parse_address(host) is not None or authority in _upstream_names(state.http)
    if not known and not scope.inherited("resolver"):
        state.proxied = authority
        raise NoResolver(line.args[0])


@lru_cache(maxsize=8)
def _upstream_names(http: Scope) -> frozenset[str]:
    blocks = {block.args[0] for block in http.own("upstream") if block.args}
    lines = (line.args[0] for line in http.directive.walk() if line.name in HANDLERS and line.args)
    return frozenset(blocks | {_split(text.partition("://")[2])[0] for text in lines if not has_variables(text)})


def _split(rest: str) -> tuple[str, str]:
    """Authority and URI part; a Unix socket's path ends at a colon."""
    if rest.startswith("unix:"):
        path, colon, uri = rest[5:].partition(":")
        return f"unix:{path}", uri if colon else ""
    ends = [at for at in (rest.find("/"), rest.find("?")) if at >= 0]
    cut = min(ends) if ends else len(rest)
    return rest[:cut], rest[cut:]


def uri_part(line: Directive) -> str:
    """The URI part of a ``proxy_pass`` as it is written; empty where it has none."""
    return _split(line.args[0].partition("://")[2])[1] if line.args else ""


def _method(scope: Scope, state: State) -> str:
    method = scope.value("proxy_method")
    return expand(method, Variables(state)) if method else state.method


def _target(line: Directive, uri: str, scope: Scope, state: State) -> str:
    if has_variables(line.args[0]):
        if uri:
            return "/" + uri if uri.startswith("?") else uri
        return state.raw if state.untouched else _spelled(state, "", 0)
    if not uri:
        return state.raw if state.untouched else _spelled(state, "", 0)
    if not state.located:
        return _spelled(state, "", 0)
    return _spelled(state, uri, len(_location_name(scope)))


def _location_name(scope: Scope) -> str:
    location = scope.location
    pattern = pattern_of(location) if location is not None else None
    return pattern.name if pattern is not None and not pattern.regex else ""


def _spelled(state: State, prefix: str, cut: int) -> str:
    if cut > len(state.uri):
        raise Undecided("what nginx, which cuts the location's name off a shorter path, does")
    rest = state.uri[cut:]
    path = prefix + (escape_path(rest) if state.quoted or state.internal else rest)
    return f"{path}?{state.args}" if state.args else path


def headers(scope: Scope, state: State) -> Headers:
    """The headers that reach the upstream, but those about the body and the connection's framing."""
    lookup = Variables(state)
    lines = scope.inherited("proxy_set_header")
    given = [(line.args[0], line.args[1]) for line in lines if len(line.args) == 2]
    names = {name.lower() for name, _ in given}
    own = [(name, value) for name, value in _OWN if name.lower() not in names]
    made = [(name, expand_where_known(value, lookup)) for name, value in (*given, *own)]
    passed = _passed(scope, state, names | {"host", "connection"} | _TAKEN_OUT)
    kept = [(name, value) for name, value in made if value]
    return tuple((name, value) for name, value in (*kept, *passed) if name.lower() not in _BODY)


def _passed(scope: Scope, state: State, replaced: set[str]) -> Headers:
    if not scope.switched_on("proxy_pass_request_headers", default=True):
        return ()
    return tuple((name, value) for name, value in state.headers if name.lower() not in replaced)
