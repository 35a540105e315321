"""The decision: layers in their order, until one refuses or every one was asked.

1. A layer that lacks a fact ends the call with ``Needs``; with the fact, the walk goes on where it stopped.
2. A fact that could not be had refuses with ``dependency.*``; a layer that fails refuses with ``internal.error``.
   Nothing that goes wrong here lets anything through.
3. A layer in shadow never refuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mattegate.gate.case import Case
from mattegate.gate.order import layers_of, tail_of
from mattegate.gate.rules import Rules
from mattegate.vocabulary.attempt import Attempt
from mattegate.vocabulary.decision import Allowed, Effect, Finding, Needs, Refused
from mattegate.vocabulary.facts import Facts, Failure, Plain
from mattegate.vocabulary.reasons import REASONS

_PASSING: Final = (Effect.ALLOW, Effect.NO_IMPACT)

_LONGEST: Final = 200
"""Characters of an exception's text that a finding keeps."""


def decide(attempt: Attempt, facts: Facts, rules: Rules, so_far: Sequence[Finding] = ()) -> Allowed | Refused | Needs:
    """Walk the layers, from behind the findings ``so_far``. Pure; never raises for any attempt or facts."""
    case = Case(attempt, facts, rules)
    findings = list(so_far)
    layers = layers_of(attempt)
    for layer, judge in layers[len(findings) :]:
        try:
            finding = judge(case)
        except Exception as error:  # noqa: BLE001 - whatever fails in a layer refuses; the finding keeps it
            finding = _internal(layer, error)
        if not isinstance(finding, Finding):
            failure = facts.failed.get(finding)
            if failure is None:
                return Needs(finding, tuple(findings))
            finding = _failed(layer, failure)
        findings.append(finding)
        if finding.effect not in _PASSING and finding.refuses:
            return Refused((*findings, *tail_of(layers, len(findings))), finding)
    return Allowed((*findings, *tail_of(layers, len(findings))))


def _failed(layer: str, failure: Failure) -> Finding:
    code = f"dependency.{failure.dependency}"
    facts: dict[str, Plain] = {"problem": failure.problem}
    return Finding(layer, Effect.ERROR, code if code in REASONS else "dependency.unavailable", facts)


def _internal(layer: str, error: Exception) -> Finding:
    problem = f"the layer {layer} failed: {type(error).__name__}: {error}"[:_LONGEST]
    return Finding(layer, Effect.ERROR, "internal.error", {"problem": problem})
