"""options: what the reading of the head objected to. Judged this late so that only proven callers learn of it."""

from __future__ import annotations

from typing import Final

from mattegate.gate.case import Case
from mattegate.gate.wording import untellable
from mattegate.vocabulary.decision import Effect, Finding
from mattegate.vocabulary.facts import FactName

_SOUND: Final = Finding("options", Effect.ALLOW)


def judge(case: Case) -> Finding | FactName:
    """Refuse a flawed head with the reason that its reader gave."""
    flawed = case.attempt.flawed
    if flawed is None:
        return _SOUND
    if problem := untellable(flawed.code, flawed.facts):
        return Finding("options", Effect.ERROR, "internal.error", {"problem": problem})
    return Finding("options", Effect.EXPLICIT_DENY, flawed.code, flawed.facts)
