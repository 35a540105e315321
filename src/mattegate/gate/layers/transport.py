"""transport: HTTPS where it is required, and a client certificate where one is; a bad one is never passed over.

Exempt from HTTPS is what never leaves this machine: a loopback peer that passes nothing on for others. A declared proxy
is believed in what it says of the client's side. Exempt from certificates are health checks, which tell and take
nothing, and preflights, which browsers send without any (Fetch, section 4.8).
"""

from __future__ import annotations

from typing import Final

from mattegate.gate.address import forwards, proto_by
from mattegate.gate.case import Case
from mattegate.gate.networks import is_loopback
from mattegate.gate.wording import moment_text
from mattegate.vocabulary.decision import Effect, Finding
from mattegate.vocabulary.facts import FactName, Plain
from mattegate.vocabulary.proofs import CertificateFlaw, ShownCertificate

_NOT_REQUIRED: Final = Finding("transport", Effect.NO_IMPACT)
_HTTPS: Final = Finding("transport", Effect.ALLOW)
_LOOPBACK: Final = Finding("transport", Effect.NO_IMPACT, detail="plain HTTP that does not leave this machine")
_PROBES: Final = frozenset({"health", "ready"})
_FLAWS: Final = {
    CertificateFlaw.MALFORMED: "transport.client_cert_malformed",
    CertificateFlaw.UNTRUSTED: "transport.client_cert_untrusted",
    CertificateFlaw.REVOKED: "transport.client_cert_revoked",
}


def judge(case: Case) -> Finding | FactName:
    """Refuse plain HTTP from elsewhere, then certificates that prove nothing, then what comes without one."""
    found = _encryption(case)
    if found.effect is Effect.IMPLICIT_DENY or case.rules.rulebook.certificate.mode == "off":
        return found
    return _certificate(case) or found


def _encryption(case: Case) -> Finding:
    if not case.rules.rulebook.transport.require_tls:
        return _NOT_REQUIRED
    attempt = case.attempt
    if proto_by(attempt, case.client) == "https":
        return _HTTPS
    passed_on = forwards(attempt)
    if is_loopback(attempt.peer) and not passed_on:
        return _LOOPBACK
    address = _address(case)
    detail = (
        "the proxy does not say (or is not declared to be believed) that the client used HTTPS" if passed_on else ""
    )
    return Finding(
        "transport", Effect.IMPLICIT_DENY, "transport.insecure", {"address": address}, "server.require_tls", detail
    )


def _address(case: Case) -> str:
    return case.client.address or case.attempt.peer or "a Unix socket"


def _certificate(case: Case) -> Finding | None:
    shown = case.attempt.certificate
    if shown is None:
        return _without(case)
    facts: dict[str, Plain] = {"subject": shown.subject, "problem": shown.problem, "address": _address(case)}
    if shown.flaw is CertificateFlaw.OUTDATED:
        return Finding("transport", Effect.ERROR, "dependency.revocations", facts, "certificates.revocation_lists")
    if reason := _reason(shown, case.attempt.at):
        facts |= {"since": moment_text(shown.not_before), "until": moment_text(shown.not_after)}
        return Finding("transport", Effect.EXPLICIT_DENY, reason, facts, "certificates.trust_store", shown.problem)
    by = "passed on by a declared proxy" if shown.by_proxy else "shown in the handshake"
    return Finding("transport", Effect.ALLOW, detail=f"client certificate {shown.subject!r}, {by}")


def _without(case: Case) -> Finding | None:
    attempt, rules = case.attempt, case.rules.rulebook.certificate
    if rules.mode != "required" or attempt.preflight is not None or attempt.route.name in _PROBES:
        return None
    through = bool(rules.header) and case.client.trusted
    detail = f"the declared proxy passed none on in {rules.header}" if through else ""
    rule = f"certificates.mode = {rules.mode}"
    return Finding(
        "transport", Effect.IMPLICIT_DENY, "transport.client_cert_missing", {"address": _address(case)}, rule, detail
    )


def _reason(shown: ShownCertificate, at: float) -> str:
    """Why a certificate is no good, the plainest first; empty where it is good."""
    if shown.flaw is CertificateFlaw.MALFORMED:
        return _FLAWS[shown.flaw]
    if at > shown.not_after:
        return "transport.client_cert_expired"
    if at < shown.not_before:
        return "transport.client_cert_not_yet"
    if not shown.client_use:
        return "transport.client_cert_usage"
    return _FLAWS.get(shown.flaw, "")
