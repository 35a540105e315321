"""How much memory the bodies of all unfinished requests may take together."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mattegate.config.settings import MB
from mattegate.vocabulary.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(slots=True)
class Budget:
    """A number of bytes shared by all requests; taken as bytes arrive, given back when their request is over.

    Only bytes that did arrive count, so that a caller cannot reserve memory by promising a large body.
    """

    limit: int
    taken: int = 0

    def precheck(self) -> None:
        """Raise ``capacity.body_budget`` when nothing is left, before anything is read."""
        if self.taken >= self.limit:
            raise self._refusal()

    @contextmanager
    def lease(self) -> Iterator[Callable[[int], None]]:
        """Give a function that takes a number of bytes; all it took is given back at the end.

        The function raises ``capacity.body_budget`` when the bytes are not there.
        """
        mine = 0

        def take(amount: int) -> None:
            nonlocal mine
            if self.taken + amount > self.limit:
                raise self._refusal()
            self.taken += amount
            mine += amount

        try:
            yield take
        finally:
            self.taken -= mine

    def _refusal(self) -> Refusal:
        return Refusal("capacity.body_budget", limit_mb=self.limit / MB)
