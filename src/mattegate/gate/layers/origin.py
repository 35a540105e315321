"""origin: which web pages may call. No ``Origin`` passes, ``null`` never does, the service's own pages are at home.

A preflight ends here: it asks for permission to ask, for whatever path, and its answer is the same on every path.
"""

from __future__ import annotations

from typing import Final

from mattegate.gate.address import proto_of
from mattegate.gate.case import Case
from mattegate.gate.hosts import is_default_endpoint, plain_host
from mattegate.gate.rules import Rules
from mattegate.vocabulary.attempt import Attempt
from mattegate.vocabulary.decision import Effect, Finding
from mattegate.vocabulary.facts import FactName, Plain

_ABSENT: Final = Finding("origin", Effect.NO_IMPACT)
_ALLOWED: Final = Finding("origin", Effect.ALLOW)
_OWN_PORTS: Final = {"http": ":80", "https": ":443"}


def judge(case: Case) -> Finding | FactName:
    """Refuse pages that are not allowed, and preflights for headers that are not."""
    attempt, rules = case.attempt, case.rules
    if attempt.origin is None:
        return _ABSENT if attempt.preflight is None else _refusal(case, "no origin")
    if not permits(attempt, rules):
        return _refusal(case, attempt.origin)
    if attempt.preflight is not None and (header := _unwanted(attempt.preflight.headers, rules)):
        return _header_refusal(case, header)
    return _ALLOWED


def permits(attempt: Attempt, rules: Rules) -> bool:
    """Whether pages of the attempt's origin may call, by the lists alone (not by shadow or explain)."""
    origin = attempt.origin
    if origin is None or origin in {"", "null"}:
        return False
    return rules.origins.hold(origin) or rules.home.hold(origin) or is_own(attempt, rules)


def is_own(attempt: Attempt, rules: Rules) -> bool:
    """Whether the page came from the very scheme, host and port that it calls.

    A name that merely resolves here proves nothing (DNS rebinding). Where callers need a key, that does not matter:
    such a page has none. Where they need none, the name must be one of ``hosts.names``, an address, or localhost.
    """
    if not attempt.host or (rules.anonymous and not rules.names and not is_default_endpoint(plain_host(attempt.host))):
        return False
    scheme = proto_of(attempt, rules)
    host = attempt.host.lower().removesuffix(_OWN_PORTS[scheme])
    return attempt.origin == f"{scheme}://{host}"


def _unwanted(headers: tuple[str, ...], rules: Rules) -> str:
    if "*" in rules.page_headers:
        return ""
    return next((name for name in headers if name.lower() not in rules.page_headers), "")


def _refusal(case: Case, origin: str) -> Finding:
    effect = Effect.EXPLICIT_DENY if origin == "null" else Effect.IMPLICIT_DENY
    return _spared(case, effect, "origin.not_allowed", {"origin": origin}, "cors.allowed_origins")


def _header_refusal(case: Case, header: str) -> Finding:
    facts: dict[str, Plain] = {"origin": case.attempt.origin or "", "header": header}
    return _spared(case, Effect.IMPLICIT_DENY, "origin.header_not_allowed", facts, "cors.allowed_headers")


def _spared(case: Case, effect: Effect, reason: str, facts: dict[str, Plain], rule: str) -> Finding:
    """The refusal, unless origins are only on trial or the page itself is to read why it is refused."""
    cors = case.rules.rulebook.cors
    if cors.explain and case.attempt.preflight is not None and not cors.shadow:
        detail = f"{reason}: the preflight passes, so that the page can read why its request is refused (cors.explain)"
        return Finding("origin", Effect.NO_IMPACT, rule=rule, detail=detail)
    return Finding("origin", effect, reason, facts, rule, shadow=cors.shadow)
