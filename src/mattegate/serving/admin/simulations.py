"""What if: an attempt, or a recorded one, with something changed; both decisions, and what would make each pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Literal

from fastapi import APIRouter
from pydantic import Field

from mattegate.gate.changing import read_json
from mattegate.gate.decide import decide
from mattegate.gate.explain import checks
from mattegate.gate.remedies import remedies
from mattegate.gate.rules import Rules
from mattegate.gate.simulate import Situation, supposed
from mattegate.ledger.protocols import Sealed
from mattegate.serving import routes
from mattegate.serving.admin.decisions import found, recorded_rules
from mattegate.serving.admin.keys import found as found_key
from mattegate.serving.admin.parts import AdminParts, Parts
from mattegate.serving.admin.shown import Shown
from mattegate.serving.small_body import Strict
from mattegate.vocabulary.attempt import Attempt, Channel, Presented
from mattegate.vocabulary.decision import Allowed, Needs, Refused
from mattegate.vocabulary.facts import CredentialFact, Facts
from mattegate.vocabulary.reasons import REASONS
from mattegate.vocabulary.refusal import Refusal

router = APIRouter(prefix="/simulations", tags=["decisions"])

_MOST_CHANGES: Final = 32
_NOT_POSSIBLE: Final = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RecursionError)
"""What a value that cannot stand somewhere may come to while it is read and judged."""


class Question(Strict):
    """One recorded request, or an attempt with its facts; and what to change."""

    request_id: str = Field(default="", description="A recorded decision.")
    attempt: dict[str, Any] | None = Field(default=None, description="Members of an attempt; a path finds its route.")
    facts: dict[str, Any] | None = Field(default=None, description="What is known beyond the attempt.")
    key_id: str = Field(default="", description="Let the attempt present this key, proven.")
    changes: dict[str, str] = Field(
        default={},
        max_length=_MOST_CHANGES,
        description="Texts by dotted paths such as attempt.origin or rulebook.cors.origins+.",
        examples=[{"attempt.origin": "https://shop.example"}],
    )
    rules: Literal["recorded", "current"] = "recorded"
    assume: bool = Field(default=True, description="Take facts to be good that nobody looked up.")


class RemedyShown(Shown):
    """One change that would make it pass."""

    sentence: str = Field(description="Goes on after 'would pass if'.")
    changes: dict[str, str]
    assumed: list[str]


class Outcome(Shown):
    """One decision."""

    decision: Literal["allow", "deny", "needs"]
    reason: str
    public_code: str
    status: int | None
    needs: str = Field(description="The fact that is not known, where that is how far it goes.")
    checks: list[dict[str, str]]
    remedies: list[RemedyShown]


class Comparison(Shown):
    """As it is, and as it would be."""

    before: Outcome
    after: Outcome
    changes: dict[str, str]
    revision: str = Field(description="Of the rulebook as it would be.")
    assumed: list[str]


@router.post("")
async def simulate_decision(parts: Parts, body: Question) -> Comparison:
    """Ask what would be decided; nothing is changed, and nothing is recorded."""
    return await parts.read(_compared, parts, body)


def _compared(parts: AdminParts, question: Question) -> Comparison:
    now = _situation(parts, question)
    try:
        was, _ = supposed(now, {}, assume=question.assume)
        then, assumed = supposed(now, question.changes, assume=question.assume)
        before, after = _outcome(was), _outcome(then)
    except _NOT_POSSIBLE as error:
        raise _invalid("changes", error) from None
    return Comparison(
        before=before,
        after=after,
        changes=question.changes,
        revision=then.rules.revision,
        assumed=[str(fact) for fact in assumed],
    )


def _situation(parts: AdminParts, question: Question) -> Situation:
    if bool(question.request_id) == (question.attempt is not None):
        raise _invalid("the question", ValueError("give either request_id or attempt"))
    if question.request_id:
        return _recorded(parts, question)
    try:
        attempt = _attempt(parts, question.attempt or {})
        facts: Facts = read_json(question.facts or {}, Facts)
    except _NOT_POSSIBLE as error:
        raise _invalid("attempt", error) from None
    now = Situation(attempt, facts, parts.gatehouse.rules())
    return _with_key(parts, now, question.key_id) if question.key_id else now


def _recorded(parts: AdminParts, question: Question) -> Situation:
    if question.facts is not None or question.key_id:
        raise _invalid("the question", ValueError("a recorded decision has facts of its own; use changes"))
    record = found(parts, question.request_id)
    if isinstance(record, Sealed):
        raise Refusal("record.not_found", request_id=question.request_id[:64])
    rules: Rules | None = recorded_rules(parts, record) if question.rules == "recorded" else None
    return Situation(record.attempt, record.facts, rules or parts.gatehouse.rules())


def _attempt(parts: AdminParts, members: Mapping[str, Any]) -> Attempt:
    """Raises ``ValueError`` for a member that an attempt has not."""
    given = {"request_id": "simulated", "at": parts.clock(), "method": "POST", "path": "/v1/remove-bg"} | dict(members)
    attempt: Attempt = read_json(given, Attempt)
    if "route" in members:
        return attempt
    server = parts.settings.server
    table = routes.data_plane(server.prefix, routes.wanted(docs=server.docs, page=server.page))
    return replace(attempt, route=table.match(attempt.path).route)


def _with_key(parts: AdminParts, now: Situation, key_id: str) -> Situation:
    view = found_key(parts, key_id).stored.view
    presented = Presented(Channel.BEARER, environment=view.environment, key_id=view.id)
    return replace(
        now,
        attempt=replace(now.attempt, credentials=(presented,)),
        facts=replace(now.facts, credential=CredentialFact(view, proven=True)),
    )


def _outcome(situation: Situation) -> Outcome:
    decision = decide(situation.attempt, situation.facts, situation.rules)
    code = decision.finding.reason if isinstance(decision, Refused) else ""
    reason = REASONS.get(code)
    helping = remedies(situation.attempt, situation.facts, situation.rules)
    return Outcome(
        decision={Allowed: "allow", Refused: "deny", Needs: "needs"}[type(decision)],  # type: ignore[arg-type]
        reason=code,
        public_code=reason.public if reason else code,
        status=reason.status if reason else None,
        needs=str(decision.fact) if isinstance(decision, Needs) else "",
        checks=checks(decision.findings),
        remedies=[
            RemedyShown(
                sentence=one.sentence, changes=dict(one.changes), assumed=[str(fact) for fact in one.assumed]
            )
            for one in helping
        ],
    )  # fmt: skip


def _invalid(what: str, error: Exception) -> Refusal:
    problem = str(error)[:200] or type(error).__name__
    return Refusal("account.invalid", what=what, value="…", problem=problem)
