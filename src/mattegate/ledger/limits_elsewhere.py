"""Limits that are counted in the memory of another process: this one cannot know them, and says so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mattegate.ledger.protocols import LimitStore, Unavailable
from mattegate.vocabulary.facts import ClaimFact
from mattegate.vocabulary.rulebook import Limit

PROBLEM: Final = (
    "limits.store is memory, so the counters are in the server's memory alone; a caller sees its own at /v1/whoami"
)


class ElsewhereLimitStore(LimitStore):
    """Answers everything with :class:`~mattegate.ledger.protocols.Unavailable`."""

    def take(self, subject: str, limits: Sequence[Limit], costs: Sequence[int], at: float, token: str) -> ClaimFact:
        """Not from here."""
        raise Unavailable("limits", PROBLEM)

    def give_back(self, subject: str, limits: Sequence[Limit], costs: Sequence[int], at: float, token: str) -> None:
        """Not from here."""
        raise Unavailable("limits", PROBLEM)

    def amend(self, subject: str, limits: Sequence[Limit], totals: Sequence[int], at: float, token: str) -> None:
        """Not from here."""
        raise Unavailable("limits", PROBLEM)

    def void(self, subject: str, limits: Sequence[Limit], at: float, token: str) -> None:
        """Not from here."""
        raise Unavailable("limits", PROBLEM)

    def glance(self, subject: str, limits: Sequence[Limit], at: float) -> ClaimFact:
        """Not from here."""
        raise Unavailable("limits", PROBLEM)
