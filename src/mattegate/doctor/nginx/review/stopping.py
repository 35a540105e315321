"""The clue for a line at which nginx stops while it reads its configuration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from mattegate.doctor.answer import Certainty
from mattegate.doctor.clue import Clue
from mattegate.doctor.nginx.review.words import ORIGIN, culprit, place

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive

TABLES: Final = frozenset({"map", "geo", "types", "split_clients", "charset_map", "match", "geoip2"})
"""Blocks whose lines are rows of a table and no directives."""


def stopped(problem: str, *lines: Directive, certainty: Certainty = Certainty.PROVEN) -> Clue:
    """nginx stops at the first of these lines, with this message."""
    facts = {"problem": problem, "place": place(lines[0])}
    evidence = tuple(f"{line.text} ({place(line)})" for line in lines)
    return Clue("config.refused", certainty, ORIGIN, evidence, facts, culprit=culprit(*lines))


def written(block: Directive) -> Iterator[tuple[Directive, Directive]]:
    """Every directive inside that somebody wrote, each behind the block that it stands in."""
    for line in block.children:
        if line.line:
            yield block, line
        if line.block is not None and line.name not in TABLES:
            yield from written(line)
