"""All figures of one run, and how they are shown: JSON for programs, a table for people."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field

from rich import box
from rich.console import Console
from rich.table import Table

from bench.context import Outcome
from bench.targets import TARGETS, Target, Verdict

_COLOURS = {Verdict.GOAL: "green", Verdict.MET: "green", Verdict.MISSED: "red", Verdict.NOT_TAKEN: "yellow"}


@dataclass(slots=True)
class Findings:
    """What a run has found so far: each figure, or why it was not taken."""

    figures: dict[str, float] = field(default_factory=dict)
    not_taken: dict[str, str] = field(default_factory=dict)
    methods: dict[str, str] = field(default_factory=dict)
    details: dict[str, Mapping[str, object]] = field(default_factory=dict)

    def add(self, measurement: str, outcome: Outcome) -> None:
        """Take over what a measurement found."""
        self.figures.update(outcome.figures)
        self.not_taken.update(outcome.reasons)
        self.methods[measurement] = " ".join(outcome.method.split())
        self.details[measurement] = outcome.details

    def miss(self, figures: tuple[str, ...], why: str) -> None:
        """Note that these figures were not taken."""
        self.not_taken.update(dict.fromkeys(figures, why))

    def verdict(self, target: Target) -> Verdict:
        """How one figure stands."""
        return target.judge(self.figures.get(target.key))

    @property
    def missed(self) -> tuple[str, ...]:
        """The figures that were taken and do not reach what is promised."""
        return tuple(target.key for target in TARGETS if self.verdict(target) is Verdict.MISSED)


def as_json(findings: Findings, machine: Mapping[str, object]) -> str:
    """Every promised figure by its key, ``null`` where it was not taken; the reason stands under ``not_taken``."""
    ratios = {target.key: _rounded(findings.figures.get(target.key)) for target in TARGETS}
    told = {
        "ratios": ratios,
        "not_taken": findings.not_taken,
        "verdicts": {target.key: findings.verdict(target) for target in TARGETS},
        "method": findings.methods,
        "machine": machine,
        "details": findings.details,
    }
    return json.dumps(told, indent=2)


def show(findings: Findings, machine: Mapping[str, object], console: Console) -> None:
    """The table, then how each figure was taken and what it was taken on."""
    console.print(_table(findings))
    for measurement, method in findings.methods.items():
        console.print(f"\n[bold]{measurement}[/bold]")
        console.print(textwrap.fill(method, console.width), markup=False, highlight=False)
        console.print(json.dumps(findings.details[measurement]), markup=False, highlight=False, style="dim")
    console.print("\n[bold]machine[/bold]")
    console.print(json.dumps(machine), markup=False, highlight=False, style="dim")


def _table(findings: Findings) -> Table:
    table = Table(box=box.SIMPLE, title="measured side by side, medians of paired runs", title_justify="left")
    for heading in ("figure", "measured", "must", "goal", "verdict"):
        table.add_column(heading, justify="left" if heading in {"figure", "verdict"} else "right")
    for target in TARGETS:
        table.add_row(*_row(target, findings))
    return table


def _row(target: Target, findings: Findings) -> tuple[str, ...]:
    value, verdict = findings.figures.get(target.key), findings.verdict(target)
    why = findings.not_taken.get(target.key, "not asked for")
    told = f"{verdict}: {why}" if verdict is Verdict.NOT_TAKEN else str(verdict)
    colour = _COLOURS.get(verdict, "default")
    return (
        target.title,
        "-" if value is None else f"{_rounded(value):g}",
        "" if target.must is None else f"{target.sign} {target.must:g}",
        "" if target.goal is None else f"{target.sign} {target.goal:g}",
        f"[{colour}]{told}[/{colour}]",
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4 if abs(value) < 10 else 1)
