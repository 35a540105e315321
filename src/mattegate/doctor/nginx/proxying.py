"""What an upstream gets: address, request target and headers (``ngx_http_proxy_create_request``).

1. Without variables: the part of the URI behind the location's name is put behind the URI of ``proxy_pass``, escaped
   again where it was escaped or changed; without a URI in ``proxy_pass`` the original target passes untouched.
2. With variables: a URI that they make takes the place of the whole target, its arguments too.
3. Headers: the configured ones first, then nginx's own, then the caller's that no line of the first two names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mattegate.doctor.nginx.locating import pattern_of
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
_BODY: Final = frozenset({"content-length", "transfer-encoding"})


class NoUpstream(Exception):  # noqa: N818 - the state of an address
    """A ``proxy_pass`` with variables comes to an address without a host; nginx answers 500."""


def proxied(line: Directive, scope: Scope, state: State) -> Upstream:
    """What reaches the upstream by this ``proxy_pass``. Raises :class:`Undecided`."""
    lookup = Variables(state)
    value = lookup.expand(line.args[0])
    scheme, _, rest = value.partition("://")
    if not scheme:
        raise Undecided(f"the upstream {line.args[0]} is no URL")
    authority, uri = _split(rest)
    if not authority:
        raise NoUpstream(line.args[0])
    state.proxied = authority
    return Upstream(
        directive=line,
        address=f"{scheme}://{authority}",
        method=_method(scope, state),
        uri=_target(line, uri, scope, state),
        headers=headers(scope, state),
    )


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
