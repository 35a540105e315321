"""Why ModSecurity refuses a request: the rule or limit that decides, and the least that mends it for this path.

A score is refused by a rule that only adds up; the rules that raised it are told, and the cause is that of the first
of them that is known. Nothing here switches the engine off, or a rule for everybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from mattegate.doctor.answer import Culprit
from mattegate.doctor.nginx.modsecurity.rules import Rule, rules_of
from mattegate.doctor.nginx.review.words import facts_of, place

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.request import Prediction

MECHANISMS: Final = frozenset({"modsecurity_rule", "modsecurity_body"})
"""What of the model's mechanisms is ModSecurity's."""
_BOUNDARY: Final = 200_004
"""The rule that looks for a boundary that does not fit."""
_BY_RULE: Final[Mapping[int, str]] = MappingProxyType(
    {
        911100: "waf.crs_method",
        913100: "waf.crs_client",
        913101: "waf.crs_client",
        913102: "waf.crs_client",
        913110: "waf.crs_client",
        913120: "waf.crs_client",
        920420: "waf.crs_content_type",
        931100: "waf.crs_remote_address",
        931110: "waf.crs_remote_address",
        931120: "waf.crs_remote_address",
        931130: "waf.crs_remote_address",
        200002: "waf.modsecurity_body_parse",
        200003: "waf.modsecurity_body_parse",
        _BOUNDARY: "waf.modsecurity_boundary",
    }
)
"""Causes of well-known rules (OWASP CRS 3.3.4, modsecurity.conf-recommended)."""


@dataclass(frozen=True, slots=True)
class Firewalled:
    """A refusal by ModSecurity, as a finding tells it."""

    cause: str
    facts: dict[str, str]
    lines: tuple[Directive, ...]
    remedy: str


def firewalled(prediction: Prediction, line: Directive, status: int | None) -> Firewalled:
    """The cause, its facts and lines, and what to do."""
    if line.name.lower() == "secrequestbodylimit":
        return _too_large(prediction, line, status)
    raising = [step.directive for step in prediction.steps if step.phase == "modsecurity" and step.directive]
    rules = {_id_of(found): found for found in (*raising, line)}
    known = next((number for number in rules if number in _BY_RULE), None)
    number = known if known is not None else next(iter(rules))
    cause = "waf.crs_score" if raising and known is None else _BY_RULE.get(number, "waf.modsecurity_rule")
    facts = facts_of(None, prediction.request, status=status or "") | {
        "rule": str(number), "place": place(rules[number]), "file": rules[number].file,
        "type": prediction.request.header("Content-Type") or "",
    }  # fmt: skip
    return Firewalled(cause, facts, (rules[number], *_but(rules, number)), _remedy(rules, number))


def _but(rules: Mapping[int, Directive], number: int) -> tuple[Directive, ...]:
    return tuple(line for other, line in rules.items() if other != number)


def _id_of(line: Directive) -> int:
    return next((rule.id for rule in rules_of((line,)) if isinstance(rule, Rule)), 0)


def _too_large(prediction: Prediction, line: Directive, status: int | None) -> Firewalled:
    wanted = prediction.request.body_bytes * 5 // 4 // (1 << 20) + 1 << 20
    facts = facts_of(line, prediction.request, status=status or "", bytes=prediction.request.body_bytes)
    remedy = (
        f"The body of {prediction.request.body_bytes} bytes is over the {line.args[0]} of {place(line)}. "
        f"In the location of the upload: modsecurity_rules 'SecRequestBodyLimit {wanted}';"
    )
    return Firewalled("waf.modsecurity_body_limit", facts | {"limit": line.args[0]}, (line,), remedy)


def _remedy(rules: Mapping[int, Directive], number: int) -> str:
    """What takes the rules that refuse out for this path alone."""
    if number == _BOUNDARY:
        return f'Write "@eq 1" in place of "!@eq 0" at {place(rules[number])}.'
    if len(rules) == 1 and number not in _BY_RULE:
        return f"Correct the rule at {place(rules[number])}, if it is meant to let this request pass."
    raising = [*rules][:-1] or [number]
    return f"In the location of this path: modsecurity_rules 'SecRuleRemoveById {' '.join(map(str, raising))}';"


def shown(line: Directive) -> Culprit:
    """A rule as a line that decides, without its many labels."""
    words = " ".join(f'"{arg}"' if " " in arg or "," in arg else arg for arg in line.args)
    text = f"{line.name} {words}"
    return Culprit(line.file, line.line, text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")


_LONGEST: Final = 160
"""Characters of a rule that are shown."""
