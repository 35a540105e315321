"""The smallest change to a configuration that mends a finding; an experiment where nothing less can show it.

Rules of this file: nothing is opened to everybody; a change concerns one directive; what has no safe change has none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from mattegate.doctor.nginx.edits import ChangeArgs, Edit, Insert, Remove, Where, new
from mattegate.doctor.nginx.values import has_variables

if TYPE_CHECKING:
    from mattegate.doctor.clue import Clue
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.request import Prediction, Request


@dataclass(frozen=True, slots=True)
class Fix:
    """A change, and the request that shows it."""

    cause: str
    request: Request
    edits: tuple[Edit, ...]


def fix_of(clue: Clue, prediction: Prediction) -> Fix | None:
    """The change that mends what a clue points to; ``None`` where there is none that is safe and small."""
    maker = _MAKERS.get(clue.cause)
    edits = maker(prediction, clue) if maker is not None else ()
    written = all(edit.target.line for edit in edits)
    return Fix(clue.cause, prediction.request, edits) if edits and written else None


Edits = tuple[Edit, ...]
_Maker = Callable[["Prediction", "Clue"], Edits]


def _rule(prediction: Prediction, clue: Clue) -> Directive | None:
    """The line that the clue names first."""
    if not clue.culprit:
        return None
    wanted = clue.culprit[0]
    lines = [prediction.decided_by, prediction.location, prediction.server]
    lines += [prediction.upstream.directive if prediction.upstream is not None else None]
    if prediction.scope is not None:
        lines += [line for level in prediction.scope.upwards() for line in level.directive.children]
    if prediction.location is not None:
        lines += list(prediction.location.walk())
    fitting = (line for line in lines if line is not None)
    return next((d for d in fitting if (d.file, d.line, d.text) == (wanted.file, wanted.line, wanted.text)), None)


def _allow(prediction: Prediction, clue: Clue) -> Edits:
    line = _rule(prediction, clue)
    client = prediction.client
    if line is None or line.name != "deny" or not client:
        return ()
    return (Insert(line, Where.BEFORE, (new("allow", client),)),)


def _remove(prediction: Prediction, clue: Clue) -> Edits:
    line = _rule(prediction, clue)
    return (Remove(line),) if line is not None else ()


def _no_uri(prediction: Prediction, clue: Clue) -> Edits:
    line = _rule(prediction, clue)
    if line is None or has_variables(line.args[0]):
        return ()
    return (ChangeArgs(line, (line.args[0].rstrip("/"),)),)


def _stay(prediction: Prediction, clue: Clue) -> Edits:
    """What keeps a request in the location that passes it on."""
    line = prediction.moved or _left_by(prediction, clue)
    if line is None:
        return ()
    if line.name == "rewrite":
        return (ChangeArgs(line, (*line.args[:2], "break")),)
    return (Remove(line),) if line.name == "try_files" else ()


def _left_by(prediction: Prediction, clue: Clue) -> Directive | None:
    """The ``try_files`` that the clue names first, of a location that was entered on the way."""
    wanted = clue.culprit[0] if clue.culprit else None
    entered = [step.directive for step in prediction.steps if step.phase == "location" and step.directive is not None]
    lines = (line for block in entered for line in block.named("try_files"))
    return next(
        (d for d in lines if wanted and (d.file, d.line, d.text) == (wanted.file, wanted.line, wanted.text)), None
    )


def _body(prediction: Prediction, clue: Clue) -> Edits:
    wanted = clue.facts.get("wanted", "")
    line = _rule(prediction, clue)
    if line is not None and line.name == "client_max_body_size":
        return (ChangeArgs(line, (wanted,)),)
    return _into_location(prediction, new("client_max_body_size", wanted))


def _into_location(prediction: Prediction, directive: Directive) -> Edits:
    block = prediction.location or prediction.server
    return (Insert(block, Where.FIRST, (directive,)),) if block is not None else ()


def _basic_off(prediction: Prediction, _: Clue) -> Edits:
    return _into_location(prediction, new("auth_basic", "off"))


def _underscores(prediction: Prediction, _: Clue) -> Edits:
    server = prediction.server
    return (Insert(server, Where.FIRST, (new("underscores_in_headers", "on"),)),) if server else ()


def _buffers(prediction: Prediction, _: Clue) -> Edits:
    line = prediction.decided_by
    if line is not None and line.name == "large_client_header_buffers":
        return (ChangeArgs(line, ("4", "32k")),)
    server = prediction.server
    return (Insert(server, Where.FIRST, (new("large_client_header_buffers", "4", "32k"),)),) if server else ()


def _method(prediction: Prediction, clue: Clue) -> Edits:
    line = _rule(prediction, clue)
    if line is None or line.name != "limit_except":
        return ()
    return (ChangeArgs(line, (*line.args, prediction.request.method)),)


def _allow_origin(prediction: Prediction, clue: Clue) -> Edits:
    line = _rule(prediction, clue)
    if line is None or line.name != "add_header" or len(line.args) < 2:
        return ()
    return _into_location(prediction, new("add_header", line.args[0], line.args[1], "always"))


def _always(prediction: Prediction, clue: Clue) -> Edits:
    line = _rule(prediction, clue)
    return (ChangeArgs(line, (*line.args[:2], "always")),) if line is not None and line.name == "add_header" else ()


_MAKERS: Final[Mapping[str, _Maker]] = MappingProxyType(
    {
        "access.rule_denies": _allow,
        "access.ipv6_missing": _allow,
        "access.inheritance_lost": _allow,
        "authorization.cleared": _remove,
        "headers.not_passed": _remove,
        "return.forbids": _remove,
        "map.forbids": _remove,
        "referer.forbids": _remove,
        "internal.location": _remove,
        "proxy_pass.prefix_stripped": _no_uri,
        "proxy_pass.not_reached": _stay,
        "body.too_large": _body,
        "auth_basic.required": _basic_off,
        "underscore.dropped": _underscores,
        "headers.too_large": _buffers,
        "method.not_allowed": _method,
        "cors.only_in_preflight": _allow_origin,
        "cors.add_header_lost": _allow_origin,
        "cors.not_always": _always,
        "cors.error_without_headers": _always,
    }
)
