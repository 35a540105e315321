"""Slashes that are missing where two pieces of a path meet, so that the pieces are glued together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mattegate.doctor.answer import Certainty
from mattegate.doctor.clue import Clue
from mattegate.doctor.nginx.review.words import ORIGIN, culprit, place
from mattegate.doctor.nginx.values import has_variables

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.scope import Scope


def glued(name: str, replacement: str) -> bool:
    """Whether what stands behind a prefix that ends in a slash is put right behind a word."""
    return name.endswith("/") and len(name) > 1 and replacement[-1:].isalnum()


def glued_alias(line: Directive, location: Directive | None) -> bool:
    """Whether an ``alias`` lacks the slash that its location's name ends in."""
    if line.name != "alias" or location is None or not line.args or has_variables(line.args[0]):
        return False
    modifier = location.args[0] if len(location.args) > 1 else ""
    return modifier in {"", "^~"} and bool(location.args) and glued(location.args[-1], line.args[0])


def glued_aliases(location: Scope) -> Iterator[Clue]:
    """Every such ``alias`` of a location: no file below it is ever found."""
    if location.kind != "location":
        return
    for line in location.own("alias"):
        if glued_alias(line, location.directive):
            facts = {"rule": line.text, "place": place(line), "better": f"{line.args[0]}/"}
            facts |= {"path": location.directive.args[-1], "status": "404"}
            evidence = (f"{line.text} ({place(line)})", f"{location.directive.text} ({place(location.directive)})")
            yield Clue("alias.glued", Certainty.LIKELY, ORIGIN, evidence, facts, culprit=culprit(line))
