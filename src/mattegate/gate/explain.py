"""A walk told: as the checks that ``why --json`` prints, and as lines for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mattegate.gate.wording import untellable
from mattegate.vocabulary.decision import REFUSING, Effect, Finding
from mattegate.vocabulary.reasons import REASONS

Check = dict[str, str]
"""``layer``, ``effect``, ``reason`` and ``detail``."""

_MARKS: Final = {
    Effect.ALLOW: "+",
    Effect.NO_IMPACT: "·",
    Effect.IMPLICIT_DENY: "x",
    Effect.EXPLICIT_DENY: "x",
    Effect.SKIPPED: "-",
    Effect.ERROR: "!",
}
SHADOW_MARK: Final = "~"


@dataclass(frozen=True, slots=True)
class Line:
    """One layer for a person."""

    mark: str
    """``+`` passed, ``·`` no say, ``x`` refused, ``!`` cannot judge, ``~`` would refuse (in shadow), ``-`` skipped."""
    layer: str
    effect: str
    reason: str
    text: str


def checks(findings: Sequence[Finding]) -> list[dict[str, str]]:
    """Every layer's outcome, for operators."""
    return [_check(finding, finding.reason, _told(finding)) for finding in findings]


def public_checks(findings: Sequence[Finding]) -> list[dict[str, str]]:
    """The same as far as the caller may know it: public reasons and sentences, no rules, nothing of shadows."""
    return [_public(finding) for finding in findings]


def lines(findings: Sequence[Finding]) -> list[Line]:
    """Every layer's outcome, ready to be set in columns."""
    return [
        Line(
            SHADOW_MARK if finding.shadow else _MARKS[finding.effect],
            finding.layer,
            finding.effect.value,
            finding.reason,
            _told(finding),
        )
        for finding in findings
    ]


def _check(finding: Finding, reason: str, detail: str) -> Check:
    return {"layer": finding.layer, "effect": finding.effect.value, "reason": reason, "detail": detail}


def _told(finding: Finding) -> str:
    """The operator's sentence with what else was seen, and the rule that decided."""
    sentence = _sentence(finding)
    if finding.shadow:
        sentence = f"in shadow, not enforced: {sentence}"
    rule = f"rule: {finding.rule}" if finding.rule else ""
    return "; ".join(part for part in (sentence, finding.detail, rule) if part)


def _sentence(finding: Finding) -> str:
    if not finding.reason:
        return ""
    if problem := untellable(finding.reason, finding.facts):
        return problem
    return REASONS[finding.reason].operator.format(**finding.facts)


def _public(finding: Finding) -> Check:
    if finding.effect not in REFUSING:
        return _check(finding, "", "")
    if finding.shadow or finding.reason not in REASONS:
        return {"layer": finding.layer, "effect": Effect.ALLOW.value, "reason": "", "detail": ""}
    reason = REASONS[finding.reason]
    shown = REASONS.get(reason.public, reason)
    detail = "" if untellable(finding.reason, finding.facts) else shown.sentence.format(**finding.facts)
    return _check(finding, shown.code, detail)
