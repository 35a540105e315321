"""transport: HTTPS where it is required.

Exempt is what never leaves this machine: a loopback peer that passes nothing on for others. A declared proxy is
believed in what it says of the client's side.
"""

from __future__ import annotations

from typing import Final

from mattegate.gate.address import forwards, proto_by
from mattegate.gate.case import Case
from mattegate.gate.networks import is_loopback
from mattegate.vocabulary.decision import Effect, Finding
from mattegate.vocabulary.facts import FactName

_NOT_REQUIRED: Final = Finding("transport", Effect.NO_IMPACT)
_HTTPS: Final = Finding("transport", Effect.ALLOW)
_LOOPBACK: Final = Finding("transport", Effect.NO_IMPACT, detail="plain HTTP that does not leave this machine")


def judge(case: Case) -> Finding | FactName:
    """Refuse plain HTTP from elsewhere."""
    if not case.rules.rulebook.transport.require_tls:
        return _NOT_REQUIRED
    attempt = case.attempt
    if proto_by(attempt, case.client) == "https":
        return _HTTPS
    passed_on = forwards(attempt)
    if is_loopback(attempt.peer) and not passed_on:
        return _LOOPBACK
    address = case.client.address or attempt.peer or "a Unix socket"
    detail = (
        "the proxy does not say (or is not declared to be believed) that the client used HTTPS" if passed_on else ""
    )
    return Finding(
        "transport", Effect.IMPLICIT_DENY, "transport.insecure", {"address": address}, "server.require_tls", detail
    )
