"""Policies and questions for tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from mattegate.gate.policies.cases import PLAIN
from mattegate.gate.policies.compiled import Judgement, Policies
from mattegate.gate.policies.question import Question
from mattegate.vocabulary.rulebook import PolicyText

ALL: Final = "permit (principal, action, resource);"


def policies(**texts: str) -> tuple[PolicyText, ...]:
    """Policies by their ids."""
    return tuple(PolicyText(name, text) for name, text in texts.items())


def question(**known: Any) -> Question:
    """The plain question with something else in it."""
    return replace(PLAIN, **known)


def judged(asked: Question, **texts: str) -> Judgement:
    """What policies say to a question."""
    return Policies(policies(**texts)).judge(asked)
