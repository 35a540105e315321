"""Limits as they bind a key, and as they are told on the wire."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.gate.limits import limits_of, rate_headers
from mattegate.gate.refusal import retry_after_s
from mattegate.vocabulary.decision import Effect, Finding
from mattegate.vocabulary.facts import ClaimFact, Facts, LimitAnswer, LimitKind
from mattegate.vocabulary.rulebook import Limit
from tests.gate import random_situations as some
from tests.gate.situations import FREE, KEY, RULES

BURST = LimitAnswer("burst", LimitKind.RATE, 20, 60, 19, 2.1)
HOURLY = LimitAnswer("hourly", LimitKind.QUOTA, 100, 3600, 42, 1800.5)


def test_the_tier_binds_a_key() -> None:
    """An identity without limits of its own has those of its tier."""
    assert limits_of(KEY, RULES) == FREE.limits


def test_an_identity_replaces_limits_of_the_same_name_and_adds_others() -> None:
    """The order stays the tier's; what is new comes behind."""
    larger, extra = Limit("hourly", "quota", 5_000, 3600), Limit("daily", "quota", 9, 86_400)
    key = replace(KEY, identity=replace(KEY.identity, limits=(extra, larger)))
    assert limits_of(key, RULES) == (FREE.limits[0], larger, extra)


def test_an_unknown_tier_has_no_limits_of_its_own() -> None:
    """It is refused as a policy, before anything is claimed."""
    assert limits_of(replace(KEY, identity=replace(KEY.identity, tier="gold")), RULES) == ()


def test_the_fields_of_the_draft() -> None:
    """Quota policies and what is left of them, as structured fields."""
    headers = dict(rate_headers((BURST, HOURLY), legacy=False, at=0.0))
    assert headers == {
        b"ratelimit-policy": b'"burst";q=20;w=60, "hourly";q=100;w=3600',
        b"ratelimit": b'"burst";r=19;t=3, "hourly";r=42;t=1801',
    }


def test_bytes_and_balances() -> None:
    """A quota of bytes names its unit; a balance has no window, no time and no amount."""
    traffic = LimitAnswer("traffic", LimitKind.BYTES, 10**9, 86_400, 5, 60.0)
    credit = LimitAnswer("credits", LimitKind.CREDITS, 0, 0, 7, 0.0)
    headers = dict(rate_headers((traffic, credit), legacy=False, at=0.0))
    assert headers[b"ratelimit-policy"] == b'"traffic";q=1000000000;qu="content-bytes";w=86400'
    assert headers[b"ratelimit"] == b'"traffic";r=5;t=60, "credits";r=7'
    assert rate_headers((credit,), legacy=False, at=0.0) == ((b"ratelimit", b'"credits";r=7'),)


def test_what_older_clients_read() -> None:
    """X-RateLimit-* tell of the limit that is nearest to its end, with the moment in Unix seconds."""
    headers = dict(rate_headers((BURST, HOURLY), legacy=True, at=1_000.0))
    assert headers[b"x-ratelimit-limit"] == b"100"
    assert headers[b"x-ratelimit-remaining"] == b"42"
    assert headers[b"x-ratelimit-reset"] == b"2801"


def test_limits_on_trial_are_not_told() -> None:
    """Nobody shall slow down for a limit that does not bind."""
    assert rate_headers((replace(BURST, shadow=True),), legacy=True, at=0.0) == ()
    assert rate_headers((), legacy=True, at=0.0) == ()


def test_retry_after_is_never_earlier_than_the_limit_that_refused() -> None:
    """The draft's section on Retry-After: the two must not contradict each other."""
    empty = replace(BURST, remaining=0, allowed=False, retry_after_s=2.4, reset_s=60.0)
    claim = ClaimFact((empty,))
    finding = Finding("rate", Effect.EXPLICIT_DENY, "rate.exceeded", {"retry_after_s": 2.4})
    headers = dict(rate_headers(claim.limits, legacy=False, at=0.0))
    assert headers[b"ratelimit"] == b'"burst";r=0;t=3'
    assert retry_after_s(finding, Facts(claim=claim)) == 3
    assert retry_after_s(finding) == 3


_STRING = r'"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"'
_PARAMETER = rf";[a-z][a-z0-9]*=(?:{_STRING}|[0-9]{{1,15}})"
_LIST = re.compile(rf"{_STRING}(?:{_PARAMETER})*(?:, {_STRING}(?:{_PARAMETER})*)*")


@settings(max_examples=200, deadline=None)
@given(st.lists(some.answers, max_size=3), st.floats(0, 4e9))
def test_whatever_the_ledger_answers_the_fields_are_well_formed(answers: list[LimitAnswer], at: float) -> None:
    """Every value is a List of Strings with Integer or String parameters (RFC 9651)."""
    headers = dict(rate_headers(answers, legacy=True, at=at))
    for name in (b"ratelimit", b"ratelimit-policy"):
        if name in headers:
            assert _LIST.fullmatch(headers[name].decode("ascii"))
    assert all(value.isdigit() for name, value in headers.items() if name.startswith(b"x-"))
