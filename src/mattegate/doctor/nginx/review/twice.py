"""Names that a configuration may give only once: of upstreams, and of the zones that limits count in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mattegate.doctor.nginx.limited import option
from mattegate.doctor.nginx.review.stopping import stopped

if TYPE_CHECKING:
    from mattegate.doctor.clue import Clue
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.scope import Scope


def named_twice(http: Scope) -> Iterator[Clue]:
    """The second line that gives a name away which is taken."""
    for again, first in _again({line: " ".join(line.args) for line in http.own("upstream")}):
        yield stopped(f'duplicate upstream "{again.args[0]}"', again, first)
    for kind in ("limit_req_zone", "limit_conn_zone"):
        for again, first in _again({line: option(line, "zone") for line in http.own(kind)}):
            key = first.args[0]
            yield stopped(f'{kind} "{option(again, "zone")}" is already bound to key "{key}"', again, first)


def _again(names: dict[Directive, str]) -> Iterator[tuple[Directive, Directive]]:
    """Each line whose name an earlier one has, and that one."""
    seen: dict[str, Directive] = {}
    for line, name in names.items():
        if name in seen:
            yield line, seen[name]
        elif name:
            seen[name] = line
