"""Why nginx itself refuses a request: from the mechanism that decided to the cause."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from mattegate.doctor.answer import Certainty
from mattegate.doctor.clue import Clue
from mattegate.doctor.nginx.addresses import parse_address, parse_network, within
from mattegate.doctor.nginx.files import native
from mattegate.doctor.nginx.mapping import definition_in
from mattegate.doctor.nginx.request import Certificate, Outcome, Prediction
from mattegate.doctor.nginx.review.firewalled import MECHANISMS, firewalled, shown
from mattegate.doctor.nginx.review.meant import is_call
from mattegate.doctor.nginx.review.slashes import glued_alias
from mattegate.doctor.nginx.review.words import ORIGIN, asked, culprit, facts_of, place
from mattegate.doctor.nginx.values import Undecided, variables_in
from mattegate.doctor.redact import clean

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.scope import Scope

_HARMLESS: Final = frozenset({404, 405, 418})
"""Statuses that configurations send on to another location on purpose."""


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
    maker = _slash if status is not None and status < 400 else _MAKERS.get(mechanism, _missing)
    cause, facts, lines = maker(_where_refused(prediction), http, status, line)
    return Clue(
        cause=cause,
        certainty=Certainty.PROVEN,
        origin=ORIGIN,
        evidence=tuple(_evidence(prediction, line)),
        facts=facts,
        request=asked(prediction.request),
        status=prediction.status if prediction.hidden else status,
        culprit=culprit(*lines),
    )


def _by_firewall(prediction: Prediction, status: int | None, line: Directive) -> Clue:
    found = firewalled(prediction, line, status)
    return Clue(
        cause=found.cause,
        certainty=Certainty.PROVEN,
        origin=ORIGIN,
        evidence=tuple(_evidence(prediction, None)),
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


def _evidence(prediction: Prediction, line: Directive | None) -> Iterator[str]:
    for step in prediction.steps:
        where = f" ({place(step.directive)})" if step.directive is not None and step.directive.line else ""
        yield f"{step.phase}: {step.says}{where}"
    if line is not None:
        yield f"decided by {line.text} ({place(line)})"


Made = tuple[str, dict[str, str], "tuple[Directive | None, ...]"]
_Maker = Callable[[Prediction, "Scope", "int | None", "Directive | None"], Made]


def _facts(prediction: Prediction, line: Directive | None, status: int | None, **more: object) -> dict[str, str]:
    return facts_of(line, prediction.request, status=status or "", **more) | {
        "client": prediction.client or prediction.request.client
    }


def _access(prediction: Prediction, _: Scope, status: int | None, line: Directive | None) -> Made:
    scope = prediction.scope
    assert scope is not None
    if scope.kind == "limit_except" and scope.own("allow", "deny"):
        return "method.not_allowed", _facts(prediction, scope.directive, status), (scope.directive, line)
    realip = [step.directive for step in prediction.steps if step.phase == "realip"]
    if realip and _is_proxy(prediction.client, scope):
        return "realip.not_recursive", _facts(prediction, line, status), (realip[0], line)
    if _replaced_rules_pass(scope, prediction.client):
        return "access.inheritance_lost", _facts(prediction, line, status), (line,)
    if _only_ipv4(scope, prediction.client, line):
        return "access.ipv6_missing", _facts(prediction, line, status), (line,)
    if not realip and _forwarded_would_pass(prediction, scope):
        return "access.proxy_address_seen", _facts(prediction, line, status), (line,)
    return "access.rule_denies", _facts(prediction, line, status), (line,)


def _is_proxy(client: str, scope: Scope) -> bool:
    try:
        return any(within(client, line.args[0]) for line in scope.inherited("set_real_ip_from") if line.args)
    except Undecided:
        return False


def _passes(rules: list[Directive], client: str) -> bool:
    try:
        first = next((line for line in rules if line.args and within(client, line.args[0])), None)
    except Undecided:
        return False
    return first is None or first.name == "allow"


def _replaced_rules_pass(scope: Scope, client: str) -> bool:
    """Whether the rules of an outer block, which these take the place of, would let the client pass."""
    holder = next((level for level in scope.upwards() if level.own("allow", "deny")), None)
    outer = holder.parent.inherited("allow", "deny") if holder is not None and holder.parent is not None else []
    return any(line.name == "allow" and line.args != ("all",) for line in outer) and _passes(outer, client)


def _only_ipv4(scope: Scope, client: str, line: Directive | None) -> bool:
    address = parse_address(client)
    if address is None or address.version != 6 or line is None or line.args != ("all",):
        return False
    allowed = [parse_network(rule.args[0]) for rule in scope.inherited("allow") if rule.args]
    return any(network is not None for network in allowed) and not any(
        n is not None and n.version == 6 for n in allowed
    )


def _forwarded_would_pass(prediction: Prediction, scope: Scope) -> bool:
    """Whether the caller that a proxy names in its headers would be let in."""
    rules = scope.inherited("allow", "deny")
    return any(_passes(rules, caller) for caller in _named_callers(prediction))


def _return(prediction: Prediction, http: Scope, status: int | None, line: Directive | None) -> Made:
    facts = _facts(prediction, line, status)
    if _strange_host(prediction, http) and (line is None or _in_server(line, prediction)):
        return "host.unknown", facts, (prediction.server, line)
    if (away := _sent_away(prediction, status)) is not None:
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


_KNOWN_VARIABLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "invalid_referer": "referer.forbids",
        "secure_link": "secure_link.forbids",
        "ssl_client_verify": "client_cert.required",
    }
)


def _value(condition: Directive) -> str:
    return condition.args[2] if len(condition.args) > 2 else "1"


def conditions(prediction: Prediction, line: Directive | None) -> list[Directive]:
    """The ``if`` blocks that the deciding line stands in."""
    if line is None:
        return []
    met = [step.directive for step in prediction.steps if step.directive is not None and step.directive.name == "if"]
    return [block for block in met if any(inside is line for inside in block.walk())]


def _in_server(line: Directive, prediction: Prediction) -> bool:
    return prediction.server is not None and any(inside is line for inside in prediction.server.walk())


def _auth_basic(prediction: Prediction, _: Scope, status: int | None, line: Directive | None) -> Made:
    return "auth_basic.required", _facts(prediction, line, status), (line,)


def _auth_file(prediction: Prediction, _: Scope, status: int | None, line: Directive | None) -> Made:
    file = line.args[0] if line is not None else ""
    return "auth_basic.file_missing", _facts(prediction, line, status, file=file), (line,)


def _auth_request(prediction: Prediction, _: Scope, status: int | None, line: Directive | None) -> Made:
    uri = line.args[0] if line is not None and line.args else ""
    answered = status if status in {401, 403} else "something else than 2xx, 401 and 403"
    return "auth_request.denies", _facts(prediction, line, status, answered=answered, uri=uri), (line,)


def _body(prediction: Prediction, _: Scope, status: int | None, line: Directive | None) -> Made:
    said = line is not None and line.name == "client_max_body_size"
    limit = line.args[0] if said and line is not None else "1m, the default"
    wanted = f"{-(-prediction.request.body_bytes * 4 // 3) // (1 << 20) + 1}m"
    facts = _facts(prediction, line, status, bytes=prediction.request.body_bytes, limit=limit, wanted=wanted)
    return "body.too_large", facts, (line or prediction.location or prediction.server,)


def _head(prediction: Prediction, _: Scope, status: int | None, line: Directive | None) -> Made:
    limit = " ".join(line.args) if line is not None else "4 8k, the default"
    return "headers.too_large", _facts(prediction, line, status, limit=limit), (line or prediction.server,)


def _certificate(prediction: Prediction, _: Scope, status: int | None, line: Directive | None) -> Made:
    shown = prediction.request.certificate is not Certificate.NONE
    return "client_cert.rejected" if shown else "client_cert.required", _facts(prediction, line, status), (line,)


def _down(prediction: Prediction, _: Scope, status: int | None, line: Directive | None) -> Made:
    upstream = line.args[0] if line is not None and line.args else ""
    return "upstream.refused", _facts(prediction, line, status, upstream=upstream), (line,)


def _slash(prediction: Prediction, http: Scope, status: int | None, line: Directive | None) -> Made:
    del http
    target = next((value for name, value in prediction.headers if name == "Location"), prediction.request.path + "/")
    return "location.redirects", _facts(prediction, line, status, target=target), (line,)


def _index(prediction: Prediction, _: Scope, status: int | None, line: Directive | None) -> Made:
    return "index.forbidden", _facts(prediction, line, status, folder=prediction.request.path), (line,)


def _file(prediction: Prediction, _: Scope, status: int | None, line: Directive | None) -> Made:
    return "file.unreadable", _facts(prediction, line, status, file=_path_under(line, prediction)), (line,)


def _static(prediction: Prediction, http: Scope, status: int | None, line: Directive | None) -> Made:
    """What nginx cannot open although nothing forbids it; all else is just not there."""
    if status != 500:
        return _missing(prediction, http, status, line)
    return "file.not_a_file", _facts(prediction, line, status, file=_path_under(line, prediction)), (line,)


def _path_under(line: Directive | None, prediction: Prediction) -> str:
    """What was looked for last; or what the line and the request come to."""
    looked_for = [step.path for step in prediction.steps if step.directive is line and step.path]
    if looked_for:
        return clean(native(looked_for[-1]))
    return (line.args[0] if line is not None and line.args else "") + prediction.request.path


def _strange_host(prediction: Prediction, http: Scope) -> bool:
    """Whether the default server answers because none of several has the name."""
    return not prediction.named and bool(prediction.request.host) and len(http.own("server")) > 1


def shadowed(prediction: Prediction) -> bool:
    """Whether a regular expression took the request from a location that would have passed it on."""
    over = prediction.passed_over
    named = over is not None and (over.args[-1:] != ("/",) or is_call(prediction.request.path))
    return named and _passes_on(prediction)


def _passes_on(prediction: Prediction) -> bool:
    """Whether the location that a regular expression took the request from would have passed it on."""
    return prediction.passed_over is not None and any(prediction.passed_over.named("proxy_pass"))


def _missing(prediction: Prediction, http: Scope, status: int | None, line: Directive | None) -> Made:
    if _passes_on(prediction) and prediction.location is not None:
        return _shadow(prediction, status)
    if (away := _sent_away(prediction, status)) is not None:
        return away
    if line is not None and glued_alias(line, prediction.location):
        return "alias.glued", _facts(prediction, line, status, better=f"{line.args[0]}/"), (line,)
    if _strange_host(prediction, http):
        return "host.unknown", _facts(prediction, line, status), (prediction.server, line)
    if prediction.request.method not in {"GET", "HEAD"}:
        at = line if line is not None and line.name == "try_files" else prediction.location or prediction.server
        return "location.not_proxied", _facts(prediction, line, status), (at,)
    return "location.missing", _facts(prediction, line, status), (line or prediction.location or prediction.server,)


def _sent_away(prediction: Prediction, status: int | None) -> Made | None:
    left = _left(prediction)
    if left is None:
        return None
    away, meant = left
    facts = _facts(prediction, away, status, meant=meant.text.removesuffix(" { … }"))
    return "proxy_pass.not_reached", facts, left


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
    facts = _facts(prediction, taken, status, meant=meant, better=f"location ^~ {over.args[-1]}")
    return "location.shadowed", facts, (taken, over)


def _plain(cause: str) -> _Maker:
    def make(prediction: Prediction, _: Scope, status: int | None, line: Directive | None) -> Made:
        return cause, _facts(prediction, line, status), (line or prediction.server,)

    return make


_MAKERS: Final[Mapping[str, _Maker]] = MappingProxyType(
    {
        "access": _access,
        "return": _return,
        "rewrite": _return,
        "auth_basic": _auth_basic,
        "auth_basic_file": _auth_file,
        "auth_request": _auth_request,
        "body_size": _body,
        "auth_request_body": _body,
        "header_size": _head,
        "uri_size": _head,
        "client_certificate": _certificate,
        "upstream_down": _down,
        "plain_http": _plain("tls.plain_http_on_tls_port"),
        "host_missing": _plain("host.invalid"),
        "host_invalid": _plain("host.invalid"),
        "host_doubled": _plain("host.invalid"),
        "request_line": _plain("request.malformed"),
        "internal": _plain("internal.location"),
        "slash_redirect": _slash,
        "index": _index,
        "file_permission": _file,
        "static": _static,
        "autoindex": _static,
        "alias_rewritten": _plain("alias.rewritten"),
        "redirect_cycle": _plain("redirect.cycle"),
        "rewrite_cycle": _plain("redirect.cycle"),
        "named_location": _plain("location.name_missing"),
        "upstream_missing": _plain("if.handler_lost"),
        "upstream_invalid": _plain("upstream.no_address"),
        "resolver_missing": _plain("upstream.no_resolver"),
        "header_line": _plain("request.framing"),
        "header_doubled": _plain("request.framing"),
        "body_length": _plain("request.framing"),
        "transfer_coding": _plain("request.framing"),
        "method": _plain("method.never"),
    }
)


def shadow(prediction: Prediction) -> Clue | None:
    """A regular expression that serves files where a location would have passed the request on."""
    if prediction.outcome is not Outcome.SERVES or not shadowed(prediction):
        return None
    cause, facts, lines = _shadow(prediction, None)
    evidence = tuple(_evidence(prediction, prediction.location))
    return Clue(cause, Certainty.LIKELY, ORIGIN, evidence, facts, asked(prediction.request), culprit=culprit(*lines))


def bypass(prediction: Prediction) -> Clue | None:
    """A ``return`` that answers before the rules of its block, which would have refused, are asked."""
    line = prediction.decided_by
    if line is None or prediction.mechanism != "return" or prediction.status not in range(200, 300):
        return None
    guards = _unasked(prediction) if prediction.request.method != "OPTIONS" else []
    if not guards:
        return None
    return Clue(
        cause="if.bypasses_access",
        certainty=Certainty.PROVEN,
        origin=ORIGIN,
        evidence=tuple(_evidence(prediction, line)),
        facts=_facts(prediction, line, prediction.status),
        request=asked(prediction.request),
        status=prediction.status,
        culprit=culprit(line, *guards),
    )


def _unasked(prediction: Prediction) -> list[Directive]:
    """The lines that would have refused."""
    scope = prediction.scope
    if scope is None:
        return []
    rules = scope.inherited("allow", "deny")
    if rules and not _passes(rules, prediction.client):
        return rules[-1:]
    closed = scope.value("auth_basic", "off") != "off" and prediction.request.header("Authorization") is None
    return scope.inherited("auth_basic") if closed else []


def proxy_admitted(prediction: Prediction) -> Clue | None:
    """An ``allow`` that fits the proxy, where the caller that the proxy names would be refused."""
    scope = prediction.scope
    if scope is None or prediction.outcome is not Outcome.FORWARDS or scope.inherited("set_real_ip_from"):
        return None
    rules = scope.inherited("allow", "deny")
    used = next((step.directive for step in prediction.steps if step.says == "access lets it pass"), None)
    refused = [caller for caller in _named_callers(prediction) if not _passes(rules, caller)]
    if used is None or used.args == ("all",) or not refused:
        return None
    return Clue(
        cause="access.proxy_address_seen",
        certainty=Certainty.LIKELY,
        origin=ORIGIN,
        evidence=(*_evidence(prediction, used), f"{refused[0]}, which the proxy names as the caller, would be refused"),
        facts=_facts(prediction, used, None),
        request=asked(prediction.request),
        culprit=culprit(used),
    )


def _named_callers(prediction: Prediction) -> list[str]:
    """The addresses that a proxy names in its headers."""
    named = (prediction.request.header(name) for name in ("X-Forwarded-For", "X-Real-IP"))
    parts = (part.strip() for value in named if value for part in value.split(","))
    return [part for part in parts if parse_address(part) is not None]


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
