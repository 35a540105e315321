"""What holds for every decision, whatever is presented, known and configured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace

import pytest
from hypothesis import given, settings

from mattegate.gate.case import Case
from mattegate.gate.decide import decide
from mattegate.gate.explain import checks, lines, public_checks
from mattegate.gate.order import NAMES, ORDER, Layer
from mattegate.gate.refusal import refusal_of, retry_after_s, status_of
from mattegate.gate.remedies import remedies
from mattegate.gate.replay import replay
from mattegate.gate.rules import Rules
from mattegate.gate.simulate import Situation, supposed
from mattegate.vocabulary.attempt import Attempt, Presented
from mattegate.vocabulary.decision import Allowed, Effect, Finding, Needs, Refused
from mattegate.vocabulary.facts import FactName, Facts, Failure
from mattegate.vocabulary.reasons import REASONS
from mattegate.vocabulary.rulebook import Rulebook
from tests.gate import random_situations as some
from tests.gate.situations import ATTEMPT, FACTS, RULES

quick = settings(max_examples=100, deadline=None)


@quick
@given(some.attempts, some.facts, some.rules)
def test_a_walk_is_whole_and_refuses_at_most_once(attempt: Attempt, facts: Facts, rules: Rules) -> None:
    """Findings stand in the order of the layers; a refusal is the last thing said, and everything behind it skipped."""
    decision = decide(attempt, facts, rules)
    assert _places(decision.findings) == list(NAMES[: len(decision.findings)])
    refusing = [finding for finding in decision.findings if finding.refuses]
    if isinstance(decision, Refused):
        assert refusing == [decision.finding]
        after = decision.findings[decision.findings.index(decision.finding) + 1 :]
        assert all(finding.effect is Effect.SKIPPED for finding in after)
    else:
        assert not refusing
    if not isinstance(decision, Needs):
        assert len(decision.findings) == len(NAMES)


def _places(findings: Sequence[Finding]) -> list[str]:
    """The layers that speak: the last one refuses also for what lies behind the gate, in the name of that."""
    names = [finding.layer for finding in findings]
    return [*names[:-1], NAMES[-1]] if len(names) == len(NAMES) and findings[-1].refuses else names


@quick
@given(some.attempts, some.facts, some.rules)
def test_every_refusal_can_be_told(attempt: Attempt, facts: Facts, rules: Rules) -> None:
    """Whatever refuses has a reason of the catalogue, facts that fill its sentences, a status and a sane wait."""
    decision = decide(attempt, facts, rules)
    json.dumps(checks(decision.findings))
    assert len(lines(decision.findings)) == len(public_checks(decision.findings))
    if not isinstance(decision, Refused):
        return
    refusal = refusal_of(decision.finding)
    assert refusal.detail
    assert refusal.remedy
    assert refusal.operator_detail
    status = status_of(decision, rules)
    assert status == (refusal.reason.status if refusal.reason.code != "credential.unknown" else status)
    wait = retry_after_s(decision.finding, facts)
    assert wait is None or wait >= 1


@quick
@given(some.attempts, some.facts, some.rules)
def test_going_on_leads_where_one_pass_does(attempt: Attempt, facts: Facts, rules: Rules) -> None:
    """Resuming behind any prefix of the findings, with the facts known by then, ends as the walk in one go."""
    whole = decide(attempt, facts, rules)
    for asked in range(len(whole.findings) + 1):
        so_far = whole.findings[:asked]
        if any(finding.refuses for finding in so_far):
            break
        assert decide(attempt, facts, rules, so_far) == whole


@quick
@given(some.attempts, some.facts, some.rules)
def test_a_record_replays_the_same(attempt: Attempt, facts: Facts, rules: Rules) -> None:
    """A decision made again from its record is the same decision."""
    decision = decide(attempt, facts, rules)
    if not isinstance(decision, Needs):
        assert replay(attempt, facts, decision.findings, rules) == "same"


@quick
@given(some.attempts, some.facts)
def test_an_empty_rulebook_lets_nobody_in(attempt: Attempt, facts: Facts) -> None:
    """Closed by default: without rules, or without facts, no route that is not public is ever reached."""
    attempt = replace(attempt, preflight=None, route=replace(attempt.route, public=False))
    assert not isinstance(decide(attempt, facts, Rules.of(Rulebook())), Allowed)
    assert not isinstance(decide(attempt, Facts(), RULES), Allowed)


@quick
@given(some.attempts, some.facts, some.rules)
def test_what_could_not_be_had_never_lets_in(attempt: Attempt, facts: Facts, rules: Rules) -> None:
    """With every look-up down, whatever needs one is refused as our trouble, never as the caller's."""
    down = Facts(failed={fact: Failure("ledger", "down") for fact in FactName})
    decision = decide(attempt, down, rules)
    assert not isinstance(decision, Needs)
    if isinstance(decision, Refused) and decision.finding.reason.startswith("dependency."):
        assert decision.finding.effect is Effect.ERROR
        assert status_of(decision, rules) == 503


@settings(max_examples=100, deadline=None)
@given(some.attempts, some.facts, some.rules)
def test_remedies_keep_their_word(attempt: Attempt, facts: Facts, rules: Rules) -> None:
    """Whatever is called a remedy was tried; looking for them never fails."""
    for remedy in remedies(attempt, facts, rules):
        assert remedy.sentence
        assert remedy.changes


def test_a_layer_that_fails_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception in any layer becomes a refusal of that layer, and nothing behind it is asked."""

    def broken(_: Case) -> Finding | FactName:
        raise RuntimeError("x" * 500)

    for index, name in enumerate(NAMES):
        order = tuple(Layer(layer.name, broken if layer.name == name else layer.judge) for layer in ORDER)
        monkeypatch.setattr("mattegate.gate.order.ORDER", order)
        decision = decide(ATTEMPT, FACTS, RULES)
        assert isinstance(decision, Refused)
        assert (decision.finding.layer, decision.finding.reason) == (name, "internal.error")
        assert decision.finding.effect is Effect.ERROR
        assert len(str(decision.finding.facts["problem"])) <= 200
        assert all(finding.effect is Effect.SKIPPED for finding in decision.findings[index + 1 :])


def test_what_was_presented_has_no_place_for_a_secret() -> None:
    """A decision can only keep what an attempt holds, and of a credential that is never the text itself."""
    held = set(asdict(ATTEMPT)["credentials"][0])
    assert held == set(Presented.__slots__)
    assert not held & {"secret", "text", "value", "key", "token"}


def test_who_did_not_show_the_secret_is_told_the_same_in_every_case() -> None:
    """Unknown, revoked, expired and disabled keys are one answer to those who do not have them."""
    told: set[object] = set()
    for changes in (
        {"facts.credential": '{"proven": false}'},
        {"facts.credential.proven": "false"},
        {"facts.credential.proven": "false", "facts.credential.key.state": "revoked"},
        {"facts.credential.proven": "false", "facts.credential.key.expires_at": "1"},
        {"facts.credential.proven": "false", "facts.credential.key.identity.state": "disabled"},
        {"facts.credential.proven": "false", "attempt.route": '{"name": ""}', "attempt.path": "/nope"},
    ):
        then, _ = supposed(Situation(ATTEMPT, FACTS, RULES), changes, assume=False)
        decision = decide(then.attempt, then.facts, then.rules)
        assert isinstance(decision, Refused)
        refusal = refusal_of(decision.finding)
        told.add((refusal.reason.public, refusal.detail, refusal.remedy, status_of(decision, RULES)))
        public = public_checks(decision.findings)
        told.add(json.dumps(public, sort_keys=True))
    assert len(told) == 2


def test_every_layer_only_refuses_with_reasons_of_the_catalogue() -> None:
    """The layers' names are the order's, each once, and the catalogue knows the families that they refuse with.

    Two speak in the words of others: bad options are the request's, and what was used up a signature's or a token's.
    """
    assert len(set(NAMES)) == len(NAMES)
    families = {reason.layer for reason in REASONS.values()}
    assert set(NAMES) - {"options", "replay"} <= families
