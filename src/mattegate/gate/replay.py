"""A recorded decision made again: the same, or what differs now."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Literal

from mattegate.gate.decide import decide
from mattegate.gate.rules import Rules
from mattegate.vocabulary.attempt import Attempt
from mattegate.vocabulary.decision import Finding, Needs
from mattegate.vocabulary.facts import Facts


def replay(attempt: Attempt, facts: Facts, findings: Sequence[Finding], rules: Rules) -> Literal["same"] | list[str]:
    """``"same"``, or one sentence for each layer that now says something else."""
    again = decide(attempt, facts, rules)
    asked = findings[: len(again.findings)] if isinstance(again, Needs) else findings
    differences = [_difference(before, now) for before, now in zip_longest(asked, again.findings) if before != now]
    if isinstance(again, Needs):
        differences.append(f"now the fact '{again.fact}' is needed, which was not recorded")
    return differences or "same"


def _difference(recorded: Finding | None, now: Finding | None) -> str:
    known = recorded or now
    assert known is not None
    same_word = recorded is not None and now is not None and _told(recorded) == _told(now)
    what = f"{_told(recorded)} with other particulars" if same_word else f"recorded {_told(recorded)}, now {_told(now)}"
    return f"{known.layer}: {what}"


def _told(finding: Finding | None) -> str:
    if finding is None:
        return "nothing"
    told = f"{finding.effect} {finding.reason}".rstrip()
    return f"{told} (shadow)" if finding.shadow else told
