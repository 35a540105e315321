"""What a ``return`` or a ``rewrite`` answers, by the condition that it stands under."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from mattegate.doctor.nginx.mapping import definition_in
from mattegate.doctor.nginx.request import Prediction
from mattegate.doctor.nginx.review.refusals.absence import sent_away, strange_host
from mattegate.doctor.nginx.review.refusals.told import Made, facts_about
from mattegate.doctor.nginx.review.words import place
from mattegate.doctor.nginx.values import variables_in

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.scope import Scope

_KNOWN_VARIABLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "invalid_referer": "referer.forbids",
        "secure_link": "secure_link.forbids",
        "ssl_client_verify": "client_cert.required",
    }
)


def by_return(prediction: Prediction, http: Scope, status: int | None, line: Directive | None) -> Made:
    """Why a line answers by itself: nobody else has the host, or a condition above it holds."""
    facts = facts_about(prediction, line, status)
    if strange_host(prediction, http) and (line is None or _in_server(line, prediction)):
        return "host.unknown", facts, (prediction.server, line)
    if (away := sent_away(prediction, status)) is not None:
        return away
    for condition in conditions(prediction, line):
        for variable in variables_in(condition.args[0] if condition.args else ""):
            known = _KNOWN_VARIABLES.get(variable)
            if known is not None:
                return known, facts, (line, condition)
            block = definition_in(http, variable)
            if block is not None and block.name in {"map", "geo"}:
                source = facts | {"variable": variable, "value": _value(condition), "source": place(block)}
                return "map.forbids", source, (line, condition, block)
    return "return.forbids", facts, (line,)


def conditions(prediction: Prediction, line: Directive | None) -> list[Directive]:
    """The ``if`` blocks that the deciding line stands in."""
    if line is None:
        return []
    met = [step.directive for step in prediction.steps if step.directive is not None and step.directive.name == "if"]
    return [block for block in met if any(inside is line for inside in block.walk())]


def _value(condition: Directive) -> str:
    return condition.args[2] if len(condition.args) > 2 else "1"


def _in_server(line: Directive, prediction: Prediction) -> bool:
    return prediction.server is not None and any(inside is line for inside in prediction.server.walk())
