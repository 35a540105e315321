"""Would pass if …: the single changes that would turn one refusal into a yes, each tried with ``decide`` itself.

Nothing is promised from a table: the table only says what is worth trying for a reason, and what does not lead to a yes
is not told.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from mattegate.gate.decide import decide
from mattegate.gate.remedies_of_policy import POLICY, Idea, Thinker
from mattegate.gate.rules import Rules
from mattegate.gate.simulate import Situation, supposed
from mattegate.vocabulary.attempt import Attempt, Flaw
from mattegate.vocabulary.decision import Allowed, Finding, Refused
from mattegate.vocabulary.facts import FactName, Facts


@dataclass(frozen=True, slots=True)
class Remedy:
    """One change that would make the attempt pass."""

    sentence: str
    """Goes on after "would pass if"."""
    changes: Mapping[str, str]
    """As :func:`~mattegate.gate.simulate.supposed` takes them."""
    assumed: tuple[FactName, ...] = ()
    """Facts that were not looked up and taken to be good."""


def remedies(attempt: Attempt, facts: Facts, rules: Rules) -> tuple[Remedy, ...]:
    """Every single change that is known to help; none for an attempt that is not refused."""
    now = Situation(attempt, facts, rules)
    decision = decide(attempt, facts, rules)
    if not isinstance(decision, Refused):
        return ()
    tried = (_tried(now, idea) for idea in _ideas(now, decision.finding))
    return tuple(remedy for remedy in tried if remedy is not None)


def _tried(now: Situation, idea: Idea) -> Remedy | None:
    sentence, changes = idea
    try:
        then, assumed = supposed(now, changes, assume=True)
    except ValueError:
        return None  # not possible in this rulebook, so no remedy
    if isinstance(decide(then.attempt, then.facts, then.rules), Allowed):
        return Remedy(sentence, changes, assumed)
    return None


def _ideas(now: Situation, finding: Finding) -> Iterator[Idea]:
    thinker = _BY_REASON.get(finding.reason) or _BY_LAYER.get(finding.reason.partition(".")[0])
    if thinker is not None:
        yield from thinker(now, finding)


def _request(now: Situation, _: Finding) -> Iterator[Idea]:
    if now.attempt.doubled:
        yield "no header stood twice", {"attempt.doubled": ""}
    for index, presented in enumerate(now.attempt.credentials):
        others = [other for other in range(len(now.attempt.credentials)) if other != index]
        if others:
            yield f"only the credential by {presented.channel} were there", {"attempt.credentials-": str(others[0])}


def _transport(_: Situation, __: Finding) -> Iterator[Idea]:
    yield "the request came over HTTPS", {"attempt.tls": "true"}
    yield "a declared proxy said that it came over HTTPS", {"attempt.forwarded_proto": "https"}
    yield "HTTPS were not required", {"rulebook.transport.require_tls": "false"}


def _no_certificate(now: Situation, _: Finding) -> Iterator[Idea]:
    good = {"subject": "CN=assumed", "not_before": now.attempt.at, "not_after": now.attempt.at}
    yield "a good client certificate were shown", {"attempt.certificate": json.dumps(good)}
    yield "a client certificate were not required", {"rulebook.certificate.mode": "optional"}


def _host(now: Situation, finding: Finding) -> Iterator[Idea]:
    for name in now.rules.rulebook.host.names:
        if not name.startswith("*"):
            yield f"the host were {name}", {"attempt.host": name}
    if finding.reason == "host.private":
        yield (
            "the client's address were among the private networks",
            _adding_address(now, "rulebook.host.private_networks+"),
        )
    elif finding.reason == "host.unknown":
        host = now.attempt.host.rpartition(":")[0] or now.attempt.host
        yield f"{host} were among hosts.names", {"rulebook.host.names+": host}
    else:
        yield "the default endpoint were served", {"rulebook.host.default_endpoint": "true"}


def _adding_address(now: Situation, path: str) -> dict[str, str]:
    decision = decide(now.attempt, now.facts, now.rules)
    address = decision.finding.facts.get("address", "") if isinstance(decision, Refused) else ""
    return {path: str(address)}


def _denied(_: Situation, finding: Finding) -> Iterator[Idea]:
    yield f"there were no rule that denies {finding.rule}", {"rulebook.network.rules-": finding.rule}


def _not_allowed(_: Situation, finding: Finding) -> Iterator[Idea]:
    rule = json.dumps({"network": finding.facts["address"], "allow": True})
    yield f"{finding.facts['address']} were allowed", {"rulebook.network.rules+": rule}


def _undeclared(now: Situation, _: Finding) -> Iterator[Idea]:
    peer = now.attempt.peer or "unix"
    yield f"{peer} were declared a proxy", {"rulebook.network.trusted_proxies+": peer}


def _unreadable(_: Situation, __: Finding) -> Iterator[Idea]:
    yield "the proxy sent no X-Forwarded-For", {"attempt.forwarded_for": ""}
    yield "the proxy sent no Forwarded", {"attempt.forwarded": ""}


def _flood(now: Situation, finding: Finding) -> Iterator[Idea]:
    if finding.reason == "flood.failed_credentials":
        yield "the address prefix were quiet for a while", {"facts.flood.failures_left": "true"}
        return
    yield "the address prefix were quiet for a while", {"facts.flood.unproven_left": "true"}
    yield from _credential(now, finding)


def _origin(now: Situation, finding: Finding) -> Iterator[Idea]:
    if finding.reason == "origin.header_not_allowed":
        header = str(finding.facts["header"])
        yield f"pages were allowed to send {header}", {"rulebook.cors.headers+": header}
        return
    origin = now.attempt.origin
    yield f"{origin} were among cors.allowed_origins", {"rulebook.cors.origins+": origin or ""}
    if now.attempt.preflight is None:
        yield "no page but a program asked (no Origin)", {"attempt.origin": "none"}


def _credential(now: Situation, _: Finding) -> Iterator[Idea]:
    credential = now.facts.credential
    if credential is not None and credential.key is not None and not credential.proven:
        yield f"the secret of key {credential.key.id} were shown", {"facts.credential.proven": "true"}
    yield (
        "a valid key were presented",
        {"attempt.credentials": '[{"channel": "bearer"}]', "facts.credential": "null"},
    )


def _key_state(_: Situation, __: Finding) -> Iterator[Idea]:
    yield "the key were active", {"facts.credential.key.state": "active"}


def _expired(_: Situation, __: Finding) -> Iterator[Idea]:
    yield "the key did not expire", {"facts.credential.key.expires_at": "null"}


def _identity_state(_: Situation, __: Finding) -> Iterator[Idea]:
    yield "the account were active", {"facts.credential.key.identity.state": "active"}


def _environment(now: Situation, finding: Finding) -> Iterator[Idea]:
    environment = str(finding.facts["environment"])
    changes = {"rulebook.credential.environments+": environment}
    if any(presented.flaw is Flaw.ENVIRONMENT for presented in now.attempt.credentials[:1]):
        changes["attempt.credentials.0.flaw"] = ""  # by those rules, its looks would have been right
    yield f"this server served {environment}", changes
    yield from _credential(now, finding)


def _method(now: Situation, _: Finding) -> Iterator[Idea]:
    for method in now.attempt.route.methods:
        yield f"the method were {method}", {"attempt.method": method}


def _limit(now: Situation, finding: Finding) -> Iterator[Idea]:
    claim = now.facts.claim
    if claim is not None and claim.conflict == finding.reason:
        yield "it came later", {"facts.claim.conflict": ""}
    elif name := finding.facts.get("name"):
        yield f"the limit {name!r} had room", {f"facts.claim.limits.{name}.allowed": "true"}


def _idempotency(now: Situation, _: Finding) -> Iterator[Idea]:
    if now.facts.claim is not None:
        yield "it had an Idempotency-Key of its own", {"facts.claim.conflict": "", "attempt.idempotency_key": "fresh"}


def _options(now: Situation, finding: Finding) -> Iterator[Idea]:
    if now.attempt.flawed is not None and finding.layer == "options":
        yield "the head were as it should be", {"attempt.flawed": "null"}
    elif now.facts.outcome is not None:
        yield "the body were as it should be", {"facts.outcome.code": ""}


def _work(now: Situation, finding: Finding) -> Iterator[Idea]:
    sentence = "there were room" if finding.layer == "capacity" else "the work were done"
    if now.facts.outcome is not None:
        yield sentence, {"facts.outcome.code": ""}


def _dependency(now: Situation, _: Finding) -> Iterator[Idea]:
    for fact, failure in now.facts.failed.items():
        yield f"{failure.dependency} were up", {f"facts.failed.{fact}-": ""}
    if not now.facts.failed:
        yield from _work(now, _)


_BY_REASON: Final[Mapping[str, Thinker]] = {
    "transport.client_cert_missing": _no_certificate,
    "network.denied": _denied,
    "network.not_allowed": _not_allowed,
    "network.undeclared_proxy": _undeclared,
    "network.not_a_proxy": _undeclared,
    "network.forwarded_unreadable": _unreadable,
    "credential.revoked": _key_state,
    "credential.disabled": _key_state,
    "credential.expired": _expired,
    "credential.identity_disabled": _identity_state,
    "credential.environment": _environment,
    "route.method": _method,
    **POLICY,
    "request.duplicate_header": _request,
    "request.ambiguous_credentials": _request,
}
_BY_LAYER: Final[Mapping[str, Thinker]] = {
    "request": _options,
    "transport": _transport,
    "host": _host,
    "flood": _flood,
    "origin": _origin,
    "credential": _credential,
    "rate": _limit,
    "quota": _limit,
    "idempotency": _idempotency,
    "upload": _options,
    "option": _options,
    "model": _options,
    "capacity": _work,
    "engine": _work,
    "internal": _work,
    "dependency": _dependency,
}
