"""What browsers are told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from mattegate.gate.cors import EXPOSED, cors_headers, preflight_headers
from mattegate.gate.decide import decide
from mattegate.gate.origins import Origins
from mattegate.gate.rules import Rules
from mattegate.vocabulary.attempt import Attempt, Preflight, RouteView
from mattegate.vocabulary.decision import Allowed, Refused
from mattegate.vocabulary.rulebook import CorsRules, Rulebook
from tests.gate import random_situations as some
from tests.gate.situations import ATTEMPT, FACTS, RULEBOOK

SHOP = "https://shop.example"


def _rules(**cors: object) -> Rules:
    return Rules.of(replace(RULEBOOK, cors=CorsRules(**cors)))  # type: ignore[arg-type]


def _page(origin: str | None = SHOP) -> Attempt:
    return replace(ATTEMPT, origin=origin)


def _preflight(*headers: str, origin: str | None = SHOP, path: str = "/v1/remove-bg") -> Attempt:
    asked = Preflight("POST", headers)
    return replace(ATTEMPT, method="OPTIONS", path=path, origin=origin, credentials=(), preflight=asked)


def test_a_listed_page_may_read_every_answer() -> None:
    """The exact origin is echoed, the answer varies on it, and what explains a refusal can be read."""
    headers = dict(cors_headers(_page(), _rules(origins=(SHOP,))))
    assert headers[b"access-control-allow-origin"] == SHOP.encode()
    assert headers[b"vary"] == b"Origin"
    assert b"access-control-allow-credentials" not in headers
    exposed = headers[b"access-control-expose-headers"].decode().split(", ")
    assert {"X-Request-Id", "X-Mattegate-Reason", "X-Mattegate-Error-Type", "Retry-After", "RateLimit"} <= set(exposed)
    assert exposed == list(EXPOSED)


@pytest.mark.parametrize("origin", [None, "https://evil.example", "null", ""])
def test_nobody_else_may_read_anything(origin: str | None) -> None:
    """Without a listed origin there is no grant; the answer still varies, so that no cache mixes the two up."""
    for rules in (_rules(origins=(SHOP,)), _rules()):
        assert cors_headers(_page(origin), rules) == ((b"vary", b"Origin"),)


@pytest.mark.parametrize("origin", [None, "null", ""])
def test_the_star_is_not_for_nobody(origin: str | None) -> None:
    """Programs need no grant, and null gets none."""
    assert cors_headers(_page(origin), _rules(origins=("*",))) == ((b"vary", b"Origin"),)


def test_an_origin_that_is_no_header_value_is_never_echoed() -> None:
    """Not even where every origin may read: what is echoed could split the answer."""
    for origin in ("https://shop.example\r\nX: y", "höst"):
        for rules in (_rules(origins=("*",)), _rules(explain=True), _rules(shadow=True)):
            assert cors_headers(_page(origin), rules) == ((b"vary", b"Origin"),)


def test_cookies_only_for_listed_pages() -> None:
    """Pages that may only read why they are refused may not send cookies."""
    allowed = dict(cors_headers(_page(), _rules(origins=(SHOP,), credentials=True)))
    assert allowed[b"access-control-allow-credentials"] == b"true"
    explained = dict(cors_headers(_page(), _rules(explain=True, credentials=True)))
    assert explained[b"access-control-allow-origin"] == SHOP.encode()
    assert b"access-control-allow-credentials" not in explained


@pytest.mark.parametrize("rules", [_rules(explain=True), _rules(shadow=True)])
def test_pages_on_trial_and_pages_that_are_explained_to_may_read(rules: Rules) -> None:
    """A refused page reads its refusal with cors.explain; with cors.shadow it is not refused at all."""
    assert dict(cors_headers(_page(), rules))[b"access-control-allow-origin"] == SHOP.encode()
    preflight = dict(preflight_headers(_preflight("x-debug"), rules))
    assert preflight[b"access-control-allow-origin"] == SHOP.encode()
    assert b"x-debug" in preflight[b"access-control-allow-headers"]


def test_a_preflight_is_answered_alike_on_every_path() -> None:
    """Methods and headers say nothing about which paths exist."""
    rules = _rules(origins=(SHOP,))
    attempts = [_preflight("authorization", path=path) for path in ("/v1/remove-bg", "/nope", "/health")]
    attempts.append(replace(attempts[0], route=RouteView("")))
    answers = {preflight_headers(each, rules, _ended(each, rules)) for each in attempts}
    assert len(answers) == 1
    headers = dict(answers.pop())
    assert headers[b"vary"] == b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
    assert headers[b"access-control-allow-methods"] == b"GET, POST, PATCH, DELETE, OPTIONS"
    assert b"authorization" in headers[b"access-control-allow-headers"].split(b", ")
    assert headers[b"access-control-max-age"] == b"600"


def _ended(attempt: Attempt, rules: Rules) -> Allowed | Refused:
    decision = decide(attempt, FACTS, rules)
    assert isinstance(decision, (Allowed, Refused))
    return decision


@pytest.mark.parametrize(
    ("attempt", "reason"),
    [
        (_preflight(origin="https://evil.example"), b"origin.not_allowed"),
        (_preflight("x-debug"), b"origin.header_not_allowed"),
    ],
)
def test_a_refused_preflight_says_why_and_grants_nothing(attempt: Attempt, reason: bytes) -> None:
    """The page sees nothing of it, but whoever looks into the network tab does."""
    rules = _rules(origins=(SHOP,))
    headers = dict(preflight_headers(attempt, rules, _ended(attempt, rules), docs="/docs/reasons"))
    assert headers[b"x-mattegate-reason"] == reason
    anchor = reason.replace(b".", b"-").replace(b"_", b"-")
    assert headers[b"link"] == b"</docs/reasons#" + anchor + b'>; rel="help"'
    assert not any(name.startswith(b"access-control-") for name in headers)


def test_any_header_may_be_allowed() -> None:
    """With * as header, what is asked for is named, because * itself does not cover Authorization (Fetch)."""
    rules = _rules(origins=(SHOP,), headers=("*",))
    attempt = _preflight("authorization", "x-anything", "bad name")
    assert isinstance(_ended(attempt, rules), Allowed)
    headers = dict(preflight_headers(attempt, rules))
    assert headers[b"access-control-allow-headers"] == b"authorization, x-anything"


@settings(max_examples=100, deadline=None)
@given(some.attempts, some.rules)
def test_no_header_can_be_split(attempt: Attempt, rules: Rules) -> None:
    """Whatever is presented, names and values stay within one line, and a grant echoes the very origin."""
    for headers in (cors_headers(attempt, rules), preflight_headers(attempt, rules)):
        names = [name for name, _ in headers]
        assert len(names) == len(set(names))
        assert all(value.isascii() and b"\n" not in value and b"\r" not in value for _, value in headers)
        granted = dict(headers).get(b"access-control-allow-origin")
        assert granted is None or granted.decode() == attempt.origin


@pytest.mark.parametrize(
    "pattern",
    ["https://shop.example/", "shop.example", "https://", "https://*", "https://a.*.b", "https://x:99999", "null", "",
     "https://*shop.example", "https://shop.example/path", "https://u@shop.example"],
)  # fmt: skip
def test_a_pattern_that_is_no_origin_is_named(pattern: str) -> None:
    """A final slash or a missing scheme would silently match nothing; it is refused at the start instead."""
    with pytest.raises(ValueError, match="is not an origin") as caught:
        _rules(origins=(pattern,))
    assert repr(pattern) in str(caught.value)


def test_the_star_and_cookies_never_go_together() -> None:
    """Any page could then act with its visitor's cookies."""
    with pytest.raises(ValueError, match=r"cors\.credentials"):
        _rules(origins=("*",), credentials=True)


@pytest.mark.parametrize(
    ("pattern", "holds", "not_held"),
    [
        ("https://shop.example:443", ["https://shop.example"], ["https://shop.example:443", "http://shop.example"]),
        ("HTTPS://Shop.Example", ["https://shop.example"], ["HTTPS://Shop.Example"]),
        ("http://localhost:*", ["http://localhost", "http://localhost:1"], ["http://localhost:", "http://localhost:x"]),
        (
            "https://*.a.example",
            ["https://b.a.example"],
            ["https://a.example", "https://.a.example", "https://ba.example"],
        ),
        ("https://*.a.example:8443", ["https://b.a.example:8443"], ["https://b.a.example"]),
        ("http://[::1]:*", ["http://[::1]:5173"], ["http://::1"]),
        ("capacitor://localhost", ["capacitor://localhost"], ["capacitor://localhost:1"]),
        ("*", ["https://any.example"], ["null", ""]),
    ],
)
def test_what_patterns_hold(pattern: str, holds: list[str], not_held: list[str]) -> None:
    """Exact origins, every port, every name below; and nothing that only looks like them."""
    origins = Origins.of((pattern,), "test")
    assert all(origins.hold(origin) for origin in holds)
    assert not any(origins.hold(origin) for origin in not_held)


def test_an_empty_rulebook_grants_nothing() -> None:
    """Closed by default."""
    assert cors_headers(_page(), Rules.of(Rulebook())) == ((b"vary", b"Origin"),)
