"""The walk through nginx's phases, from the server's script to the content, however often it begins again."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from mattegate.doctor.nginx import firewall, foreign, limited, refusing
from mattegate.doctor.nginx.content import tried
from mattegate.doctor.nginx.ending import Again, End, finished
from mattegate.doctor.nginx.handling import content, too_large
from mattegate.doctor.nginx.locating import find, named_location, unfilled
from mattegate.doctor.nginx.request import Outcome
from mattegate.doctor.nginx.rewriting import REDIRECTS, Ran, Returned, run
from mattegate.doctor.nginx.uri import escape_path, split_args
from mattegate.doctor.nginx.values import Undecided
from mattegate.doctor.nginx.variables import NoPath, Variables
from mattegate.doctor.nginx.word import NO_SAY, Say, Word

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.reading import Refusal
    from mattegate.doctor.nginx.scope import Scope
    from mattegate.doctor.nginx.state import State

_LIMITED: Final = ("limit_req", "limit_conn")
_UNREACHED: Final = frozenset({"resolver_missing", "upstream_invalid", "upstream_down"})
"""Why a service was never asked: that is the fault, and not what ``auth_request`` makes of it."""


def walk(state: State, refusal: Refusal | None) -> End:
    """From the head to the end, however often it begins again."""
    begin = partial(_from_server, state) if refusal is None else partial(_at_once, refusal)
    while True:
        try:
            end = begin()
            return finished(end, state)
        except Again as again:
            state.changes -= 1
            if state.changes <= 0:
                return End(Outcome.ANSWERS, 500, "redirect_cycle", _leading_back(state))
            begin = partial(_elsewhere, state, again)


def _leading_back(state: State) -> Directive:
    """The line that sends a request round in circles: ``try_files``, or else the block it comes back to."""
    return next(iter(state.scope.own("try_files")), state.scope.directive)


def _at_once(refusal: Refusal) -> End:
    return End(Outcome.ANSWERS, refusal.status, refusal.mechanism, refusal.directive)


def _elsewhere(state: State, again: Again) -> End:
    state.internal, state.transaction = True, None
    if not again.uri.startswith("@"):
        state.uri, state.args = again.uri, again.query
        state.untouched, state.located, state.alias_takes_uri = False, True, False
        state.scope = state.server.scope
        return _from_server(state)
    scope = named_location(state.server.scope, again.uri)
    if scope is None or not state.uri:
        return End(Outcome.ANSWERS, 500, "named_location")
    _enter(scope, state)
    return _from_location(state)


def _from_server(state: State) -> End:
    state.scope = state.server.scope
    refusing.realip(state.scope, state)
    _demand_known(state.scope)
    result = run(state.scope, state)
    if isinstance(result, Returned):
        return _returned(result)
    return _from_search(state)


def _from_search(state: State) -> End:
    """Phases 4 and 5, as often as the URI moves."""
    while True:
        end = _located(state)
        if end is not None:
            return end
        _demand_known(state.scope)
        if (refused := firewall.headers(state)) is not None:
            return refused
        result = run(state.scope, state) if state.scope.kind != "server" else Ran()  # the server's own ran already
        if isinstance(result, Returned):
            return _returned(result)
        if not result.moved:
            return _judged(state)
        state.changes -= 1
        if state.changes <= 0:
            return End(Outcome.ANSWERS, 500, "rewrite_cycle", state.moved)


def _from_location(state: State) -> End:
    """From phase 5 on, in a named location."""
    _demand_known(state.scope)
    if (refused := firewall.headers(state)) is not None:
        return refused
    result = run(state.scope, state)
    if isinstance(result, Returned):
        return _returned(result)
    assert isinstance(result, Ran)
    if not result.moved:
        return _judged(state)
    state.changes -= 1
    return _from_search(state) if state.changes > 0 else End(Outcome.ANSWERS, 500, "rewrite_cycle", state.moved)


def _returned(result: Returned) -> End:
    if result.status == 444:
        return End(Outcome.DROPS, None, "return", result.directive)
    whole = result.text or (result.status < 400 and result.status not in REDIRECTS)
    mechanism = "return" if result.directive.name == "return" else "rewrite"
    return End(Outcome.ANSWERS, result.status, mechanism, result.directive, result.location, whole=whole)


def _located(state: State) -> End | None:
    """Find the location; an answer where that is all it takes."""
    if (line := unfilled(state.server.scope)) is not None:
        raise Undecided(f"which paths {line.text} is about ({line.file}:{line.line})")
    found = find(state.server.scope, state.uri)
    if found.captures:
        state.captures = found.captures
        state.variables.update(found.names)
    state.passed_over = next((scope.directive for scope in found.passed_over), None)
    _enter(found.scope, state)
    closed = state.scope.inherited("internal")
    if closed and not state.internal:
        return End(Outcome.ANSWERS, 404, "internal", closed[0])
    if not state.request.chunked and not state.discarded and (refused := too_large(state)) is not None:
        return refused
    if found.redirect:
        args = f"?{state.args}" if state.args else ""
        return End(Outcome.ANSWERS, 301, "slash_redirect", found.scope.directive, escape_path(found.redirect) + args)
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


def _demand_known(scope: Scope) -> None:
    line = next(foreign.deciding(scope), None)
    if line is not None:
        raise Undecided(f"what {line.name} does ({line.file}:{line.line})")


def _judged(state: State) -> End:
    """Phases 6 to 9."""
    refusing.realip(state.scope, state)
    if (refused := firewall.body(state)) is not None:
        return refused
    for line in state.scope.inherited(*_LIMITED):
        if limited.counts(line, state):
            state.step("preaccess", f"{line.text} counts this request", line)
    if state.main:
        word = refusing.judged(state, (refusing.access, refusing.auth_basic, _ask_elsewhere))
        if word.say is Say.REFUSES:
            return End(Outcome.ANSWERS, word.status, word.mechanism, word.directive)
    lines = state.scope.own("try_files")
    if lines:
        end = _tried(state, lines[-1])
        if end is not None:
            return end
    return content(state)


def _ask_elsewhere(state: State) -> Word:
    """``auth_request``: what a subrequest is answered decides."""
    lines = state.scope.inherited("auth_request")
    if not lines or lines[-1].args[:1] == ("off",):
        return NO_SAY
    uri, args = split_args(Variables(state).expand(lines[-1].args[0]))
    asked = replace(
        state, uri=uri, args=args, method="GET", internal=True, untouched=False, located=True, main=False,
        in_error_page=False, final_status=None, captures=(), steps=[], unknown=[],
        challenges=[], discarded=False, proxied="", transaction=None,
    )  # fmt: skip
    end = walk(asked, None)
    status = end.status
    if end.outcome is Outcome.FORWARDS:
        status = end.status or state.around.auth_status
        state.step(
            "access", f"auth_request asks {end.upstream and end.upstream.address}, taken to say {status}", lines[-1]
        )
    if end.outcome is Outcome.UNDECIDED or status is None:
        raise Undecided("what auth_request is answered")
    return _heard(status, lines[-1], end, asked.scope)


def _heard(status: int, line: Directive, end: End, scope: Scope) -> Word:
    """What the subrequest's answer means: 2xx lets pass, 401 and 403 are handed on, everything else is a 500."""
    if 200 <= status < 300:
        return Word(Say.PASSES, "auth_request", directive=line)
    if end.mechanism in _UNREACHED:
        return Word(Say.REFUSES, end.mechanism, 500, end.directive)
    if end.mechanism == "body_size":  # it has the caller's Content-Length, and the limit of its own location
        return Word(Say.REFUSES, "auth_request_body", 500, end.directive or scope.directive)
    return Word(Say.REFUSES, "auth_request", status if status in {401, 403} else 500, line)


def _tried(state: State, line: Directive) -> End | None:
    try:
        found = tried(state, line)
    except NoPath:
        return End(Outcome.ANSWERS, 500, "alias_rewritten", line)
    if not found.last:
        state.uri = found.uri
        return None
    if found.uri == "=444":
        return End(Outcome.DROPS, None, "try_files", line)
    if found.uri.startswith("="):
        return _with_code(int(found.uri[1:]), line)
    raise Again(*((found.uri, "") if found.uri.startswith("@") else split_args(found.uri)))


def _with_code(status: int, line: Directive) -> End:
    if status < 300 and status not in {201, 204}:
        raise Undecided(f"how nginx ends a request with the {status} of try_files")
    return End(Outcome.ANSWERS, status, "try_files", line)
