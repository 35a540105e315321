"""upload: the body and what it asks for, as its reading ended."""

from __future__ import annotations

from mattegate.gate.case import Case
from mattegate.gate.work import stage_finding
from mattegate.vocabulary.decision import Finding
from mattegate.vocabulary.facts import FactName


def judge(case: Case) -> Finding | FactName:
    """Refuse what the reading of the body refused."""
    return stage_finding("upload", case)
