"""Where ModSecurity comes in (ModSecurity-nginx 1.0.3): its rules on headers before a location's script, those on the
body before access rules.

Rules of this file:

1. The rules are those of the first location where it is on; an internal redirect begins anew, a rewrite does not.
2. Behind an ``error_page`` rules run and refuse nothing, unless ``recursive_error_pages`` is on.
3. It reads the whole body before it judges, so a body without a declared length is measured then.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mattegate.doctor.nginx.ending import End
from mattegate.doctor.nginx.handling import chunks_too_large
from mattegate.doctor.nginx.modsecurity.asked import asked_of
from mattegate.doctor.nginx.modsecurity.transaction import Refused, Transaction
from mattegate.doctor.nginx.request import Outcome
from mattegate.doctor.nginx.values import Undecided

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.state import State


def headers(state: State) -> End | None:
    """The phase of the headers: what it refuses, if it does for sure. Raises :class:`Undecided`."""
    engine = state.engines.of(state.scope)
    if engine is None or engine.unread or state.transaction is not None:
        return None
    if not state.head_read:
        raise Undecided("what ModSecurity makes of a request whose head nginx could not read")
    state.transaction = Transaction(engine, asked_of(state))
    return _end(state.transaction.headers(), state)


def body(state: State) -> End | None:
    """The limit of the body and the phase of the body. Raises :class:`Undecided`."""
    engine = state.engines.of(state.scope)
    if engine is None or engine.unread:
        return None
    if state.transaction is None or (state.discarded and state.request.body_bytes and state.main):
        raise Undecided("what ModSecurity does where it comes in late, or with a body that was thrown away")
    return chunks_too_large(state) or _end(state.transaction.body(), state)


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
