"""The content phase: what answers a request that nothing has refused; and how large a body may be.

A location's own line decides; ``if`` and ``limit_except`` take that of their location where it passes requests on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mattegate.doctor.nginx.content import Served, serve
from mattegate.doctor.nginx.ending import Again, End
from mattegate.doctor.nginx.locating import HANDLERS
from mattegate.doctor.nginx.proxying import NoResolver, NoUpstream, proxied
from mattegate.doctor.nginx.request import Outcome, Upstream
from mattegate.doctor.nginx.sizes import size
from mattegate.doctor.nginx.uri import escape_path
from mattegate.doctor.nginx.values import Undecided

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.scope import Scope
    from mattegate.doctor.nginx.state import State

_SIMPLE_CONTENT: Final = frozenset({"stub_status", "empty_gif"})


def content(state: State) -> End:
    """What answers. Raises :class:`Again` for an index page, and :class:`Undecided`."""
    line = _handler(state.scope)
    if state.taken is not None and (line is None or line.name in _SIMPLE_CONTENT):
        return End(Outcome.ANSWERS, 500, "upstream_missing", state.taken)
    if line is None:
        return _static(state)
    if line.name in _SIMPLE_CONTENT:
        status = 200 if state.method in {"GET", "HEAD"} else 405
        return End(Outcome.ANSWERS, status, line.name, line)
    if line.name == "proxy_pass":
        return _proxied(line, state)
    if (refused := chunks_too_large(state)) is not None:
        return refused
    upstream = Upstream(line, line.args[0] if line.args else "", state.method, None, ())
    return End(Outcome.FORWARDS, state.final_status, line.name, line, upstream=upstream)


def _proxied(line: Directive, state: State) -> End:
    if not state.head_read:
        raise Undecided("which headers nginx had read when it refused the request")
    try:
        upstream = proxied(line, state.scope, state)
    except NoUpstream:
        return End(Outcome.ANSWERS, 500, "upstream_invalid", line)
    except NoResolver:
        return chunks_too_large(state) or End(Outcome.ANSWERS, 502, "resolver_missing", line)
    if (refused := chunks_too_large(state)) is not None:
        return refused
    down = _all_down(state)
    if down is not None:
        return End(Outcome.ANSWERS, 502, "upstream_down", down)
    return End(Outcome.FORWARDS, state.final_status, "proxy_pass", line, upstream=upstream)


def chunks_too_large(state: State) -> End | None:
    """A body whose length nobody declared is measured when it is read, once the upstream is known."""
    if not state.request.chunked or not state.main or state.discarded:
        return None
    return too_large(state)


def _all_down(state: State) -> Directive | None:
    """The ``upstream`` block that is asked, where every server of it is marked ``down``."""
    for block in state.http.own("upstream"):
        servers = list(block.named("server"))
        if block.args == (state.proxied,) and servers and all("down" in server.args for server in servers):
            return block
    return None


def _handler(scope: Scope) -> Directive | None:
    """What makes the content: a location's own line; ``if`` and ``limit_except`` take that of their location."""
    lines = scope.own(*HANDLERS, *_SIMPLE_CONTENT)
    if lines:
        return lines[-1]
    found = _handler(scope.parent) if scope.nameless() and scope.parent is not None else None
    return None if found and scope.kind == "limit_except" and found.name in _SIMPLE_CONTENT else found


def _static(state: State) -> End:
    try:
        served: Served = serve(state)
    except Undecided as error:
        state.unknown.append(str(error))
        return End(Outcome.SERVES, None, "static")
    if served.index:
        raise Again(served.index, state.args)
    location = escape_path(served.redirect) + (f"?{state.args}" if state.args else "") if served.redirect else None
    return End(Outcome.ANSWERS, served.status, served.mechanism, served.directive, location, whole=served.status < 300)


def too_large(state: State) -> End | None:
    """The answer to a body that is over ``client_max_body_size``; ``None`` where it is not."""
    lines = state.scope.inherited("client_max_body_size")
    most = size(lines[-1].args[0]) if lines else 1 << 20
    declared = state.request.body_bytes
    if most > 0 and declared > most:
        state.discarded = True
        return End(Outcome.ANSWERS, 413, "body_size", lines[-1] if lines else None)
    return None
