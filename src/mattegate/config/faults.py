"""What is wrong with a configuration, as values: where, which setting, what, and what to write instead.

Rules of this file: a fault is shown on terminals and lands in logs, so nobody may put a value into one that could be
a secret. :mod:`mattegate.config.masking` says which settings those are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with the configuration."""

    setting: str
    """Its dotted name, or what stood in its place."""
    origin: str
    """The file, the environment variable or the flag."""
    problem: str
    line: int | None = None
    """Counted from 1; ``None`` where the origin has no lines or the place is not known."""
    column: int | None = None
    """In characters, counted from 1."""
    fix: str = ""
    """What to write instead."""

    def __str__(self) -> str:
        return f"{self.origin}: {self.setting}: {self.problem}"

    @property
    def place(self) -> str:
        """``FILE:LINE:COLUMN`` as far as it is known; editors open it."""
        return ":".join(str(part) for part in (self.origin, self.line, self.column) if part is not None)

    @property
    def told(self) -> str:
        """Everything on one line: the place, the setting, the problem and the remedy."""
        return f"{self.place}: {self.setting}: {self.problem}" + (f" ({self.fix})" if self.fix else "")


class ConfigurationError(Exception):
    """The configuration cannot be used; ``faults`` holds everything that is wrong with it."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(str(fault) for fault in self.faults))
