"""engine: the work itself, and whatever else went wrong behind the gate, which is told in its own name."""

from __future__ import annotations

from mattegate.gate.case import Case
from mattegate.gate.work import stage_finding
from mattegate.vocabulary.decision import Finding
from mattegate.vocabulary.facts import FactName


def judge(case: Case) -> Finding | FactName:
    """Refuse what the work on the image, or an endpoint of another kind, ended with."""
    return stage_finding("engine", case)
