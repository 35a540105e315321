"""Every scenario ends as it is written, whether it is decided in one go or a fact at a time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mattegate.gate.decide import decide
from mattegate.gate.explain import lines
from mattegate.gate.order import NAMES
from mattegate.gate.refusal import refusal_of, retry_after_s, status_of
from mattegate.gate.remedies import remedies
from mattegate.gate.replay import replay
from mattegate.gate.simulate import Situation, supposed
from mattegate.vocabulary.decision import Allowed, Finding, Needs, Refused
from mattegate.vocabulary.facts import FactName, Facts
from mattegate.vocabulary.reasons import REASONS
from tests.gate.scenario_text import Scenario, read_scenarios
from tests.gate.situations import SOUND

SCENARIOS = tuple(read_scenarios(Path(__file__).parent / "scenarios"))


LISTENER = {"transport.handshake", "transport.plain_http"}
"""Reasons that the listener has before there is an attempt to judge."""


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[f"{scenario.place} {scenario.title}" for scenario in SCENARIOS])
def test_a_scenario_ends_as_written(scenario: Scenario) -> None:
    """The trace, the reason, the status and the words are those of the scenario."""
    then, _ = supposed(SOUND, scenario.changes, assume=False)
    decision = decide(then.attempt, then.facts, then.rules)
    assert scenario.expected, scenario.place
    for verb, rest in scenario.expected:
        _expect(verb, rest, decision, then)
    assert _step_by_step(then) == decision
    if not isinstance(decision, Needs):
        assert replay(then.attempt, then.facts, decision.findings, then.rules) == "same"


def _expect(verb: str, rest: str, decision: Allowed | Refused | Needs, then: Situation) -> None:
    if verb in {"allowed", "refused", "needs"}:
        assert _ending(decision, then) == f"{verb} {rest}"
    elif verb == "notes":
        layer, _, text = rest.partition(": ")
        told = next(line.text for line in lines(decision.findings) if line.layer == layer)
        assert text in told
    elif verb == "helps":
        found = [remedy.sentence for remedy in remedies(then.attempt, then.facts, then.rules)]
        assert rest in found if rest != "nothing" else not found
    else:
        assert isinstance(decision, Refused)
        if verb == "waits":
            assert str(retry_after_s(decision.finding, then.facts)) == rest
        else:
            assert rest in refusal_of(decision.finding).detail


def _ending(decision: Allowed | Refused | Needs, then: Situation) -> str:
    trace = "".join(line.mark for line in lines(decision.findings))
    if isinstance(decision, Refused):
        refusal = refusal_of(decision.finding)
        assert refusal.detail
        assert refusal.remedy
        assert refusal.operator_detail
        return f"refused {decision.finding.reason} {status_of(decision, then.rules)} {trace}"
    return f"needs {decision.fact} {trace}" if isinstance(decision, Needs) else f"allowed {trace}"


def _step_by_step(then: Situation) -> Allowed | Refused | Needs:
    """Decide as the driver does: begin with nothing known, look up what is asked for, and tell how the work ended."""
    facts = Facts(failed=then.facts.failed)
    findings: tuple[Finding, ...] = ()
    while True:
        step = decide(then.attempt, facts, then.rules, findings)
        if isinstance(step, Needs) and step.fact is FactName.OUTCOME and facts.payload != then.facts.payload:
            facts = replace(facts, payload=then.facts.payload)
            findings = step.findings[: NAMES.index("policy")]
        elif isinstance(step, Needs) and getattr(then.facts, step.fact) is not None:
            facts = replace(facts, **{step.fact.value: getattr(then.facts, step.fact)})
            findings = step.findings
        elif isinstance(step, Allowed) and facts.outcome != then.facts.outcome and then.attempt.preflight is None:
            facts = replace(facts, outcome=then.facts.outcome)
            findings = step.findings[: NAMES.index("upload")]
        else:
            return step


def test_every_reason_of_the_gate_has_its_scenario() -> None:
    """No reason of these layers can be added to the catalogue without a story that leads to it."""
    told = {rest.split()[0] for scenario in SCENARIOS for verb, rest in scenario.expected if verb == "refused"}
    families = {"transport", "host", "network", "flood", "origin", "credential", "route", "policy", "rate", "quota"}
    families |= {"authorizer", "signature"}
    owned = {code for code, reason in REASONS.items() if reason.layer in {*families, "dependency", "idempotency"}}
    owned |= {"request.duplicate_header", "request.ambiguous_credentials", "internal.error"}
    owned -= LISTENER
    assert owned <= told, sorted(owned - told)


def test_a_trace_has_a_mark_for_every_layer() -> None:
    """Scenarios that end tell about every layer, also those that were not asked; the admin plane has one."""
    for scenario in SCENARIOS:
        count = 1 if scenario.place.startswith("admin.txt") else len(NAMES)
        for verb, rest in scenario.expected:
            if verb in {"allowed", "refused"}:
                assert len(rest.split()[-1]) == count, scenario.place
