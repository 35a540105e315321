"""What a request loses on its way to the upstream: its path, its key, the headers that an outer block set."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from mattegate.doctor.answer import Certainty
from mattegate.doctor.clue import Clue
from mattegate.doctor.nginx.proxying import uri_part
from mattegate.doctor.nginx.request import Outcome, Prediction
from mattegate.doctor.nginx.review.slashes import glued
from mattegate.doctor.nginx.review.words import ORIGIN, asked, culprit, facts_of, place
from mattegate.doctor.nginx.values import has_variables, variables_in

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.request import Upstream

_VERSION: Final = re.compile(r"^/(?:[\w.-]+/)*v\d+/?$")
"""A location whose last segment names a version of an API, which the API itself wants to see."""
_API: Final = re.compile(r"^/(?:[\w.-]+/)*v\d+/")
_KNOWN_ROUTES: Final = frozenset({"/api/remove", "/v1.0/removebg", "/v1/remove-bg", "/v1/remove", "/v1/whoami"})
"""Paths that well-known background-removal servers have as they stand."""
_PATHS: Final = frozenset({"uri", "document_uri", "request_uri", *"123456789"})
_CONSTANT_PATH: Final = re.compile(r"/[^$:/]*(?:/[^$]*)?$")
_NOT_THE_CALLERS: Final = frozenset(
    {"host", "connection", "te", "keep-alive", "expect", "upgrade", "transfer-encoding", "content-length",
     "proxy-connection", "accept-encoding", "origin", "referer", "cookie"}
)  # fmt: skip
_WANTED_OUTSIDE: Final = frozenset({"host", "authorization", "x-api-key", "x-forwarded-for", "x-real-ip"})


def losses(prediction: Prediction) -> Iterator[Clue]:
    """Everything that is lost on the way."""
    upstream = prediction.upstream
    for name in prediction.dropped:
        yield _clue(
            "underscore.dropped", Certainty.PROVEN, prediction, prediction.server, header=name, better=_hyphens(name)
        )
    if prediction.outcome is not Outcome.FORWARDS or upstream is None or upstream.directive.name != "proxy_pass":
        return
    yield from _headers(prediction, upstream)
    yield from _body(prediction)
    yield from _outer_headers(prediction, upstream)
    if upstream.uri is not None:
        yield from _path(prediction, upstream, upstream.uri)


def _hyphens(name: str) -> str:
    return name.replace("_", "-")


def _clue(cause: str, certainty: Certainty, prediction: Prediction, line: Directive | None, **facts: object) -> Clue:
    return Clue(
        cause=cause,
        certainty=certainty,
        origin=ORIGIN,
        evidence=(f"{line.text} ({place(line)})" if line is not None else "nginx's default",),
        facts=facts_of(line, prediction.request, **facts),
        request=asked(prediction.request),
        culprit=culprit(line),
    )


def _headers(prediction: Prediction, upstream: Upstream) -> Iterator[Clue]:
    arriving = {name.lower() for name, _ in upstream.headers}
    assert prediction.scope is not None
    for name, value in prediction.request.headers:
        if not value or name.lower() in arriving | _NOT_THE_CALLERS or name in prediction.dropped:
            continue
        off = prediction.scope.inherited("proxy_pass_request_headers")
        if off and off[-1].args == ("off",):
            yield _clue("headers.not_passed", Certainty.PROVEN, prediction, off[-1])
            return
        for line in prediction.scope.inherited("proxy_set_header"):
            if line.args and line.args[0].lower() == name.lower():
                yield _clue("authorization.cleared", Certainty.PROVEN, prediction, line, header=name)


def _body(prediction: Prediction) -> Iterator[Clue]:
    """A location of its own, and none that only asks for permission, whose requests arrive without their bodies."""
    assert prediction.scope is not None
    lines = prediction.scope.inherited("proxy_pass_request_body")
    if not prediction.request.body_bytes or not lines or lines[-1].args != ("off",):
        return
    asked_by = prediction.server.walk() if prediction.server is not None else ()
    paths = {line.args[0] for line in asked_by if line.name == "auth_request" and line.args}
    if prediction.request.path not in paths:
        yield _clue("body.not_passed", Certainty.LIKELY, prediction, lines[-1], bytes=prediction.request.body_bytes)


def _outer_headers(prediction: Prediction, upstream: Upstream) -> Iterator[Clue]:
    """Lines of an outer block that the block's own lines put out of force."""
    assert prediction.scope is not None
    holder = next((level for level in prediction.scope.upwards() if level.own("proxy_set_header")), None)
    if holder is None or holder.parent is None:
        return
    own = {line.args[0].lower() for line in holder.own("proxy_set_header") if line.args}
    outer = [line for line in holder.parent.inherited("proxy_set_header") if line.args]
    lost = [line for line in outer if line.args[0].lower() in _WANTED_OUTSIDE - own and not _as_sent(line, prediction)]
    if lost:
        first = holder.own("proxy_set_header")[0]
        yield _clue(
            "headers.inheritance_lost",
            Certainty.LIKELY,
            prediction,
            first,
            lost=", ".join(line.args[0] for line in lost),
        )


def _as_sent(line: Directive, prediction: Prediction) -> bool:
    """Whether a line only repeats what nginx does without it: hand the caller's own header on."""
    assert prediction.scope is not None
    name = line.args[0].lower()
    passed = prediction.scope.value("proxy_pass_request_headers", "on") != "off"
    return passed and name not in _NOT_THE_CALLERS and line.args[1:] == (f"$http_{name.replace('-', '_')}",)


def _path(prediction: Prediction, upstream: Upstream, uri: str) -> Iterator[Clue]:
    line, request = upstream.directive, prediction.request
    part = uri_part(line)
    path = uri.partition("?")[0]
    if "//" in path and "//" not in request.path:
        yield _clue("proxy_pass.double_slash", Certainty.LIKELY, prediction, line, uri=uri)
        return
    if has_variables(line.args[0]):
        if path != request.path and prediction.moved is None and not _PATHS.intersection(_path_variables(line)):
            better = f"proxy_pass {_CONSTANT_PATH.sub('', line.args[0])}$request_uri;"
            yield _clue("proxy_pass.variable_drops_path", Certainty.LIKELY, prediction, line, uri=uri, better=better)
        return
    if not path.startswith("/") and prediction.moved is not None:
        yield _clue("rewrite.slash_lost", Certainty.PROVEN, prediction, prediction.moved, uri=uri)
        return
    if prediction.moved is not None and _API.match(request.path) and not _API.match(path):
        yield _stripped(prediction, upstream, prediction.moved, uri, better="without this rewrite")
        return
    name = prediction.location.args[-1] if prediction.location is not None and prediction.location.args else ""
    if _is_glued(prediction, name, part):
        better = f"proxy_pass {line.args[0]}/;"
        yield _clue("proxy_pass.path_glued", Certainty.LIKELY, prediction, line, uri=uri, better=better)
        return
    known = _VERSION.match(name) or request.path in _KNOWN_ROUTES
    if part == "/" and known and not path.startswith(name):
        yield _stripped(prediction, upstream, line, uri, better=f"proxy_pass {line.args[0].removesuffix('/')};")


def _is_glued(prediction: Prediction, name: str, part: str) -> bool:
    """Whether the rest of the path is put right behind a word of ``proxy_pass``, without a slash between them."""
    return (
        prediction.moved is None and "?" not in part and glued(name, part) and len(prediction.request.path) > len(name)
    )


def _stripped(prediction: Prediction, upstream: Upstream, line: Directive, uri: str, *, better: str) -> Clue:
    facts = {"uri": uri, "better": better, "upstream": upstream.address}
    return _clue("proxy_pass.prefix_stripped", Certainty.LIKELY, prediction, line, **facts)


def _path_variables(line: Directive) -> tuple[str, ...]:
    """The variables behind the host of a ``proxy_pass``."""
    return variables_in(line.args[0].partition("://")[2].partition("/")[2] or line.args[0])
