"""Where ModSecurity comes in (ModSecurity-nginx 1.0.3): its rules on headers before a location's script, those on the
body before access rules.

Rules of this file:

1. The rules are those of the first location where it is on; an internal redirect begins anew, a rewrite does not.
2. Behind an ``error_page`` rules run and refuse nothing, unless ``recursive_error_pages`` is on.
3. It reads the whole body before it judges, so a body without a declared length is measured then.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from mattegate.doctor.nginx.ending import End
from mattegate.doctor.nginx.handling import chunks_too_large
from mattegate.doctor.nginx.modsecurity.asked import Asked
from mattegate.doctor.nginx.modsecurity.transaction import Refused, Transaction
from mattegate.doctor.nginx.request import Outcome
from mattegate.doctor.nginx.sizes import size
from mattegate.doctor.nginx.uri import as_bytes_text
from mattegate.doctor.nginx.values import Undecided

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.state import State

_HEAD: Final = 8_192
"""Bytes of the body that may have come with the head, in one of its buffers."""


def headers(state: State) -> End | None:
    """The phase of the headers: what it refuses, if it does for sure. Raises :class:`Undecided`."""
    engine = state.engines.of(state.scope)
    if engine is None or engine.unread or state.transaction is not None:
        return None
    if not state.head_read:
        raise Undecided("what ModSecurity makes of a request whose head nginx could not read")
    state.transaction = Transaction(engine, _asked_of(state))
    return _end(state.transaction.headers(), state)


def body(state: State) -> End | None:
    """The limit of the body and the phase of the body. Raises :class:`Undecided`."""
    engine = state.engines.of(state.scope)
    if engine is None or engine.unread:
        return None
    if state.transaction is None or (state.discarded and state.request.body_bytes and state.main):
        raise Undecided("what ModSecurity does where it comes in late, or with a body that was thrown away")
    return chunks_too_large(state) or _end(state.transaction.body(), state)


def _asked_of(state: State) -> Asked:
    """The request that a state is about; of a subrequest nginx reads no body."""
    request = state.request
    headers = [("Host", as_bytes_text(request.host))] if request.host is not None else []
    headers += state.headers
    names = {name.lower() for name, _ in headers}
    if request.chunked:
        headers.append(("Transfer-Encoding", "chunked"))
    elif request.body_bytes and "content-length" not in names:
        headers.append(("Content-Length", str(request.body_bytes)))
    body = request.body_bytes if state.main and not state.discarded else 0
    in_memory = size(state.scope.value("client_body_buffer_size", "16k")) * 5 // 4 + _HEAD
    return Asked(state.method, state.raw, request.http_version, tuple(headers), state.client, body, body > in_memory)


def _end(refused: Refused | None, state: State) -> End | None:
    if refused is None or (state.in_error_page and refused.rule is not None):
        return None
    if state.in_error_page or refused.status is None or refused.status < 400:
        raise Undecided(f"how nginx ends what ModSecurity refuses by {refused.line.file}:{refused.line.line}")
    assert state.transaction is not None
    for rule in state.transaction.raised if refused.rule is not None else ():
        state.step("modsecurity", f"rule {rule.id} raises the score", rule.line)
    mechanism = "modsecurity_rule" if refused.rule is not None else "modsecurity_body"
    return End(Outcome.ANSWERS, refused.status, mechanism, refused.line)


def doubts(state: State) -> Iterator[tuple[str, Directive]]:
    """What of ModSecurity may refuse, and nobody can tell here."""
    engine = state.engines.of(state.scope)
    switches = state.scope.inherited("modsecurity")
    if engine is None:
        return
    if engine.unread:
        yield (
            "ModSecurity is on here, with rules that were not read: they may refuse what nginx lets pass",
            engine.unread[0],
        )
        return
    if not state.engines.whole:
        yield "ModSecurity is on here: rules outside of this piece may refuse what nginx lets pass", switches[-1]
    if state.transaction is not None and state.transaction.may_refuse:
        yield from _of_rules(state.transaction)


def _of_rules(transaction: Transaction) -> Iterator[tuple[str, Directive]]:
    may = list(dict.fromkeys(refused.line for refused in transaction.may))
    if may:
        others = {1: "", 2: " or another"}.get(len(may), f" or one of {len(may) - 1} others")
        yield f"whether ModSecurity refuses the request by this rule{others}", may[0]
    late = transaction.engine.judges_answers()
    if late is not None:
        yield "ModSecurity also judges the answer, by this rule and others", late.line
