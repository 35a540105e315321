"""One step of a story, as a value that a renderer shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mattegate.doctor.answer import Answer
    from mattegate.doctor.demo.scenarios import Scenario


class Kind(StrEnum):
    """Where in its story a step stands; every story has all of them, in this order."""

    SYMPTOM = "symptom"
    DIRECT = "direct"
    LOGS = "logs"
    CLIENT = "client"
    DOCTOR = "doctor"
    CHANGE = "change"
    OUTCOME = "outcome"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A command and what came back."""

    command: str
    """As it could be typed; ``$KEY`` stands for the API key, ``$D`` for the story's folder."""
    came_back: tuple[str, ...]
    """In short. A line that is indented is a file's."""


@dataclass(frozen=True, slots=True)
class Step:
    """What was done, what came back, and what follows from it."""

    kind: Kind
    title: str
    exchanges: tuple[Exchange, ...]
    says: str
    """What follows."""
    result: Mapping[str, Any] = field(default_factory=dict)
    """What came back, for programs."""
    answer: Answer | None = None
    """The doctor's."""

    def as_json(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "step": str(self.kind),
            "title": self.title,
            "exchanges": [{"command": each.command, "came_back": list(each.came_back)} for each in self.exchanges],
            "says": self.says,
            "result": dict(self.result),
        }


@dataclass(frozen=True, slots=True)
class Ending:
    """How a story ended."""

    scenario: Scenario
    well: bool
    says: str
    """Why not, where it did not end well."""
    steps: tuple[Step, ...]

    def as_json(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "scenario": self.scenario.name,
            "title": self.scenario.title,
            "meant": self.scenario.meant,
            "ended_well": self.well,
            "says": self.says,
            "steps": [step.as_json() for step in self.steps],
        }
