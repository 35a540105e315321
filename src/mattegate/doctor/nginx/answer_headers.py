"""Which headers nginx adds to an answer, and which of the upstream's it takes away (``ngx_http_headers_filter``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mattegate.doctor.nginx.values import expand_where_known
from mattegate.doctor.nginx.variables import Variables

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.request import Headers
    from mattegate.doctor.nginx.scope import Scope
    from mattegate.doctor.nginx.state import State

ADDED_TO: Final = frozenset({200, 201, 204, 206, 301, 302, 303, 304, 307, 308})
"""The statuses that ``add_header`` without ``always`` is for."""


def added(scope: Scope, status: int, state: State) -> Headers:
    """The headers that ``add_header`` adds here to an answer of this status; empty values add none."""
    lookup = Variables(state)
    found = [
        (line.args[0], expand_where_known(line.args[1], lookup))
        for line in scope.inherited("add_header")
        if len(line.args) >= 2 and (status in ADDED_TO or always(line))
    ]
    return tuple((name, value) for name, value in found if value)


def always(line: Directive) -> bool:
    """Whether an ``add_header`` is for every status."""
    return line.args[2:] == ("always",)
