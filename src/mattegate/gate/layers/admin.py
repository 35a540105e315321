"""admin: what was said on the admin plane, which this is the one layer of.

That plane stands on loopback, under names and with tokens of its own (:mod:`mattegate.serving.admin.guard`), so what
binds callers of the data plane does not bind there: nobody locks himself out of the plane that would let him in again.
"""

from __future__ import annotations

from typing import Final

from mattegate.gate.case import Case
from mattegate.gate.work import finding_of
from mattegate.vocabulary.decision import Effect, Finding
from mattegate.vocabulary.facts import FactName

_DONE: Final = Finding("admin", Effect.ALLOW)


def judge(case: Case) -> Finding | FactName:
    """Refuse what the guard, or the desk behind it, refused."""
    outcome = case.facts.outcome
    if outcome is None:
        return FactName.OUTCOME
    return finding_of("admin", outcome) if outcome.code else _DONE
