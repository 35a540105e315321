"""Whether a limit counts a request: one whose key is empty is not counted (ngx_http_limit_req_module)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mattegate.doctor.nginx.values import Undecided
from mattegate.doctor.nginx.variables import Variables

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.scope import Scope
    from mattegate.doctor.nginx.state import State


def zone_of(http: Scope, line: Directive) -> Directive | None:
    """The line that defines the zone in which a ``limit_req`` or ``limit_conn`` counts."""
    name = line.args[0] if line.name == "limit_conn" and line.args else option(line, "zone")
    zones = http.own(f"{line.name}_zone")
    return next((zone for zone in zones if name and option(zone, "zone") == name), None)


def option(line: Directive, name: str) -> str:
    """``value`` of ``name=value:size``; empty where the line has none."""
    return next((arg.removeprefix(f"{name}=") for arg in line.args if arg.startswith(f"{name}=")), "").partition(":")[0]


def counts(line: Directive, state: State) -> bool:
    """Whether the zone's key has a value; what cannot be known is taken to have one."""
    zone = zone_of(state.http, line)
    if zone is None or not zone.args:
        return True
    try:
        return bool(Variables(state).expand(zone.args[0]))
    except Undecided:
        return True
