"""What a page on another origin gets to see, where this configuration takes part in CORS.

The upstream is taken to answer 200 without CORS headers of its own. Where no line of the configuration adds
``Access-Control-Allow-Origin``, CORS is the application's business and nothing is said here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from mattegate.doctor.answer import Certainty
from mattegate.doctor.clue import Clue
from mattegate.doctor.cors.check import Answer
from mattegate.doctor.cors.fetch import BadPageRequest, Credentials, PageRequest, preflight_headers
from mattegate.doctor.cors.judge import Judgement, Stage, judge_exchange
from mattegate.doctor.nginx.answer_headers import always
from mattegate.doctor.nginx.mapping import definition_in
from mattegate.doctor.nginx.request import Outcome, Prediction, Request
from mattegate.doctor.nginx.review.words import ORIGIN, asked, culprit, facts_of, place
from mattegate.doctor.nginx.values import UNKNOWN, variables_in

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.model import Model
    from mattegate.doctor.nginx.scope import Scope
    from mattegate.doctor.nginx.state import Surroundings

_ALLOW_ORIGIN: Final = "access-control-allow-origin"
_CREDENTIALS: Final = "access-control-allow-credentials"


def page_clues(model: Model, request: Request, around: Surroundings) -> Iterator[Clue]:
    """What stops a page that makes this request; nothing where it has no ``Origin``, or CORS is done elsewhere."""
    origin = request.header("Origin")
    if origin is None or model.http is None:
        return
    if not _takes_part(model.http):
        yield from _taken_away(model.predict(request, around))
        return
    if request.method == "OPTIONS":
        request = _behind(request)
    page = _page(request, origin) if request.method != "OPTIONS" else None
    if page is None or not page.cross_origin:
        return
    asking = replace(request, method="OPTIONS", headers=preflight_headers(page), body_bytes=0, label="preflight")
    before = model.predict(asking, _strict(around, model.http))
    after = model.predict(request, around)
    if not (_joins(before) or _joins(after)):
        yield from _taken_away(after)
        return
    if UNKNOWN in str((before.headers, after.headers)):
        return
    judged = judge_exchange(page, _answer(before), _answer(after))
    if not judged.allowed and judged.code and (before if judged.stage is Stage.PREFLIGHT else after).outcome in _SURE:
        clue = _clue(judged, before if judged.stage is Stage.PREFLIGHT else after, page)
        yield replace(clue, evidence=(*clue.evidence, *_beside(judged, before)))
    elif after.outcome is Outcome.FORWARDS:
        yield from _not_always(after)


def _strict(around: Surroundings, http: Scope) -> Surroundings:
    """Whom ``auth_request`` asks demands the credential that no preflight has, unless it learns the method."""
    told = (line for line in http.directive.walk() if line.name == "proxy_set_header")
    knows = any("$request_method" in arg for line in told for arg in line.args[1:])
    return around if knows or around.auth_status >= _REFUSING else replace(around, auth_status=401)


_REFUSING: Final = 400
_SURE: Final = frozenset({Outcome.ANSWERS, Outcome.FORWARDS})


def _behind(preflight: Request) -> Request:
    """The request that a preflight asks about; the preflight itself where it does not say."""
    method = preflight.header("Access-Control-Request-Method")
    if method is None:
        return preflight
    names = (preflight.header("Access-Control-Request-Headers") or "").split(",")
    kept = tuple((k, v) for k, v in preflight.headers if not k.lower().startswith("access-control-request-"))
    headers = (*kept, *((name.strip(), _VALUE.get(name.strip().lower(), "x")) for name in names if name.strip()))
    return replace(preflight, method=method, headers=headers)


_VALUE: Final = {"content-type": "application/json", "authorization": "Bearer x"}


@lru_cache(maxsize=8)
def _takes_part(http: Scope) -> bool:
    return any(_sets(line, _ALLOW_ORIGIN) for line in http.directive.walk())


def _joins(prediction: Prediction) -> bool:
    """Whether a line that stands around this request, or in the location it was meant for, has to do with CORS."""
    if prediction.scope is None:
        return True
    meant = prediction.passed_over.walk() if prediction.passed_over is not None else ()
    return any(map(_has_to_do, prediction.scope.upwards())) or any(_sets(line, _ALLOW_ORIGIN) for line in meant)


@lru_cache(maxsize=4_096)
def _has_to_do(level: Scope) -> bool:
    return any(_sets(line, _ALLOW_ORIGIN) for line in _beneath(level.directive))


def _beneath(block: Directive) -> Iterator[Directive]:
    """The lines of a block and of its conditions, without those of blocks for other requests."""
    for line in block.children:
        yield line
        if line.name == "if":
            yield from line.children


def _sets(line: Directive, name: str) -> bool:
    return line.name == "add_header" and bool(line.args) and line.args[0].lower() == name


def _page(request: Request, origin: str) -> PageRequest | None:
    """The page's request; ``None`` for what no browser would send."""
    credentials = Credentials.INCLUDE if request.header("Cookie") else Credentials.SAME_ORIGIN
    scheme = origin.partition("://")[0]
    headers = tuple((name, value) for name, value in request.headers if name.lower() not in {"origin", "cookie"})
    try:
        return PageRequest(
            f"{scheme if scheme in {'http', 'https'} else 'https'}://{request.host or 'localhost'}{request.target}",
            origin,
            request.method,
            headers,
            credentials,
        )
    except BadPageRequest:
        return None


def _answer(prediction: Prediction) -> Answer | None:
    if prediction.outcome not in _SURE:
        return None
    return Answer(prediction.status or 200, tuple(prediction.headers))


_WITHOUT_ORIGIN: Final = frozenset({"cors.no_allow_origin", "cors.only_in_preflight", "cors.preflight_no_allow_origin"})


def _clue(judged: Judgement, prediction: Prediction, page: PageRequest) -> Clue:
    scope = prediction.scope
    cause, lines = judged.code, _lines(scope, _ALLOW_ORIGIN)
    if cause in _WITHOUT_ORIGIN and scope is not None:
        why, lines = _why_missing(scope, prediction, page)
        cause = why if lines and (cause != "cors.preflight_no_allow_origin" or why == "cors.add_header_lost") else cause
    elif cause == "cors.star_with_credentials":
        lines = [*lines, *_lines(scope, _CREDENTIALS)]
    elif cause == "cors.header_not_allowed":
        lines = _lines(scope, "access-control-allow-headers") or lines
    elif cause == "cors.method_not_allowed":
        lines = _lines(scope, "access-control-allow-methods") or lines
    elif cause == "cors.preflight_status" and prediction.decided_by is not None:
        lines = [prediction.decided_by]
    shown = lines or [line for line in (prediction.decided_by, prediction.location) if line is not None][:1]
    return Clue(
        cause=cause,
        certainty=Certainty.LIKELY if prediction.mechanism == "auth_request" else Certainty.PROVEN,
        origin=ORIGIN,
        evidence=tuple(
            filter(None, (judged.says, judged.console, *(f"{line.text} ({place(line)})" for line in shown)))
        ),
        facts=facts_of(lines[0] if lines else None, prediction.request) | dict(judged.facts),
        request=f"{page.method} {prediction.request.path} from {page.origin}",
        status=prediction.status,
        culprit=culprit(*shown),
    )


_OF_THE_PREFLIGHT: Final = frozenset({"cors.max_age_capped", "cors.authorization_wildcard"})
"""Remarks that turn on the configuration; others turn on the host, which nobody may have named."""


def _beside(judged: Judgement, preflight: Prediction) -> Iterator[str]:
    """What stops nobody, and is told where something else does."""
    yield from (remark.says for remark in judged.remarks if remark.code in _OF_THE_PREFLIGHT)
    if preflight.status == 204 and any(name.lower() == "content-length" for name, _ in preflight.headers):
        yield "the preflight's 204 carries Content-Length, which a 204 must not have (RFC 9110, section 8.6)"


def _lines(scope: Scope | None, name: str) -> list[Directive]:
    return [line for line in scope.inherited("add_header") if _sets(line, name)] if scope is not None else []


def _why_missing(scope: Scope, prediction: Prediction, page: PageRequest) -> tuple[str, list[Directive]]:
    """Why an answer lacks the header that some line adds."""
    own = _lines(scope, _ALLOW_ORIGIN)
    if own and prediction.status is not None and prediction.status >= _REFUSING:
        return ("cors.error_without_headers" if prediction.outcome is Outcome.ANSWERS else "cors.not_always"), own
    if own:
        return "cors.no_allow_origin", [*own, *_rows_about(own, scope, page.origin)]
    holder = next((level for level in scope.upwards() if level.own("add_header")), None)
    if holder is not None and holder.parent is not None and _lines(holder.parent, _ALLOW_ORIGIN):
        return "cors.add_header_lost", [holder.own("add_header")[0], *_lines(holder.parent, _ALLOW_ORIGIN)[:1]]
    in_if = [
        line
        for block in scope.directive.walk()
        if block.name == "if"
        for line in block.children
        if _sets(line, _ALLOW_ORIGIN)
    ]
    return ("cors.only_in_preflight", in_if[:1]) if in_if else ("cors.no_allow_origin", [])


def _rows_about(lines: list[Directive], scope: Scope, origin: str) -> Iterator[Directive]:
    """The table that gives these lines no value for an origin, and the row in it that comes nearest."""
    names = {name for line in lines for name in variables_in(line.args[1] if len(line.args) > 1 else "")}
    http = [*scope.upwards()][-1]
    for block in filter(None, (definition_in(http, name) for name in sorted(names))):
        yield block
        yield from (row for row in block.children if origin in row.name)


def _taken_away(prediction: Prediction) -> Iterator[Clue]:
    """A line that takes the application's own header away, where none is put in its place."""
    scope = prediction.scope
    if prediction.outcome is not Outcome.FORWARDS or scope is None or prediction.request.method == "OPTIONS":
        return
    hiding = scope.inherited("proxy_hide_header")
    line = next((line for line in hiding if line.args[:1] and line.args[0].lower() == _ALLOW_ORIGIN), None)
    if line is None:
        return
    request = prediction.request
    facts = facts_of(line, request, origin=request.header("Origin") or "")
    evidence = (f"{line.text} ({place(line)}) takes the application's own header away, and no add_header sets one",)
    yield Clue("cors.no_allow_origin", Certainty.LIKELY, ORIGIN, evidence, facts, asked(request), culprit=culprit(line))


def _not_always(prediction: Prediction) -> Iterator[Clue]:
    """The upstream's own refusals leave without the header, so that a page cannot read why."""
    line = next((line for line in _lines(prediction.scope, _ALLOW_ORIGIN) if not always(line)), None)
    if line is None:
        return
    facts = facts_of(line, prediction.request)
    evidence = (f"{line.text} ({place(line)}) is left out of answers such as 401, 403, 413 and 429",)
    yield Clue(
        "cors.not_always", Certainty.LIKELY, ORIGIN, evidence, facts, asked(prediction.request), culprit=culprit(line)
    )
