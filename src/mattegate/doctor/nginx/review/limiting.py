"""Limits that this request's callers run into: counted for everybody together, or too tight for an ordinary client.

One request alone passes every limit; so nothing here is more than likely.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from mattegate.doctor.answer import Certainty
from mattegate.doctor.clue import Clue
from mattegate.doctor.nginx.addresses import parse_address
from mattegate.doctor.nginx.limited import option, zone_of
from mattegate.doctor.nginx.mapping import definition_in
from mattegate.doctor.nginx.request import Outcome, Prediction
from mattegate.doctor.nginx.review.words import ORIGIN, asked, culprit, facts_of, place
from mattegate.doctor.nginx.values import has_variables, variables_in

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.scope import Scope

_SAME_FOR_ALL: Final = frozenset(
    {"server_name", "host", "http_host", "server_addr", "server_port", "scheme", "uri", "request_uri", "request_method"}
)
_NO_ROWS: Final = frozenset({"include", "proxy", "delete"})
_RATE: Final = re.compile(r"^rate=(\d+)r/([sm])$")
_FEW_A_MINUTE: Final = 60
"""A rate at which the second of two calls in a row is refused, unless a burst is allowed."""
_SHARED_RATE: Final = 600
_SHARED_CONNECTIONS: Final = 8


def limits(prediction: Prediction, http: Scope) -> Iterator[Clue]:
    """The limits that hold where the request ends, if they are tight."""
    if prediction.scope is None or prediction.outcome is not Outcome.FORWARDS:
        return
    for line in _counting(prediction):
        zone = zone_of(http, line)
        if zone is None or not zone.args:
            continue
        shared = _shared(zone, http)
        if line.name == "limit_req" and _rate_is_tight(line, zone, shared=shared):
            yield _clue("limit_req.exceeded", prediction, line, zone, rate=option(zone, "rate"))
        if line.name == "limit_conn" and _connections_are_tight(line, zone, prediction, shared=shared):
            yield _clue("limit_conn.exceeded", prediction, line, zone)


def _counting(prediction: Prediction) -> Iterator[Directive]:
    """The limits that counted the request."""
    for step in prediction.steps:
        if step.phase == "preaccess" and step.directive is not None:
            yield step.directive


def _shared(zone: Directive, http: Scope) -> bool:
    """Whether all callers are counted together."""
    return all(name in _SAME_FOR_ALL or _is_constant(name, http) for name in variables_in(zone.args[0]))


def _is_constant(name: str, http: Scope) -> bool:
    """Whether a table gives everybody that it gives anything the same words."""
    block = definition_in(http, name)
    if block is None or block.name not in {"map", "geo"}:
        return False
    rows = [row for row in block.children if row.args and row.name not in _NO_ROWS]
    given = {row.args[0] for row in rows if row.args[0]}
    return len(given) == 1 and not any(map(has_variables, given))


def _rate_is_tight(line: Directive, zone: Directive, *, shared: bool) -> bool:
    found = next((found for arg in zone.args if (found := _RATE.match(arg)) is not None), None)
    if found is None:
        return False
    a_minute = int(found[1]) * (60 if found[2] == "s" else 1)
    burst = option(line, "burst")
    room = int(burst) if burst.isdecimal() else 0
    return (a_minute <= _FEW_A_MINUTE and room == 0) or (shared and a_minute + room <= _SHARED_RATE)


def _connections_are_tight(line: Directive, zone: Directive, prediction: Prediction, *, shared: bool) -> bool:
    most = int(line.args[1]) if len(line.args) > 1 and line.args[1].isdecimal() else 0
    if shared:
        return 0 < most <= _SHARED_CONNECTIONS
    by_address = {"binary_remote_addr", "remote_addr"} & set(variables_in(zone.args[0]))
    address = parse_address(prediction.client)
    return most == 1 and bool(by_address) and address is not None and address.is_private and not address.is_loopback


def _clue(cause: str, prediction: Prediction, line: Directive, zone: Directive, **more: str) -> Clue:
    kind = line.name
    assert prediction.scope is not None
    status = prediction.scope.value(f"{kind}_status", "503")
    facts = facts_of(line, prediction.request, status=status, **more)
    evidence = (f"{line.text} ({place(line)})", f"{zone.text} ({place(zone)})")
    return Clue(
        cause, Certainty.LIKELY, ORIGIN, evidence, facts, asked(prediction.request), culprit=culprit(line, zone)
    )
