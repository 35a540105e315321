"""The rules of addresses: whom they refuse, whom they let in by mistake, and where nobody asks them.

What counts is the address that nginx sees, which behind a proxy is not that of the caller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mattegate.doctor.answer import Certainty
from mattegate.doctor.clue import Clue
from mattegate.doctor.nginx.addresses import parse_address, parse_network, within
from mattegate.doctor.nginx.request import Outcome, Prediction
from mattegate.doctor.nginx.review.refusals.told import Made, evidence_of, facts_about
from mattegate.doctor.nginx.review.words import ORIGIN, asked, culprit
from mattegate.doctor.nginx.values import Undecided

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.scope import Scope


def by_access(prediction: Prediction, _: Scope, status: int | None, line: Directive | None) -> Made:
    """Why ``allow`` and ``deny`` refuse this client, the rules that were meant for somebody else first."""
    scope = prediction.scope
    assert scope is not None
    if scope.kind == "limit_except" and scope.own("allow", "deny"):
        return "method.not_allowed", facts_about(prediction, scope.directive, status), (scope.directive, line)
    realip = [step.directive for step in prediction.steps if step.phase == "realip"]
    if realip and _is_proxy(prediction.client, scope):
        return "realip.not_recursive", facts_about(prediction, line, status), (realip[0], line)
    if _replaced_rules_pass(scope, prediction.client):
        return "access.inheritance_lost", facts_about(prediction, line, status), (line,)
    if _only_ipv4(scope, prediction.client, line):
        return "access.ipv6_missing", facts_about(prediction, line, status), (line,)
    if not realip and _forwarded_would_pass(prediction, scope):
        return "access.proxy_address_seen", facts_about(prediction, line, status), (line,)
    return "access.rule_denies", facts_about(prediction, line, status), (line,)


def proxy_admitted(prediction: Prediction) -> Clue | None:
    """An ``allow`` that fits the proxy, where the caller that the proxy names would be refused."""
    scope = prediction.scope
    if scope is None or prediction.outcome is not Outcome.FORWARDS or scope.inherited("set_real_ip_from"):
        return None
    rules = scope.inherited("allow", "deny")
    used = next((step.directive for step in prediction.steps if step.says == "access lets it pass"), None)
    refused = [caller for caller in _named_callers(prediction) if not _passes(rules, caller)]
    if used is None or used.args == ("all",) or not refused:
        return None
    return Clue(
        cause="access.proxy_address_seen",
        certainty=Certainty.LIKELY,
        origin=ORIGIN,
        evidence=(
            *evidence_of(prediction, used),
            f"{refused[0]}, which the proxy names as the caller, would be refused",
        ),
        facts=facts_about(prediction, used, None),
        request=asked(prediction.request),
        culprit=culprit(used),
    )


def bypass(prediction: Prediction) -> Clue | None:
    """A ``return`` that answers before the rules of its block, which would have refused, are asked."""
    line = prediction.decided_by
    if line is None or prediction.mechanism != "return" or prediction.status not in range(200, 300):
        return None
    guards = _unasked(prediction) if prediction.request.method != "OPTIONS" else []
    if not guards:
        return None
    return Clue(
        cause="if.bypasses_access",
        certainty=Certainty.PROVEN,
        origin=ORIGIN,
        evidence=tuple(evidence_of(prediction, line)),
        facts=facts_about(prediction, line, prediction.status),
        request=asked(prediction.request),
        status=prediction.status,
        culprit=culprit(line, *guards),
    )


def _is_proxy(client: str, scope: Scope) -> bool:
    try:
        return any(within(client, line.args[0]) for line in scope.inherited("set_real_ip_from") if line.args)
    except Undecided:
        return False


def _passes(rules: list[Directive], client: str) -> bool:
    try:
        first = next((line for line in rules if line.args and within(client, line.args[0])), None)
    except Undecided:
        return False
    return first is None or first.name == "allow"


def _replaced_rules_pass(scope: Scope, client: str) -> bool:
    """Whether the rules of an outer block, which these take the place of, would let the client pass."""
    holder = next((level for level in scope.upwards() if level.own("allow", "deny")), None)
    outer = holder.parent.inherited("allow", "deny") if holder is not None and holder.parent is not None else []
    return any(line.name == "allow" and line.args != ("all",) for line in outer) and _passes(outer, client)


def _only_ipv4(scope: Scope, client: str, line: Directive | None) -> bool:
    address = parse_address(client)
    if address is None or address.version != 6 or line is None or line.args != ("all",):
        return False
    allowed = [parse_network(rule.args[0]) for rule in scope.inherited("allow") if rule.args]
    return any(network is not None for network in allowed) and not any(
        n is not None and n.version == 6 for n in allowed
    )


def _forwarded_would_pass(prediction: Prediction, scope: Scope) -> bool:
    """Whether the caller that a proxy names in its headers would be let in."""
    rules = scope.inherited("allow", "deny")
    return any(_passes(rules, caller) for caller in _named_callers(prediction))


def _unasked(prediction: Prediction) -> list[Directive]:
    """The lines that would have refused."""
    scope = prediction.scope
    if scope is None:
        return []
    rules = scope.inherited("allow", "deny")
    if rules and not _passes(rules, prediction.client):
        return rules[-1:]
    closed = scope.value("auth_basic", "off") != "off" and prediction.request.header("Authorization") is None
    return scope.inherited("auth_basic") if closed else []


def _named_callers(prediction: Prediction) -> list[str]:
    """The addresses that a proxy names in its headers."""
    named = (prediction.request.header(name) for name in ("X-Forwarded-For", "X-Real-IP"))
    parts = (part.strip() for value in named if value for part in value.split(","))
    return [part for part in parts if parse_address(part) is not None]
