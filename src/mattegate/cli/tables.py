"""Tables and lists of facts on standard output: aligned, never cropped, and nothing in them obeyed by a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence

from mattegate.cli.rendering import shown


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, none: str) -> None:
    """One line a row under its headings; numbers to the right. ``none`` stands in the place of an empty table."""
    values = [list(row) for row in rows]
    if not values:
        sys.stdout.write(f"{none}\n")
        return
    cells = [[_cell(value) for value in row] for row in values]
    widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
    right = [all(isinstance(value, int | float) for value in column) for column in zip(*values, strict=True)]
    for line in (list(headings), *cells):
        aligned = (
            text.rjust(width) if number else text.ljust(width)
            for text, width, number in zip(line, widths, right, strict=True)
        )
        sys.stdout.write("  ".join(aligned).rstrip() + "\n")


def print_facts(facts: Mapping[str, object]) -> None:
    """A name and its value a line."""
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        sys.stdout.write(f"{name.replace('_', ' ').ljust(width)}  {_cell(value) or '-'}".rstrip() + "\n")


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.1f}"
    if isinstance(value, list | tuple):
        return shown(", ".join(map(str, value)))
    return shown(f"{value:,}" if isinstance(value, int) else str(value))
