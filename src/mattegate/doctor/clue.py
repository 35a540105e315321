"""One piece of reasoning: something points to a cause. Attribution joins clues into findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mattegate.doctor.answer import Certainty, Culprit


@dataclass(frozen=True, slots=True)
class Clue:
    """What points to a cause of the catalogue, and how strongly."""

    cause: str
    certainty: Certainty
    origin: str
    """Who says so: ``nginx model``, ``signature nginx.error.access_rule``, ``probe`` …; independent origins add up."""
    evidence: tuple[str, ...]
    """Sentences, each with the place it comes from."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What fills the cause's sentences."""
    request: str = ""
    status: int | None = None
    culprit: tuple[Culprit, ...] = ()
    remedy: str = ""
    """A remedy for this very case, in place of the cause's general one."""
    next: str = ""
    tell_apart: str = ""
    verified_by: tuple[str, ...] = ()
