"""Where limits stand, as those who only read them need to know it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mattegate.vocabulary.facts import LimitAnswer
from mattegate.vocabulary.rulebook import Limit


class Standing(Protocol):
    """A glance at limits that takes nothing."""

    def __call__(self, identity: str, limits: Sequence[Limit], at: float, /) -> Sequence[LimitAnswer]:
        """One answer for each limit."""
