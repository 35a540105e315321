"""What is not there: no such file, folder, location, host or upstream, or another one than was meant.

Where another location would have passed the request on, that is the cause, and not the file that is missing here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mattegate.doctor.answer import Certainty
from mattegate.doctor.clue import Clue
from mattegate.doctor.nginx.files import native
from mattegate.doctor.nginx.request import Outcome, Prediction
from mattegate.doctor.nginx.review.meant import is_call
from mattegate.doctor.nginx.review.refusals.told import Made, evidence_of, facts_about
from mattegate.doctor.nginx.review.slashes import glued_alias
from mattegate.doctor.nginx.review.words import ORIGIN, asked, culprit
from mattegate.doctor.redact import clean

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.scope import Scope


def missing(prediction: Prediction, http: Scope, status: int | None, line: Directive | None) -> Made:
    """Why there is nothing: another location was meant, or a host, or a method; or it is just not there."""
    if _passes_on(prediction) and prediction.location is not None:
        return _shadow(prediction, status)
    if (away := sent_away(prediction, status)) is not None:
        return away
    if line is not None and glued_alias(line, prediction.location):
        return "alias.glued", facts_about(prediction, line, status, better=f"{line.args[0]}/"), (line,)
    if strange_host(prediction, http):
        return "host.unknown", facts_about(prediction, line, status), (prediction.server, line)
    if prediction.request.method not in {"GET", "HEAD"}:
        at = line if line is not None and line.name == "try_files" else prediction.location or prediction.server
        return "location.not_proxied", facts_about(prediction, line, status), (at,)
    at = line or prediction.location or prediction.server
    return "location.missing", facts_about(prediction, line, status), (at,)


def slash_added(prediction: Prediction, http: Scope, status: int | None, line: Directive | None) -> Made:
    """A redirect to the same path with a slash, after which clients repeat a POST as GET."""
    del http
    target = next((value for name, value in prediction.headers if name == "Location"), prediction.request.path + "/")
    return "location.redirects", facts_about(prediction, line, status, target=target), (line,)


def index_forbidden(prediction: Prediction, _: Scope, status: int | None, line: Directive | None) -> Made:
    """A folder without an index, whose content is not listed."""
    return "index.forbidden", facts_about(prediction, line, status, folder=prediction.request.path), (line,)


def file_unreadable(prediction: Prediction, _: Scope, status: int | None, line: Directive | None) -> Made:
    """A file that nginx's account may not read."""
    return "file.unreadable", facts_about(prediction, line, status, file=_path_under(line, prediction)), (line,)


def static_missing(prediction: Prediction, http: Scope, status: int | None, line: Directive | None) -> Made:
    """What nginx cannot open although nothing forbids it; all else is just not there."""
    if status != 500:
        return missing(prediction, http, status, line)
    return "file.not_a_file", facts_about(prediction, line, status, file=_path_under(line, prediction)), (line,)


def upstream_down(prediction: Prediction, _: Scope, status: int | None, line: Directive | None) -> Made:
    """Nobody listens where the request is passed on to."""
    upstream = line.args[0] if line is not None and line.args else ""
    return "upstream.refused", facts_about(prediction, line, status, upstream=upstream), (line,)


def shadow(prediction: Prediction) -> Clue | None:
    """A regular expression that serves files where a location would have passed the request on."""
    if prediction.outcome is not Outcome.SERVES or not _shadowed(prediction):
        return None
    cause, facts, lines = _shadow(prediction, None)
    evidence = tuple(evidence_of(prediction, prediction.location))
    return Clue(cause, Certainty.LIKELY, ORIGIN, evidence, facts, asked(prediction.request), culprit=culprit(*lines))


def sent_away(prediction: Prediction, status: int | None) -> Made | None:
    """The cause where a line sent the request away from a location that would have passed it on."""
    left = _left(prediction)
    if left is None:
        return None
    away, meant = left
    facts = facts_about(prediction, away, status, meant=meant.text.removesuffix(" { … }"))
    return "proxy_pass.not_reached", facts, left


def strange_host(prediction: Prediction, http: Scope) -> bool:
    """Whether the default server answers because none of several has the name."""
    return not prediction.named and bool(prediction.request.host) and len(http.own("server")) > 1


def _shadowed(prediction: Prediction) -> bool:
    """Whether a regular expression took the request from a location that would have passed it on."""
    over = prediction.passed_over
    named = over is not None and (over.args[-1:] != ("/",) or is_call(prediction.request.path))
    return named and _passes_on(prediction)


def _passes_on(prediction: Prediction) -> bool:
    """Whether the location that a regular expression took the request from would have passed it on."""
    return prediction.passed_over is not None and any(prediction.passed_over.named("proxy_pass"))


def _left(prediction: Prediction) -> tuple[Directive, Directive] | None:
    """The line that sent a request away from a location that would have passed it on, and that location."""
    for step in prediction.steps:
        block = step.directive
        if step.phase != "location" or block is None or block is prediction.location:
            continue
        if any(block.named("proxy_pass")):
            moved = prediction.moved
            inside = moved is not None and any(line is moved for line in block.walk())
            away = moved if inside else next(block.named("try_files"), None)
            if away is not None:
                return away, block
    return None


def _shadow(prediction: Prediction, status: int | None) -> Made:
    over, taken = prediction.passed_over, prediction.location
    assert over is not None
    meant = over.text.removesuffix(" { … }")
    facts = facts_about(prediction, taken, status, meant=meant, better=f"location ^~ {over.args[-1]}")
    return "location.shadowed", facts, (taken, over)


def _path_under(line: Directive | None, prediction: Prediction) -> str:
    """What was looked for last; or what the line and the request come to."""
    looked_for = [step.path for step in prediction.steps if step.directive is line and step.path]
    if looked_for:
        return clean(native(looked_for[-1]))
    return (line.args[0] if line is not None and line.args else "") + prediction.request.path
