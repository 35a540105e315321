"""What if: changes by dotted path, remedies, and records made again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.gate.changing import changed
from mattegate.gate.decide import decide
from mattegate.gate.explain import checks, lines, public_checks
from mattegate.gate.remedies import remedies
from mattegate.gate.replay import replay
from mattegate.gate.rules import Rules
from mattegate.gate.simulate import Situation, supposed
from mattegate.vocabulary.attempt import Attempt, Channel, Flaw
from mattegate.vocabulary.decision import Allowed, Needs, Refused
from mattegate.vocabulary.facts import FactName, Facts, Failure, KeyState
from mattegate.vocabulary.rulebook import Rulebook
from tests.gate.situations import ATTEMPT, FACTS, RULEBOOK, RULES

NOW = Situation(ATTEMPT, FACTS, RULES)


def decided(now: Situation, changes: Mapping[str, str], *, assume: bool = False) -> Allowed | Refused | Needs:
    """What would be decided."""
    then, _ = supposed(now, changes, assume=assume)
    return decide(then.attempt, then.facts, then.rules)


def test_a_change_is_judged_by_the_same_decide() -> None:
    """Of the attempt alone, and of the rulebook with it, which is another rulebook then."""
    elsewhere = {"attempt.origin": "https://shop.example"}
    assert isinstance(decided(NOW, {}), Allowed)
    assert isinstance(decided(NOW, elsewhere), Refused)
    assert supposed(NOW, elsewhere, assume=False)[0].rules.revision == RULES.revision
    wider = elsewhere | {"rulebook.cors.origins+": "https://shop.example"}
    assert isinstance(decided(NOW, wider), Allowed)
    assert supposed(NOW, wider, assume=False)[0].rules.revision != RULES.revision


def test_what_is_not_known_can_be_taken_to_be_good() -> None:
    """A request that nobody made yet is judged on the assumption that nothing else is wrong, which is said."""
    unknown = replace(NOW, facts=Facts())
    assert isinstance(decided(unknown, {}), Needs)
    assert isinstance(decided(unknown, {}, assume=True), Allowed)
    _, assumed = supposed(unknown, {}, assume=True)
    assert assumed == (FactName.FLOOD, FactName.CREDENTIAL, FactName.CLAIM, FactName.OUTCOME)
    assert isinstance(decided(replace(unknown, rules=Rules.of(Rulebook())), {}, assume=True), Refused)


@pytest.mark.parametrize(
    ("root", "path", "text", "read", "expected"),
    [
        ("attempt", "tls", "yes", lambda a: a.tls, True),
        ("attempt", "origin", "null", lambda a: a.origin, "null"),
        ("attempt", "origin", "none", lambda a: a.origin, None),
        ("attempt", "declared_bytes", "12", lambda a: a.declared_bytes, 12),
        ("attempt", "declared_bytes", "null", lambda a: a.declared_bytes, None),
        ("attempt", "credentials.0.flaw", "case", lambda a: a.credentials[0].flaw, Flaw.CASE),
        ("attempt", "credentials.0.channel", "basic", lambda a: a.credentials[0].channel, Channel.BASIC),
        ("attempt", "credentials-", "0", lambda a: a.credentials, ()),
        ("attempt", "forwarded_for", "1.1.1.1, 2.2.2.2", lambda a: a.forwarded_for, ("1.1.1.1", "2.2.2.2")),
        ("attempt", "forwarded_for", "", lambda a: a.forwarded_for, ()),
        ("attempt", "preflight.method", "PUT", lambda a: a.preflight.method, "PUT"),
        ("attempt", "flawed.facts.option", "7", lambda a: a.flawed.facts, {"option": 7}),
        ("attempt", "flawed.facts.option", "x", lambda a: a.flawed.facts, {"option": "x"}),
        ("facts", "credential.key.state", "revoked", lambda f: f.credential.key.state, KeyState.REVOKED),
        ("facts", "credential.key.scopes+", "usage", lambda f: f.credential.key.scopes, ("usage",)),
        ("facts", "claim.limits.burst.remaining", "0", lambda f: f.claim.limits[0].remaining, 0),
        ("facts", "failed.claim.dependency", "ledger", lambda f: f.failed[FactName.CLAIM].dependency, "ledger"),
        ("rulebook", "tiers.free.limits.hourly.amount", "1", lambda r: r.tiers[0].limits[1].amount, 1),
        ("rulebook", "tiers.free.limits-", "hourly", lambda r: len(r.tiers[0].limits), 1),
        ("rulebook", "network.rules+", '{"network": "::1", "allow": true}', lambda r: r.network.rules[0].allow, True),
        ("rulebook", "credential.prefixes.sk_prod_.1", "live", lambda r: r.credential.prefixes[0][1], "live"),
        ("rulebook", "credential.prefixes+", '["ak_", "x"]', lambda r: r.credential.prefixes[-1], ("ak_", "x")),
    ],
)  # fmt: skip
def test_any_field_can_be_changed(root: str, path: str, text: str, read: Any, expected: object) -> None:
    """By names, positions and keys, at any depth, with the type that stands there."""
    value, kind = {"attempt": (ATTEMPT, Attempt), "facts": (FACTS, Facts), "rulebook": (RULEBOOK, Rulebook)}[root]
    assert read(changed(value, kind, path, text)) == expected


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        ("attempt", "x", "a path begins with one of attempt., facts., rulebook."),
        ("weather.rain", "x", "a path begins with"),
        ("attempt.colour", "x", "there is no 'colour'; there are request_id, at, method"),
        ("attempt.tls", "perhaps", "tls: 'perhaps' is neither true nor false"),
        ("attempt.at", "noon", "at: could not convert"),
        ("attempt.host.name", "x", "there is nothing below it"),
        ("attempt.host+", "x", "only lists can be added to"),
        ("attempt.credentials.7.flaw", "case", "there is no '7' among its 1 members"),
        ("attempt.credentials.0.flaw", "ugly", "'ugly' is none of"),
        ("facts.flood", "{", "is not JSON"),
        ("facts.flood", '{"mood": 1}', "there is no 'mood'"),
        ("facts.flood", '{"prefix": 1}', "1 cannot stand there"),
        ("facts.flood", "[]", r"\[\] cannot stand there"),
        ("facts.failed.weather", "{}", "'weather' is none of"),
        ("rulebook.tiers.gold.priority", "vip", "there is no 'gold'"),
        ("rulebook.cors.origins+", "shop.example", "cors.allowed_origins: 'shop.example' is not an origin"),
    ],
)
def test_what_cannot_be_changed_is_named(path: str, text: str, told: str) -> None:
    """A path that leads nowhere says where it could have led."""
    with pytest.raises(ValueError, match=told):
        supposed(NOW, {path: text}, assume=False)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(("attempt.", "facts.", "rulebook.", "")),
    st.lists(st.sampled_from(("route", "flood", "cors", "tiers", "free", "0", "limits", "failed", "claim",
                              "credentials", "credential", "key", "origins", "identity", "")),
             max_size=4).map(".".join),
    st.sampled_from(("", "+", "-")),
    st.sampled_from(("", "1", "true", "null", "[]", "{}", '{"id": "x"}', "[1]", "https://x.example")) | st.text(),
)  # fmt: skip
def test_no_change_fails_otherwise(root: str, path: str, act: str, text: str) -> None:
    """Any text at any path is a change or a ValueError."""
    try:
        decided(NOW, {f"{root}{path}{act}": text}, assume=True)
    except ValueError:
        return


def test_a_remedy_is_a_change_that_was_tried() -> None:
    """What is said to help does help, by the very same decision."""
    attempt = replace(ATTEMPT, origin="https://shop.example")
    found = remedies(attempt, FACTS, RULES)
    assert [remedy.sentence for remedy in found] == [
        "https://shop.example were among cors.allowed_origins",
        "no page but a program asked (no Origin)",
    ]
    for remedy in found:
        assert isinstance(decided(replace(NOW, attempt=attempt), remedy.changes, assume=True), Allowed)


def test_nothing_is_called_a_remedy_that_only_moves_the_refusal() -> None:
    """Two things are wrong, so no single change helps."""
    attempt = replace(ATTEMPT, origin="https://shop.example", method="GET")
    assert remedies(attempt, FACTS, RULES) == ()
    assert remedies(ATTEMPT, FACTS, RULES) == ()


def test_a_record_made_again_by_other_rules_tells_what_differs() -> None:
    """Each layer that says something else now is named, with what it said then."""
    recorded = decide(ATTEMPT, FACTS, RULES).findings
    closed = Rules.of(changed(RULEBOOK, Rulebook, "host.names", "api.example.org"))
    differences = replay(ATTEMPT, FACTS, recorded, closed)
    assert differences[0] == "host: recorded NO_IMPACT, now IMPLICIT_DENY host.unknown"
    assert differences[-1] == "engine: recorded ALLOW, now SKIPPED"


def test_a_record_without_a_fact_that_is_needed_now_says_so() -> None:
    """A refusal of then may be no refusal now, and nobody looked further."""
    attempt = replace(ATTEMPT, origin="https://shop.example")
    refused = decide(attempt, Facts(flood=FACTS.flood), RULES)
    open_now = Rules.of(changed(RULEBOOK, Rulebook, "cors.origins", "https://shop.example"))
    assert replay(attempt, Facts(flood=FACTS.flood), refused.findings, open_now) == [
        "origin: recorded IMPLICIT_DENY origin.not_allowed, now ALLOW",
        "now the fact 'credential' is needed, which was not recorded",
    ]


def test_a_record_from_before_a_layer_existed_tells_the_layer() -> None:
    """A version with fewer layers left shorter records."""
    recorded = decide(ATTEMPT, FACTS, RULES).findings[:-1]
    assert replay(ATTEMPT, FACTS, recorded, RULES) == ["engine: recorded nothing, now ALLOW"]


def test_a_mere_particular_that_differs_is_told() -> None:
    """The same word for another cause is not the same."""
    slower = changed(FACTS, Facts, "credential.key.identity.tier", "vip")
    recorded = decide(ATTEMPT, FACTS, RULES).findings
    assert replay(ATTEMPT, slower, recorded, RULES) == ["credential: ALLOW with other particulars"]


def test_checks_have_the_published_shape() -> None:
    """Layer, effect, reason and detail, for every layer, as text."""
    attempt = replace(ATTEMPT, credentials=())
    told = checks(decide(attempt, FACTS, RULES).findings)
    assert told[6] == {
        "layer": "credential",
        "effect": "IMPLICIT_DENY",
        "reason": "credential.missing",
        "detail": "auth: no credential presented",
    }
    assert [set(check) for check in told] == [{"layer", "effect", "reason", "detail"}] * 19
    assert told[-1] == {"layer": "engine", "effect": "SKIPPED", "reason": "", "detail": ""}


def test_callers_are_told_less_than_operators() -> None:
    """Rules, other keys and limits on trial stay with the operator."""
    shadowed = changed(FACTS, Facts, "claim.limits.burst.allowed", "false")
    shadowed = changed(shadowed, Facts, "claim.limits.burst.shadow", "true")
    findings = decide(ATTEMPT, shadowed, RULES).findings
    assert lines(findings)[14].mark == "~"
    assert {"layer": "rate", "effect": "ALLOW", "reason": "", "detail": ""} in public_checks(findings)
    unknown = changed(FACTS, Facts, "credential.proven", "false")
    public = public_checks(decide(ATTEMPT, unknown, RULES).findings)
    assert not any("i_alice" in check["detail"] for check in public)
    down = Facts(flood=FACTS.flood, failed={FactName.CREDENTIAL: Failure("control", "disk full")})
    assert {
        "layer": "credential",
        "effect": "ERROR",
        "reason": "dependency.unavailable",
        "detail": "A part of the server that is needed to decide is down.",
    } in public_checks(decide(ATTEMPT, down, RULES).findings)
