"""capacity: whether there was room and time for the work."""

from __future__ import annotations

from mattegate.gate.case import Case
from mattegate.gate.work import stage_finding
from mattegate.vocabulary.decision import Finding
from mattegate.vocabulary.facts import FactName


def judge(case: Case) -> Finding | FactName:
    """Refuse what there was no room for."""
    return stage_finding("capacity", case)
