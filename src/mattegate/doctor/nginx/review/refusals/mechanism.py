"""From the mechanism that refused to the one who tells its cause.

An ``error_page`` may stand in front of a refusal: then the first one counts, and that it is hidden is told as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from mattegate.doctor.answer import Certainty
from mattegate.doctor.clue import Clue
from mattegate.doctor.nginx.request import Outcome, Prediction
from mattegate.doctor.nginx.review.firewalled import MECHANISMS, firewalled, shown
from mattegate.doctor.nginx.review.refusals.absence import (
    file_unreadable,
    index_forbidden,
    missing,
    slash_added,
    static_missing,
    upstream_down,
)
from mattegate.doctor.nginx.review.refusals.access import by_access
from mattegate.doctor.nginx.review.refusals.demands import (
    by_body,
    by_certificate,
    by_head,
    by_password,
    by_password_file,
    by_question,
)
from mattegate.doctor.nginx.review.refusals.returned import by_return
from mattegate.doctor.nginx.review.refusals.told import Maker, evidence_of, plain
from mattegate.doctor.nginx.review.words import ORIGIN, asked, culprit, facts_of, place

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.scope import Scope

_HARMLESS: Final = frozenset({404, 405, 418})
"""Statuses that configurations send on to another location on purpose."""
_MAKERS: Final[Mapping[str, Maker]] = MappingProxyType(
    {
        "access": by_access,
        "return": by_return,
        "rewrite": by_return,
        "auth_basic": by_password,
        "auth_basic_file": by_password_file,
        "auth_request": by_question,
        "body_size": by_body,
        "auth_request_body": by_body,
        "header_size": by_head,
        "uri_size": by_head,
        "client_certificate": by_certificate,
        "upstream_down": upstream_down,
        "plain_http": plain("tls.plain_http_on_tls_port"),
        "host_missing": plain("host.invalid"),
        "host_invalid": plain("host.invalid"),
        "host_doubled": plain("host.invalid"),
        "request_line": plain("request.malformed"),
        "internal": plain("internal.location"),
        "slash_redirect": slash_added,
        "index": index_forbidden,
        "file_permission": file_unreadable,
        "static": static_missing,
        "autoindex": static_missing,
        "alias_rewritten": plain("alias.rewritten"),
        "redirect_cycle": plain("redirect.cycle"),
        "rewrite_cycle": plain("redirect.cycle"),
        "named_location": plain("location.name_missing"),
        "upstream_missing": plain("if.handler_lost"),
        "upstream_invalid": plain("upstream.no_address"),
        "resolver_missing": plain("upstream.no_resolver"),
        "header_line": plain("request.framing"),
        "header_doubled": plain("request.framing"),
        "body_length": plain("request.framing"),
        "transfer_coding": plain("request.framing"),
        "method": plain("method.never"),
    }
)


def refusal(prediction: Prediction, http: Scope) -> Clue | None:
    """The clue for a request that nginx refuses; ``None`` where it does not."""
    seen = _seen(prediction)
    if seen is None:
        return None
    status, mechanism, line = seen
    if status is not None and status < 400 and not _loses_the_body(prediction, status):
        return None
    if mechanism in MECHANISMS and line is not None:
        return _by_firewall(prediction, status, line)
    maker = slash_added if status is not None and status < 400 else _MAKERS.get(mechanism, missing)
    cause, facts, lines = maker(_where_refused(prediction), http, status, line)
    return Clue(
        cause=cause,
        certainty=Certainty.PROVEN,
        origin=ORIGIN,
        evidence=tuple(evidence_of(prediction, line)),
        facts=facts,
        request=asked(prediction.request),
        status=prediction.status if prediction.hidden else status,
        culprit=culprit(*lines),
    )


def hidden_status(prediction: Prediction) -> Clue | None:
    """An ``error_page`` with ``=`` that makes a refusal look like something else."""
    hidden = prediction.hidden
    if hidden is None or hidden.status in _HARMLESS or prediction.outcome is not Outcome.ANSWERS:
        return None
    if prediction.status is None or prediction.status >= 400:
        return None
    facts = facts_of(hidden.page, prediction.request, status=hidden.status, shown=prediction.status)
    evidence = (f"{hidden.status} by {hidden.mechanism}, shown as {prediction.status} ({place(hidden.page)})",)
    return Clue(
        "error_page.hides_status", Certainty.PROVEN, ORIGIN, evidence, facts,
        asked(prediction.request), prediction.status, culprit(hidden.page),
    )  # fmt: skip


def _by_firewall(prediction: Prediction, status: int | None, line: Directive) -> Clue:
    found = firewalled(prediction, line, status)
    return Clue(
        cause=found.cause,
        certainty=Certainty.PROVEN,
        origin=ORIGIN,
        evidence=tuple(evidence_of(prediction, None)),
        facts=found.facts,
        request=asked(prediction.request),
        status=prediction.status if prediction.hidden else status,
        culprit=tuple(map(shown, found.lines)),
        remedy=found.remedy,
    )


def _seen(prediction: Prediction) -> tuple[int | None, str, Directive | None] | None:
    """What refused: the first refusal, where an ``error_page`` stands in front of it."""
    hidden = prediction.hidden
    sent_on = prediction.outcome is Outcome.FORWARDS and prediction.status is None
    if hidden is not None and not sent_on and (hidden.status not in _HARMLESS or prediction.status == hidden.status):
        return hidden.status, hidden.mechanism, hidden.decided_by
    if prediction.outcome is Outcome.DROPS:
        return None if prediction.decided_by is None else (444, "return", prediction.decided_by)
    if prediction.outcome is not Outcome.ANSWERS:
        return None
    return prediction.status, prediction.mechanism, prediction.decided_by


def _where_refused(prediction: Prediction) -> Prediction:
    """The prediction as it stood when an ``error_page`` came in; as it is where none did."""
    hidden = prediction.hidden
    if hidden is None or hidden.scope is None or hidden.status in _HARMLESS - {prediction.status}:
        return prediction
    location = hidden.scope.location
    return replace(
        prediction,
        scope=hidden.scope,
        location=location.directive if location is not None else None,
        passed_over=hidden.passed_over,
    )


def _loses_the_body(prediction: Prediction, status: int) -> bool:
    """Whether it is a redirect after which clients repeat a POST as GET."""
    return status in {301, 302, 303} and prediction.request.method not in {"GET", "HEAD", "OPTIONS"}
