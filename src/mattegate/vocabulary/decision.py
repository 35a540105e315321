"""What a decision is: findings in the order of the layers, and where they lead."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from mattegate.vocabulary.facts import FactName, Plain


class Effect(StrEnum):
    """What one layer said."""

    ALLOW = "ALLOW"
    """It asked for something and got it."""
    NO_IMPACT = "NO_IMPACT"
    """It has no say in this attempt."""
    IMPLICIT_DENY = "IMPLICIT_DENY"
    """Something that must be there is not."""
    EXPLICIT_DENY = "EXPLICIT_DENY"
    """A rule says no."""
    SKIPPED = "SKIPPED"
    """Not asked, because an earlier layer had decided, or because there is nothing to ask about."""
    ERROR = "ERROR"
    """It could not judge."""


REFUSING = frozenset({Effect.IMPLICIT_DENY, Effect.EXPLICIT_DENY, Effect.ERROR})


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one layer."""

    layer: str
    effect: Effect
    reason: str = ""
    """The reason of the catalogue, where it refuses or would."""
    facts: dict[str, Plain] = field(default_factory=dict)
    """What fills the reason's sentences."""
    rule: str = ""
    """The rule that decided, as it stands in the configuration."""
    detail: str = ""
    """One operator's sentence on what was seen, where there is more to say than the reason does."""
    shadow: bool = False
    """It would refuse, but is only being tried: the walk goes on."""

    @property
    def refuses(self) -> bool:
        """Whether the walk ends here."""
        return self.effect in REFUSING and not self.shadow


@dataclass(frozen=True, slots=True)
class Allowed:
    """Every layer was asked and none refused."""

    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """One layer refused; those after it are ``SKIPPED``."""

    findings: tuple[Finding, ...]
    finding: Finding
    """The one that refused."""


@dataclass(frozen=True, slots=True)
class Needs:
    """A layer lacks a fact; ``findings`` are those of the layers before it, to go on from."""

    fact: FactName
    findings: tuple[Finding, ...]


Decision = Allowed | Refused
"""Where a walk ends."""
