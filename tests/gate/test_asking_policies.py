"""What policies are asked about a request, and what it makes of their answer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.gate.asking_policies import action_of, groups_of, roles_of
from mattegate.gate.decide import decide
from mattegate.gate.policies.compiled import Answer, Judgement, Policies
from mattegate.gate.rules import Rules
from mattegate.serving import routes
from mattegate.vocabulary.attempt import Attempt, RouteView
from mattegate.vocabulary.facts import Facts, IdentityView, KeyView
from mattegate.vocabulary.rulebook import Rulebook, Tier
from tests.gate.policies.texts import ALL, judged, policies, question
from tests.gate.random_situations import attempts, facts


@pytest.mark.parametrize(
    ("route", "action"),
    [
        (routes.CUTOUT, "cutout"),
        (routes.WHOAMI, "read"),
        (routes.DECISION, "read"),
        (routes.USAGE, "read"),
        (routes.KEYS, "manage"),
        (routes.KEY, "manage"),
        (routes.KEY_ROTATE, "manage"),
        (routes.BROWSER_TOKENS, "manage"),
        (routes.AUTHZ, "admit"),
        (RouteView("app", metered=True), "admit"),
        (RouteView("app"), "admit"),
        (RouteView("elsewhere", metered=True, staged=True), "cutout"),
    ],
)
def test_every_route_is_an_action(route: RouteView, action: str) -> None:
    """What is behind somebody else's route is not ours to call a cut-out."""
    assert action_of(route) == action


@pytest.mark.parametrize(
    ("identity", "key", "roles"),
    [
        (("cutout", "self"), None, ("cutout", "self")),
        (("cutout", "self"), ("cutout",), ("cutout",)),
        (("cutout",), ("cutout", "admin"), ("cutout",)),
        (("cutout",), ("*",), ("cutout",)),
        (("*",), ("cutout",), ("cutout",)),
        (("*",), None, ("admin", "*")),
    ],
)
def test_roles_are_what_identity_and_key_both_have(
    identity: tuple[str, ...], key: tuple[str, ...] | None, roles: tuple[str, ...]
) -> None:
    """A key cannot give itself a role."""
    view = KeyView("k", IdentityView("i", "i", "free", identity), scopes=key)
    assert roles_of((view,), ("admin",)) == roles


def test_groups_are_those_of_every_token_shown_and_no_roles() -> None:
    """A key beside a token takes none of them away; a role of the same name is another thing."""
    identity = IdentityView("i", "i", "free", ("cutout",))
    token, key = KeyView("token:okta", identity, groups=("okta:a", "okta:b")), KeyView("k", identity)
    groups = groups_of((key, token, token))
    assert groups == ("okta:a", "okta:b")
    only = {"team": 'permit (principal in Group::"okta:a", action, resource);'}
    assert judged(question(groups=groups), **only) == Judgement(Answer.PERMIT, ("team",))
    assert judged(question(groups=("okta:c",), roles=("okta:a",), tier="okta:a"), **only).answer is Answer.NO_PERMIT
    assert Policies(policies(**only)).groups == {"okta:a"}


@settings(max_examples=150, deadline=None)
@given(attempts, facts, st.booleans())
def test_nothing_that_is_sent_makes_a_sound_policy_unevaluable(attempt: Attempt, known: Facts, tls: bool) -> None:
    """Hostile texts in every place: refused or let pass by the policy, never because it cannot be asked."""
    text = (
        f"forbid (principal, action, resource) when {{ context.tls == {str(tls).lower()} && "
        'context.path like "*x*" || (context has origin && context.origin == context.key) };'
    )
    rules = Rules.of(Rulebook(tiers=(Tier("free"), Tier("")), policies=policies(all=ALL, odd=text)))
    decision = decide(attempt, known, rules)
    assert all(finding.reason != "policy.unevaluable" for finding in decision.findings)
