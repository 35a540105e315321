"""What layers share that judge an outcome: of the last three, each has its part of the reasons."""

from __future__ import annotations

from typing import Final

from mattegate.gate.case import Case
from mattegate.gate.wording import untellable
from mattegate.vocabulary.decision import Effect, Finding
from mattegate.vocabulary.facts import FactName, Outcome
from mattegate.vocabulary.reasons import REASONS

_LAYERS: Final = {
    "request": "upload",
    "upload": "upload",
    "option": "upload",
    "model": "upload",
    "idempotency": "upload",
    "policy": "upload",
    "signature": "upload",
    "rate": "upload",
    "quota": "upload",
    "capacity": "capacity",
    "engine": "engine",
}
"""Which layer an outcome speaks for, by the first word of its reason; everything else is left to the last one."""
_LAST: Final = "engine"

_SILENT: Final = {name: Finding(name, Effect.NO_IMPACT) for name in ("upload", "capacity", "engine")}
_NO_BODY: Final = {
    name: Finding(name, Effect.SKIPPED, detail="no_body: a proxy asked about the head alone")
    for name in ("upload", "capacity", "engine")
}
_PASSED: Final = {name: Finding(name, Effect.ALLOW) for name in ("upload", "capacity", "engine")}


def stage_finding(layer: str, case: Case) -> Finding | FactName:
    """What ``layer`` says of the outcome; asks for it where the route has work behind it."""
    outcome = case.facts.outcome
    if case.attempt.behalf is not None and (outcome is None or not outcome.code):
        return _NO_BODY[layer]
    if outcome is None:
        return FactName.OUTCOME if case.attempt.route.staged else _SILENT[layer]
    if not outcome.code:
        return _PASSED[layer] if case.attempt.route.staged else _SILENT[layer]
    speaks = _LAYERS.get(outcome.code.partition(".")[0], _LAST)
    if speaks == layer:
        return finding_of(_last_one(outcome) if layer == _LAST else layer, outcome)
    return _PASSED[layer] if outcome.code.startswith("engine.") else _SILENT[layer]


def _last_one(outcome: Outcome) -> str:
    """In whose name the last layer refuses: what lies behind the gate beside the engine has no layer of its own."""
    return REASONS[outcome.code].layer if outcome.code in REASONS else _LAST


def finding_of(layer: str, outcome: Outcome) -> Finding:
    """The finding of a layer that an outcome speaks for."""
    if problem := untellable(outcome.code, outcome.facts):
        return Finding(layer, Effect.ERROR, "internal.error", {"problem": problem})
    return Finding(layer, _effect(layer, outcome), outcome.code, outcome.facts)


def _effect(layer: str, outcome: Outcome) -> Effect:
    if layer == "capacity":
        return Effect.IMPLICIT_DENY
    return Effect.EXPLICIT_DENY if REASONS[outcome.code].status < 500 else Effect.ERROR
