"""One file to work on, and what became of it: the values that planning, running, the manifest and renderers share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mattegate.vocabulary.refusal import Refusal
from mattegate.vocabulary.report import Report


@dataclass(frozen=True, slots=True)
class Stamp:
    """How a source looked when it was planned; another size or time means another picture."""

    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Task:
    """One source and the file its cut-out becomes; ``name`` is the source as people and manifests call it."""

    source: Path
    target: Path
    name: str
    stamp: Stamp | None = None


class Why(StrEnum):
    """Why a file was left alone although nothing is wrong with it."""

    EXISTS = "exists"
    """Its target is there, and the caller asked to keep such targets."""
    DONE = "done"
    """An earlier run of this batch made it with the same options."""
    FAILED = "failed"
    """An earlier run of this batch failed on it, and the caller asked not to try again."""


@dataclass(frozen=True, slots=True)
class Done:
    """The cut-out stands under its final name; ``size`` in bytes, the time is its worker's."""

    task: Task
    report: Report
    size: int
    milliseconds: float

    @property
    def name(self) -> str:
        """The source as people call it."""
        return self.task.name


@dataclass(frozen=True, slots=True)
class Skipped:
    """Nothing was to be done."""

    task: Task
    why: Why

    @property
    def name(self) -> str:
        """The source as people call it."""
        return self.task.name


@dataclass(frozen=True, slots=True)
class Failed:
    """No cut-out, and why; ``task`` is ``None`` where it never became one (a missing file, an unreadable folder)."""

    name: str
    refusal: Refusal
    task: Task | None = None


Outcome = Done | Skipped | Failed
