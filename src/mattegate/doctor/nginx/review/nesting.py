"""Locations inside locations: nginx stops at one that lies outside the one around it, mostly for a lost brace.

The words and the order of the checks are those of ``ngx_http_core_location`` in ngx_http_core_module.c.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mattegate.doctor.nginx.locating import pattern_of
from mattegate.doctor.nginx.review.stopping import stopped
from mattegate.doctor.nginx.scope import Scope

if TYPE_CHECKING:
    from mattegate.doctor.clue import Clue
    from mattegate.doctor.nginx.directive import Directive


def misnested(http: Directive) -> Iterator[Clue]:
    """The locations that may not stand in the location around them; nginx stops at the outermost."""
    for block in http.children:
        if block.name == "server":
            for location in block.named("location"):
                yield from _inside(location)


def _inside(outer: Directive) -> Iterator[Clue]:
    for inner in outer.named("location"):
        problem = _problem(inner, outer) if outer.line and inner.args and outer.args else None
        if problem is not None:
            yield stopped(problem, inner, outer)
        else:
            yield from _inside(inner)


def _problem(inner: Directive, outer: Directive) -> str | None:
    here, around = pattern_of(Scope(inner, None)), pattern_of(Scope(outer, None))
    if around.modifier == "=":
        return f'location "{here.name}" cannot be inside the exact location "{around.name}"'
    if around.modifier == "@":
        return f'location "{here.name}" cannot be inside the named location "{around.name}"'
    if here.modifier == "@":
        return f'named location "{here.name}" can be on the server level only'
    if not here.regex and not here.name.startswith(around.name):
        return f'location "{here.name}" is outside location "{around.name}"'
    return None
