"""What becomes of one request: nginx's phases, in their order.

1. Head: socket, server, request line, headers, client certificate.
2. Post-read: the client's address behind trusted proxies.
3. Server rewrite; 4. find the location (``internal``, body size, redirect to the slash); 5. location rewrite, and back
   to 4 where it moved the URI; 6. pre-access: limits; 7. access: ``allow``/``deny``, passwords, ``auth_request``;
8. ``try_files``; 9. content. An ``error_page`` or index page begins again at 3, a named location at 5.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from mattegate.doctor.nginx import foreign, refusing
from mattegate.doctor.nginx.answer_headers import added
from mattegate.doctor.nginx.content import Served, serve, tried
from mattegate.doctor.nginx.listening import servers_of
from mattegate.doctor.nginx.locating import HANDLERS, find, named_location
from mattegate.doctor.nginx.proxying import NoUpstream, proxied
from mattegate.doctor.nginx.reading import Opened, Refusal, open_request, readable_method
from mattegate.doctor.nginx.refusing import NO_SAY, Say, Word
from mattegate.doctor.nginx.regex import Untranslated
from mattegate.doctor.nginx.request import Headers, Hidden, Outcome, Prediction, Request, Upstream
from mattegate.doctor.nginx.rewriting import Ran, Returned, run
from mattegate.doctor.nginx.scope import Scope
from mattegate.doctor.nginx.sizes import size
from mattegate.doctor.nginx.state import State, Surroundings
from mattegate.doctor.nginx.uri import escape_path, split_args
from mattegate.doctor.nginx.values import UNKNOWN, Undecided
from mattegate.doctor.nginx.variables import NoPath, Variables

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.tree import Tree

_AS_400: Final = frozenset({494, 495, 496, 497})
_SIMPLE_CONTENT: Final = frozenset({"stub_status", "empty_gif"})
_LIMITED: Final = ("limit_req", "limit_conn")


@dataclass(frozen=True, slots=True)
class _End:
    """Where a walk ended."""

    outcome: Outcome
    status: int | None = None
    mechanism: str = ""
    directive: Directive | None = None
    location: str = ""
    upstream: Upstream | None = None
    whole: bool = False
    """Whether the answer has its own body, so that no ``error_page`` comes in."""


class _Again(Exception):  # noqa: N818 - the walk goes on elsewhere
    """An internal redirect: to a URI, or to a named location."""

    def __init__(self, uri: str, query: str = "") -> None:
        super().__init__(uri)
        self.uri, self.query = uri, query


class Model:
    """One configuration, asked about any number of requests."""

    def __init__(self, tree: Tree) -> None:
        blocks = [directive for directive in tree.directives if directive.name == "http"]
        merged = blocks[0] if blocks else None
        self.http = Scope(merged, None) if merged is not None else None
        self.servers = servers_of(self.http) if self.http is not None else []

    def predict(self, request: Request, around: Surroundings | None = None) -> Prediction:
        """What becomes of a request. Never raises: what is not known is an outcome."""
        if self.http is None:
            return Prediction(request, Outcome.UNDECIDED, unknown=("there is no http block",))
        try:
            opened = open_request(self.servers, request)
        except (Undecided, Untranslated) as error:
            return Prediction(request, Outcome.UNDECIDED, unknown=(str(error),))
        return _Walk(self.http, request, opened, around or Surroundings()).predict()


def predict(tree: Tree, request: Request, around: Surroundings | None = None) -> Prediction:
    """What becomes of one request."""
    return Model(tree).predict(request, around)


class _Walk:
    def __init__(self, http: Scope, request: Request, opened: Opened, around: Surroundings) -> None:
        self._request = request
        self._opened = opened
        self._state = State(
            request=request,
            http=http,
            server=opened.server,
            scope=opened.server.scope,
            around=around,
            uri=opened.target.path,
            args=opened.target.args,
            raw=opened.target.raw,
            host=opened.host if opened.head_read else "",
            port=opened.port,
            tls=opened.tls,
            client=request.client,
            method=request.method,
            shown_method=readable_method(request),
            headers=opened.headers,
            quoted=opened.target.quoted,
            captures=opened.captures,
            variables=dict(opened.names),
            discarded=not opened.head_read,
            head_read=opened.head_read,
        )

    def predict(self) -> Prediction:
        state = self._state
        try:
            end = _walk(state, self._opened.refusal)
        except (Undecided, Untranslated) as error:
            state.unknown.append(str(error))
            end = _End(Outcome.UNDECIDED)
        state.unknown += [says for says, _ in foreign.notes(state.scope)]
        location = state.scope.location
        return Prediction(
            request=self._request,
            outcome=end.outcome,
            status=400 if end.status in _AS_400 else end.status,
            mechanism=end.mechanism,
            decided_by=end.directive,
            server=state.server.scope.directive,
            location=location.directive if location is not None else None,
            upstream=end.upstream,
            headers=_headers(end, state),
            unknown=tuple(dict.fromkeys(state.unknown)),
            steps=tuple(state.steps),
            scope=state.scope,
            client=state.client,
            dropped=self._opened.dropped,
            named=self._opened.named,
            hidden=state.hidden,
            passed_over=state.passed_over,
            moved=state.moved,
        )


def _headers(end: _End, state: State) -> Headers:
    """What the answer carries besides the upstream's own headers; a forwarded answer is taken to be a 200."""
    if end.outcome not in {Outcome.ANSWERS, Outcome.FORWARDS}:
        return ()
    status = 400 if end.status in _AS_400 else end.status or 200
    found = [*added(state.scope, status, state)]
    if end.location:
        found.append(("Location", _absolute(end.location, state)))
    found += [("WWW-Authenticate", challenge) for challenge in state.challenges]
    return tuple(found)


def _absolute(location: str, state: State) -> str:
    if not location.startswith("/") or not state.scope.switched_on("absolute_redirect", default=True):
        return location
    host = state.host or state.server.names[0]
    if not host or not state.head_read:
        return UNKNOWN  # nginx writes the address of its own socket
    if state.scope.switched_on("server_name_in_redirect"):
        host = state.server.names[0]
    usual = 443 if state.tls else 80
    port = (
        f":{state.port}"
        if state.port not in {usual, 0} and state.scope.switched_on("port_in_redirect", default=True)
        else ""
    )
    return f"{'https' if state.tls else 'http'}://{host}{port}{location}"


def _walk(state: State, refusal: Refusal | None) -> _End:
    """From the head to the end, however often it begins again."""
    begin = partial(_from_server, state) if refusal is None else partial(_at_once, refusal)
    while True:
        try:
            end = begin()
            return _finished(end, state)
        except _Again as again:
            state.changes -= 1
            if state.changes <= 0:
                return _End(Outcome.ANSWERS, 500, "redirect_cycle")
            begin = partial(_elsewhere, state, again)


def _at_once(refusal: Refusal) -> _End:
    return _End(Outcome.ANSWERS, refusal.status, refusal.mechanism, refusal.directive)


def _elsewhere(state: State, again: _Again) -> _End:
    state.internal = True
    if not again.uri.startswith("@"):
        state.uri, state.args = again.uri, again.query
        state.untouched, state.located, state.alias_takes_uri = False, True, False
        state.scope = state.server.scope
        return _from_server(state)
    scope = named_location(state.server.scope, again.uri)
    if scope is None or not state.uri:
        return _End(Outcome.ANSWERS, 500, "named_location")
    _enter(scope, state)
    return _from_location(state)


def _from_server(state: State) -> _End:
    state.scope = state.server.scope
    refusing.realip(state.scope, state)
    _demand_known(state.scope)
    result = run(state.scope, state)
    if isinstance(result, Returned):
        return _returned(result)
    return _from_search(state)


def _from_search(state: State) -> _End:
    """Phases 4 and 5, as often as the URI moves."""
    while True:
        end = _located(state)
        if end is not None:
            return end
        _demand_known(state.scope)
        result = run(state.scope, state) if state.scope.kind != "server" else Ran()  # the server's own ran already
        if isinstance(result, Returned):
            return _returned(result)
        if not result.moved:
            return _judged(state)
        state.changes -= 1
        if state.changes <= 0:
            return _End(Outcome.ANSWERS, 500, "rewrite_cycle")


def _from_location(state: State) -> _End:
    """From phase 5 on, in a named location."""
    _demand_known(state.scope)
    result = run(state.scope, state)
    if isinstance(result, Returned):
        return _returned(result)
    assert isinstance(result, Ran)
    if not result.moved:
        return _judged(state)
    state.changes -= 1
    return _from_search(state) if state.changes > 0 else _End(Outcome.ANSWERS, 500, "rewrite_cycle")


def _returned(result: Returned) -> _End:
    if result.status == 444:
        return _End(Outcome.DROPS, None, "return", result.directive)
    whole = result.text or result.status < 300
    mechanism = "return" if result.directive.name == "return" else "rewrite"
    return _End(Outcome.ANSWERS, result.status, mechanism, result.directive, result.location, whole=whole)


def _located(state: State) -> _End | None:
    """Find the location; an answer where that is all it takes."""
    found = find(state.server.scope, state.uri)
    if found.captures:
        state.captures = found.captures
        state.variables.update(found.names)
    state.passed_over = next((scope.directive for scope in found.passed_over), None)
    _enter(found.scope, state)
    closed = state.scope.inherited("internal")
    if closed and not state.internal:
        return _End(Outcome.ANSWERS, 404, "internal", closed[0])
    if not state.request.chunked and not state.discarded and (too_large := _too_large(state)) is not None:
        return too_large
    if found.redirect:
        args = f"?{state.args}" if state.args else ""
        return _End(Outcome.ANSWERS, 301, "slash_redirect", found.scope.directive, escape_path(found.redirect) + args)
    return None


def _enter(scope: Scope, state: State) -> None:
    """Make a location's configuration that of the request, or that of its ``limit_except``."""
    state.scope, state.taken = scope, None
    state.step("location", scope.directive.text, scope.directive)
    for block in scope.own("limit_except"):
        allowed = {"HEAD" if arg == "GET" else "" for arg in block.args} | set(block.args)
        if state.method not in allowed:
            state.step("location", f"{state.method} falls under {block.text}", block)
            state.scope = scope.inner(block)


def _too_large(state: State) -> _End | None:
    lines = state.scope.inherited("client_max_body_size")
    most = size(lines[-1].args[0]) if lines else 1 << 20
    declared = state.request.body_bytes
    if most > 0 and declared > most:
        state.discarded = True
        return _End(Outcome.ANSWERS, 413, "body_size", lines[-1] if lines else None)
    return None


def _demand_known(scope: Scope) -> None:
    line = next(foreign.deciding(scope), None)
    if line is not None:
        raise Undecided(f"what {line.name} does ({line.file}:{line.line})")


def _judged(state: State) -> _End:
    """Phases 6 to 9."""
    refusing.realip(state.scope, state)
    for line in state.scope.inherited(*_LIMITED):
        state.step("preaccess", f"{line.text} counts this request", line)
    if state.main:
        word = refusing.judged(state, (refusing.access, refusing.auth_basic, _ask_elsewhere))
        if word.say is Say.REFUSES:
            return _End(Outcome.ANSWERS, word.status, word.mechanism, word.directive)
    lines = state.scope.own("try_files")
    if lines:
        end = _tried(state, lines[-1])
        if end is not None:
            return end
    return _content(state)


def _ask_elsewhere(state: State) -> Word:
    """``auth_request``: what a subrequest is answered decides."""
    lines = state.scope.inherited("auth_request")
    if not lines or lines[-1].args[:1] == ("off",):
        return NO_SAY
    uri, args = split_args(Variables(state).expand(lines[-1].args[0]))
    asked = replace(
        state, uri=uri, args=args, method="GET", internal=True, untouched=False, located=True, main=False,
        in_error_page=False, final_status=None, captures=(), steps=[], unknown=[],
        challenges=[], discarded=False, proxied="",
    )  # fmt: skip
    end = _walk(asked, None)
    status = end.status
    if end.outcome is Outcome.FORWARDS:
        status = state.around.auth_status
        state.step(
            "access", f"auth_request asks {end.upstream and end.upstream.address}, taken to say {status}", lines[-1]
        )
    if end.outcome is Outcome.UNDECIDED or status is None:
        raise Undecided("what auth_request is answered")
    return _heard(status, lines[-1], end, asked.scope)


def _heard(status: int, line: Directive, end: _End, scope: Scope) -> Word:
    """What the subrequest's answer means: 2xx lets pass, 401 and 403 are handed on, everything else is a 500."""
    if 200 <= status < 300:
        return Word(Say.PASSES, "auth_request", directive=line)
    if end.mechanism == "body_size":  # it has the caller's Content-Length, and the limit of its own location
        return Word(Say.REFUSES, "auth_request_body", 500, end.directive or scope.directive)
    return Word(Say.REFUSES, "auth_request", status if status in {401, 403} else 500, line)


def _tried(state: State, line: Directive) -> _End | None:
    try:
        found = tried(state, line)
    except NoPath:
        return _End(Outcome.ANSWERS, 500, "alias_rewritten", line)
    if not found.last:
        state.uri = found.uri
        return None
    if found.uri == "=444":
        return _End(Outcome.DROPS, None, "try_files", line)
    if found.uri.startswith("="):
        return _End(Outcome.ANSWERS, int(found.uri[1:]), "try_files", line)
    raise _Again(*((found.uri, "") if found.uri.startswith("@") else split_args(found.uri)))


def _content(state: State) -> _End:
    line = _handler(state.scope)
    if line is None:
        return _End(Outcome.ANSWERS, 500, "upstream_missing", state.taken) if state.taken else _static(state)
    if line.name in _SIMPLE_CONTENT:
        status = 200 if state.method in {"GET", "HEAD"} else 405
        return _End(Outcome.ANSWERS, status, line.name, line)
    if line.name == "proxy_pass":
        return _proxied(line, state)
    if (refused := _chunks_too_large(state)) is not None:
        return refused
    upstream = Upstream(line, line.args[0] if line.args else "", state.method, None, ())
    return _End(Outcome.FORWARDS, state.final_status, line.name, line, upstream=upstream)


def _proxied(line: Directive, state: State) -> _End:
    if not state.head_read:
        raise Undecided("which headers nginx had read when it refused the request")
    try:
        upstream = proxied(line, state.scope, state)
    except NoUpstream:
        return _End(Outcome.ANSWERS, 500, "upstream_invalid", line)
    if (refused := _chunks_too_large(state)) is not None:
        return refused
    down = _all_down(state)
    if down is not None:
        return _End(Outcome.ANSWERS, 502, "upstream_down", down)
    return _End(Outcome.FORWARDS, state.final_status, "proxy_pass", line, upstream=upstream)


def _chunks_too_large(state: State) -> _End | None:
    """A body whose length nobody declared is measured when it is read, once the upstream is known."""
    if not state.request.chunked or not state.main or state.discarded:
        return None
    return _too_large(state)


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
    return _handler(scope.parent) if scope.nameless() and scope.parent is not None else None


def _static(state: State) -> _End:
    try:
        served: Served = serve(state)
    except Undecided as error:
        state.unknown.append(str(error))
        return _End(Outcome.SERVES, None, "static")
    if served.index:
        raise _Again(served.index, state.args)
    location = escape_path(served.redirect) + (f"?{state.args}" if state.args else "") if served.redirect else ""
    return _End(Outcome.ANSWERS, served.status, served.mechanism, served.directive, location, whole=served.status < 300)


def _finished(end: _End, state: State) -> _End:
    """The end, or another beginning where an ``error_page`` takes its place. Raises :class:`_Again`."""
    if end.outcome is not Outcome.ANSWERS or end.status is None:
        return end
    if end.whole or end.status < 300:
        return replace(end, status=state.final_status or end.status)
    page = _error_page(end.status, state)
    if page is None:
        return end
    line, overwrite, target = page
    state.step("error_page", f"{end.status} goes to {target}", line)
    state.hidden = state.hidden or Hidden(end.status, end.mechanism, end.directive, line)
    state.in_error_page = not state.scope.switched_on("recursive_error_pages")
    shown = 400 if end.status in _AS_400 else end.status
    state.final_status = shown if overwrite is None else overwrite or None
    if target.startswith("@"):
        raise _Again(target)
    if target.startswith("/"):
        state.method = state.shown_method = "HEAD" if state.method == "HEAD" else "GET"
        raise _Again(*split_args(target))
    status = overwrite if overwrite in {301, 302, 303, 307, 308} else 302
    return _End(Outcome.ANSWERS, status, "error_page", line, target, whole=True)


def _error_page(status: int, state: State) -> tuple[Directive, int | None, str] | None:
    """The line for a status, the status it is shown with (0: that of the page), and where it goes."""
    if state.in_error_page or state.changes <= 0:
        return None
    for line in state.scope.inherited("error_page"):
        *codes, target = line.args
        overwrite = next((int(code[1:] or 0) for code in codes if code.startswith("=")), None)
        if str(status) in codes:
            return line, overwrite, Variables(state).expand(target)
    return None
