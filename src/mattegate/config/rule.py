"""What one rule of a setting is made of, and the patterns that most of them follow; the tables are :mod:`.rules`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a value; ``index`` names the element of a list that is to blame."""

    text: str
    fix: str = ""
    """Empty: an example of a right value will do."""
    index: int | None = None


Rule = Callable[[Any], Problem | None]


def says(holds: Callable[[Any], object], problem: str, fix: str = "") -> Rule:
    """Broken where ``holds`` says no."""
    return lambda value: None if holds(value) else Problem(problem, fix)


def one_of(*choices: object) -> Rule:
    """A choice."""
    told = ", ".join(map(str, choices[:-1])) + f" or {choices[-1]}"
    return says(lambda value: value in choices, f"it must be {told}")


def at_most(most: int, problem: str) -> Rule:
    """A number with an upper end."""
    return says(lambda number: number <= most, problem)


def matches(pattern: str, problem: str, fix: str = "") -> Rule:
    """A text that a pattern matches as a whole."""
    return says(re.compile(pattern).fullmatch, problem, fix)
