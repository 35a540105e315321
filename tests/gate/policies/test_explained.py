"""Why a policy applies or does not: part by part, and always in accord with what it does."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.gate.policies.compiled import Answer, Policies
from mattegate.gate.policies.explained import explained, nearest
from mattegate.gate.policies.question import Question
from tests.gate.policies.texts import ALL, policies, question

OFFICE = """
permit (principal in Tier::"vip", action in [Action::"cutout", Action::"read"], resource)
when { context has address && context.address.isInRange(ip("10.0.0.0/8")) && (context.tls || context.hour > 20) }
unless { principal.name == "mallory" || context has origin && context.origin like "https://*.evil" };
"""


def test_every_part_is_told_with_what_it_goes_by() -> None:
    """Scope, the members of ``when``, the members of ``unless``; what lacks its guard says nothing."""
    (policy,) = explained(policies(office=OFFICE), question(tls=False))
    told = [(part.holds, part.text, part.seen) for part in policy.parts]
    assert (policy.policy, policy.effect, policy.applies) == ("office", "permit", False)
    assert told == [
        (False, 'principal in Tier::"vip"', "it is alice (alice), tier free, roles cutout, self"),
        (True, 'action in [Action::"cutout", Action::"read"]', "it is cutout"),
        (False, "context has address", "context.address is absent"),
        (None, 'context.address.isInRange(ip("10.0.0.0/8"))', "context.address is absent"),
        (False, "context.tls || (context.hour > 20)", "context.tls is false; context.hour is 12"),
        (True, 'unless principal.name == "mallory"', "principal.name is alice"),
        (
            True,
            'unless (context has origin) && (context.origin like "https://*.evil")',
            "context.origin is absent",
        ),
    ]


def test_groups_are_told_where_there_are_any() -> None:
    """They are what a policy on groups goes by."""
    (policy,) = explained(
        policies(team='permit (principal in Group::"okta:a", action, resource);'), question(groups=("okta:b",))
    )
    (part,) = policy.parts
    assert (part.holds, part.seen) == (False, "it is alice (alice), tier free, roles cutout, self, groups okta:b")


def test_the_nearest_permit_is_the_one_that_lacks_least() -> None:
    """Policies on trial, forbids and those that apply are none of them."""
    found = explained(
        policies(
            far='permit (principal in Tier::"vip", action, resource) when { context.hour > 20 };',
            near='permit (principal in Tier::"vip", action, resource);',
            no='forbid (principal in Tier::"vip", action, resource);',
            trial='@shadow permit (principal in Tier::"vip", action, resource);',
        ),
        question(),
    )
    assert [policy.policy for policy in nearest(found)] == ["near"]
    assert [policy.on_trial for policy in found] == [False, False, False, True]
    assert nearest(explained(policies(all=ALL), question())) == ()


def test_what_cannot_be_evaluated_is_neither_true_nor_false() -> None:
    """The policy and the part to blame."""
    odd = "forbid (principal, action, resource) when { context.hour * 9223372036854775807 > 0 };"
    (policy,) = explained(policies(odd=odd), question())
    assert policy.applies is None
    assert [part.holds for part in policy.parts] == [None]


ATOMS = st.sampled_from(
    ("context.tls", "context.hour > 11", "context has origin", 'principal in Tier::"free"', 'action == Action::"read"')
)
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: (
        st.builds(lambda a, op, b: f"({a} {op} {b})", inner, st.sampled_from(("&&", "||")), inner)
        | inner.map(lambda a: f"!({a})")
    ),
    max_leaves=6,
)


@settings(max_examples=100, deadline=None)
@given(EXPRESSIONS, EXPRESSIONS, st.builds(question, tls=st.booleans(), origin=st.sampled_from((None, "x"))))
def test_a_policy_applies_when_all_of_its_parts_hold(when: str, unless: str, asked: Question) -> None:
    """Whatever is under ``when`` and ``unless``: the parts together say what Cedar says."""
    texts = policies(p=f"permit (principal, action, resource) when {{ {when} }} unless {{ {unless} }};")
    (policy,) = explained(texts, asked)
    assert policy.applies == all(part.holds for part in policy.parts)
    assert policy.applies == (Policies(texts).judge(asked).answer is Answer.PERMIT)
