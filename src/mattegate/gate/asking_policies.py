"""From a case to the question that policies are asked, and from their answer to a finding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from mattegate.gate.address import proto_of
from mattegate.gate.case import Case
from mattegate.gate.policies.compiled import Answer, Judgement, Policies
from mattegate.gate.policies.question import Question
from mattegate.vocabulary.attempt import RouteView
from mattegate.vocabulary.decision import Effect, Finding
from mattegate.vocabulary.facts import KeyView, Plain

LATER: Final = Finding("policy", Effect.ALLOW, detail="some policies speak of the body, which is not read yet")

_MANAGING: Final = frozenset({"keys", "key", "key_rotate", "browser_tokens"})
_LETTING_THROUGH: Final = frozenset({"app", "authz"})
"""Routes behind which something stands that is not ours."""


def judged(case: Case, key: KeyView) -> Finding | None:
    """What policies say; ``None`` where there are none.

    Of a route with a body they are asked twice: on the head, as far as that suffices, and with ``facts.payload``.
    """
    policies = case.rules.policies
    if policies is None:
        return None
    question = question_of(case, key, policies)
    if case.attempt.route.staged and case.facts.payload is None:
        judgement = policies.judge_head(question)
        if judgement is None:
            return LATER
    else:
        judgement = policies.judge(question)
    found = _finding(judgement)
    return found if found.refuses else _tried(found, policies.judge_trial(question))


def question_of(case: Case, key: KeyView, policies: Policies) -> Question:
    """The case in the terms of :mod:`mattegate.gate.policies.schema`."""
    attempt, payload = case.attempt, case.facts.payload
    before = None if attempt.route.staged else attempt.declared_bytes
    return Question(
        identity=key.identity.id,
        name=key.identity.name,
        tier=key.identity.tier,
        roles=roles_of(case.proven or (key,), policies.roles),
        groups=groups_of(case.proven or (key,)),
        action=action_of(attempt.route),
        surface=attempt.route.name,
        model=payload.model if payload else "",
        bytes=payload.bytes if payload else before,
        megapixels=payload.megapixels if payload else None,
        address=case.client.address,
        origin=attempt.origin,
        at=attempt.at,
        tls=proto_of(attempt, case.rules) == "https",
        environment=key.environment,
        key=key.id,
        proofs=_proofs(case),
        method=attempt.method,
        path=attempt.path,
    )


def action_of(route: RouteView) -> str:
    """What a route is in the terms of policies."""
    if route.name in _MANAGING:
        return "manage"
    if lets_through(route):
        return "admit"
    return "cutout" if route.metered else "read"


def lets_through(route: RouteView) -> bool:
    """Whether something stands behind a route that is not ours, and reads paths in its own way."""
    return route.name in _LETTING_THROUGH


def roles_of(keys: Sequence[KeyView], spoken_of: Iterable[str] = ()) -> tuple[str, ...]:
    """The scopes that the identity and every key shown have. The star is every role that any policy speaks of."""
    first, *_ = keys
    has = (*first.identity.scopes, *(first.scopes or ()))
    everything = (*spoken_of, *has) if "*" in has else has
    return tuple(dict.fromkeys(scope for scope in everything if all(key.allows_scope(scope) for key in keys)))


def groups_of(keys: Sequence[KeyView]) -> tuple[str, ...]:
    """The roles that tokens of other issuers name: whatever was proven beside such a token takes nothing from it."""
    return tuple(dict.fromkeys(group for key in keys for group in key.groups))


def _proofs(case: Case) -> tuple[str, ...]:
    facts = case.facts
    key = ("key",) if facts.credential is not None and facts.credential.proven else ()
    proofs = {"token": facts.token, "signature": facts.signature, "certificate": facts.certificate}
    others = (name for name, proof in proofs.items() if proof is not None and proof.key is not None and not proof.code)
    return (*key, *others)


def _tried(found: Finding, trial: Judgement | None) -> Finding:
    """What was found, or what would be if the policies on trial were in force, where that is a refusal."""
    if trial is None or trial.answer is Answer.PERMIT:
        return found
    return _finding(trial, shadow=True)


def _finding(judgement: Judgement, *, shadow: bool = False) -> Finding:
    named = ", ".join(judgement.policies)
    facts: dict[str, Plain] = {"policy": named}
    match judgement.answer:
        case Answer.PERMIT:
            return Finding("policy", Effect.ALLOW, rule=named)
        case Answer.FORBID:
            return Finding("policy", Effect.EXPLICIT_DENY, "policy.denied", facts, named, shadow=shadow)
        case Answer.NO_PERMIT:
            return Finding("policy", Effect.IMPLICIT_DENY, "policy.no_permit", shadow=shadow)
        case Answer.ERROR:
            facts["problem"] = judgement.problem
            return Finding("policy", Effect.ERROR, "policy.unevaluable", facts, named, shadow=shadow)
