"""Scenario files: what is changed of the sound situation, and how the walk then goes.

A scenario is a sentence at the beginning of a line and indented lines below it:

    path = value            a change, as ``simulate`` takes it (``path+`` adds to a list, ``path-`` takes away)
    allowed TRACE           where the walk ends: one mark for each layer in its order, see ``explain.lines``
    refused REASON STATUS TRACE
    needs FACT TRACE
    waits SECONDS           ``Retry-After``
    says TEXT               a part of the public sentence
    notes LAYER: TEXT       a part of what the operator reads of that layer
    helps TEXT              a remedy that is found; ``helps nothing`` where none is
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_VERBS = ("allowed", "refused", "needs", "waits", "says", "notes", "helps")


@dataclass
class Scenario:
    """One story and its ending."""

    title: str
    place: str
    changes: dict[str, str] = field(default_factory=dict)
    expected: list[tuple[str, str]] = field(default_factory=list)


def read_scenarios(folder: Path) -> Iterator[Scenario]:
    """Every scenario of every file."""
    for path in sorted(folder.glob("*.txt")):
        yield from _read(path)


def _read(path: Path) -> Iterator[Scenario]:
    scenario: Scenario | None = None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not line[0].isspace():
            if scenario:
                yield scenario
            scenario = Scenario(line.strip(), f"{path.name}:{number}")
            continue
        assert scenario is not None, f"{path.name}:{number}: a line without a scenario"
        _add(scenario, line.strip(), f"{path.name}:{number}")
    if scenario:
        yield scenario


def _add(scenario: Scenario, line: str, place: str) -> None:
    verb, _, rest = line.partition(" ")
    if verb in _VERBS:
        scenario.expected.append((verb, rest.strip()))
        return
    name, sign, value = line.partition(" =")
    assert sign, f"{place}: {line!r} is neither a change nor an ending"
    assert name not in scenario.changes, f"{place}: {name} is changed twice"
    scenario.changes[name] = value.strip()
