"""How a run went so far: counts that stay small however many files there are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from mattegate.cutout.files.tasks import Done, Failed, Outcome

KEPT: Final = 20
"""How many failures are kept with their sentences; of the others only the reasons are counted."""


@dataclass(slots=True)
class Tally:
    """Counts of outcomes, the reasons of the failures, and the first failures in full."""

    done: int = 0
    skipped: int = 0
    failed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    failures: list[Failed] = field(default_factory=list)
    broken: bool = False
    """Whether any failure was a fault of this machine or of the product rather than a refusal of the picture."""

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        if isinstance(outcome, Failed):
            self._add_failure(outcome)
        elif isinstance(outcome, Done):
            self.done += 1
        else:
            self.skipped += 1

    @property
    def total(self) -> int:
        """All outcomes."""
        return self.done + self.skipped + self.failed

    def _add_failure(self, failure: Failed) -> None:
        reason = failure.refusal.reason
        self.failed += 1
        self.reasons[reason.code] += 1
        self.broken |= reason.status >= 500 or reason.layer == "file"
        if len(self.failures) < KEPT:
            self.failures.append(failure)
