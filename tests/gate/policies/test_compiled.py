"""Policies together: who wins, who is named, what cannot be evaluated, and that nothing a caller sends breaks them."""

from __future__ import annotations

import pytest

from mattegate.gate.policies.compiled import Answer, Judgement, Policies
from tests.gate.policies.texts import ALL, judged, policies, question

OVERFLOWING = "when { context.hour * 9223372036854775807 > 0 };"


def test_one_forbid_wins_over_many_permits() -> None:
    """Whoever forbids is named, whoever permits is not."""
    told = judged(question(), a=ALL, b=ALL, no="forbid (principal, action, resource);")
    assert told == Judgement(Answer.FORBID, ("no",))


def test_every_permit_that_applies_is_named() -> None:
    """In the order of the ids; those that do not apply are not there."""
    told = judged(question(), b=ALL, a=ALL, c='permit (principal in Tier::"vip", action, resource);')
    assert told == Judgement(Answer.PERMIT, ("a", "b"))


def test_nothing_is_permitted_by_nobody() -> None:
    """Forbids that do not apply permit nothing."""
    told = judged(question(), no='forbid (principal in Tier::"vip", action, resource);')
    assert told == Judgement(Answer.NO_PERMIT)


def test_an_erring_forbid_is_an_error_whatever_else_permits() -> None:
    """It might have forbidden; only that one is named, although another one's name stands in its message."""
    told = judged(question(), all=ALL, hour=ALL, odd=f"forbid (principal, action, resource) {OVERFLOWING}")
    assert (told.answer, told.policies) == (Answer.ERROR, ("odd",))
    assert "overflow" in told.problem


def test_an_erring_permit_has_only_not_permitted() -> None:
    """Another one may; alone it refuses as if it were not there, also where a forbid has the name of its attribute."""
    odd = f"permit (principal, action, resource) {OVERFLOWING}"
    assert judged(question(), all=ALL, odd=odd).answer is Answer.PERMIT
    assert judged(question(), odd=odd).answer is Answer.NO_PERMIT
    silent = 'forbid (principal in Tier::"vip", action, resource);'
    assert judged(question(), odd=odd, multiply=silent).answer is Answer.NO_PERMIT


@pytest.mark.parametrize(
    ("condition", "address", "holds"),
    [
        ('context.address.isInRange(ip("203.0.113.0/24"))', "203.0.113.9", True),
        ('context.address.isInRange(ip("203.0.113.0/24"))', "::ffff:203.0.113.9", True),
        ('context.address.isInRange(ip("203.0.113.0/24"))', "2001:db8::1", False),
        ('context.address.isInRange(ip("fe80::/10"))', "fe80::1%eth0", True),
        ("context.address.isLoopback()", "::1", True),
        ("true", "not an address", False),
        ("true", "", False),
    ],
)
def test_an_address_is_the_address_it_is(condition: str, address: str, holds: bool) -> None:
    """However it is written; what is none is absent, and no error."""
    text = f"permit (principal, action, resource) when {{ context has address && {condition} }};"
    assert (judged(question(address=address), p=text).answer is Answer.PERMIT) is holds


@pytest.mark.parametrize(
    ("condition", "known", "holds"),
    [
        ("context.hour == 12 && context.weekday == 1", {}, True),
        ('context.at < datetime("2026-01-05T12:00:00.001Z")', {}, True),
        ('context.at < datetime("2026-01-05T12:00:00.000Z")', {}, False),
        ("context.tls", {"tls": False}, False),
        ('context has origin && context.origin == "null"', {"origin": "null"}, True),
        ("context has origin", {}, False),
        ('context.tier == "free" && principal.tier == context.tier && principal in Tier::"free"', {}, True),
        ('principal in Role::"cutout" && !(principal in Role::"keys")', {}, True),
        ('context.proofs.containsAll(["key", "signature"])', {"proofs": ("signature", "key")}, True),
        ('resource in Model::"u2net" && resource.surface == "cutout"', {"model": "u2net"}, True),
        ("resource has model", {}, False),
        ("resource has bytes && resource.bytes == 7", {"bytes": 7}, True),
        ("resource has bytes && resource.bytes > 7", {"bytes": 2**70}, True),
        ("resource has megapixels && resource.megapixels <= 12", {"megapixels": 13}, False),
        ('action == Action::"read" && context.path like "/v1/*"', {"action": "read", "path": "/v1/whoami"}, True),
        ('context.environment == "prod" && context.key == "k" && context.method == "POST"', {"key": "k"}, True),
        ('principal == Identity::"alice" && principal.name == "alice"', {}, True),
    ],
)
def test_everything_of_the_schema_can_be_spoken_of(condition: str, known: dict[str, object], holds: bool) -> None:
    """Each attribute says what it is said to say."""
    text = f"permit (principal, action, resource) when {{ {condition} }};"
    assert (judged(question(**known), p=text).answer is Answer.PERMIT) is holds


@pytest.mark.parametrize(
    "condition",
    [
        "if context has origin then context.hour > 99 else context.tls",
        "[context].contains(context) && context has at",
        'context == context && {"a": context}.a.hour == 12',
        '{"hour": 12}.hour == context["hour"]',
        '{"has": context.hour, "Var": context.weekday, "left": context.tls}.Var == 1',
    ],
)
def test_as_much_of_the_context_is_told_as_is_spoken_of(condition: str) -> None:
    """Cedar reads no more than it needs, and nothing is missing, also where the whole context is meant."""
    text = f"permit (principal, action, resource) when {{ {condition} }};"
    assert judged(question(), p=text).answer is Answer.PERMIT


def test_what_is_known_at_the_head_is_said_there() -> None:
    """A forbid without the body in it, or that nothing could permit any more; the rest waits."""
    small = "permit (principal, action, resource) when { resource has megapixels && resource.megapixels < 9 };"
    no, vips = "forbid (principal, action, resource);", 'permit (principal in Tier::"vip", action, resource);'
    large = "forbid (principal, action, resource) when { resource has bytes && resource.bytes > 9 };"
    head = question()
    assert Policies(policies(small=small, no=no)).judge_head(head) == Judgement(Answer.FORBID, ("no",))
    assert Policies(policies(small=small)).judge_head(head) is None
    assert Policies(policies(all=ALL, large=large)).judge_head(head) is None
    assert Policies(policies(vips=vips, large=large)).judge_head(head) == Judgement(Answer.NO_PERMIT)
    assert Policies(policies(all=ALL)).judge_head(head) == Judgement(Answer.PERMIT, ("all",))


@pytest.mark.parametrize(
    "condition",
    [
        "resource has bytes",
        'resource has model && resource["model"] == "x"',
        'resource in [Model::"x", Model::"y"]',
        'if context.tls then resource in Model::"x" else false',
    ],
)
def test_a_policy_that_speaks_of_the_body_is_known_by_it(condition: str) -> None:
    """However it is spelled."""
    judge = Policies(policies(p=f"permit (principal, action, resource) when {{ {condition} }};"))
    assert judge.waiting == {"p"}
    assert Policies(policies(p='permit (principal, action, resource is Endpoint in Model::"x");')).waiting == {"p"}
    assert not Policies(policies(p='permit (principal, action, resource == Endpoint::"cutout");')).waiting


def test_a_policy_on_trial_changes_nothing_and_is_told() -> None:
    """What all would say together; ``None`` where none is on trial."""
    judge = Policies(policies(all=ALL, trial="@shadow forbid (principal, action, resource);"))
    assert judge.judge(question()) == Judgement(Answer.PERMIT, ("all",))
    assert judge.judge_trial(question()) == Judgement(Answer.FORBID, ("trial",))
    assert judge.on_trial == ("trial",)
    assert Policies(policies(all=ALL)).judge_trial(question()) is None


def test_half_a_surrogate_pair_is_a_text_like_any_other() -> None:
    """JSON can bring one, and Cedar takes none."""
    odd = "\ud800"
    asked = question(model=odd, path=odd, origin=odd, name=odd, identity=odd, tier=odd, roles=(odd,), surface=odd)
    assert judged(asked, all=ALL).answer is Answer.PERMIT
