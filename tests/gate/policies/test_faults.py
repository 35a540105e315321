"""What is wrong with policies is told once, all of it, and with what to write instead."""

from __future__ import annotations

import re

import pytest

from mattegate.gate.policies.compiled import Policies
from mattegate.gate.policies.library import PolicyError
from mattegate.gate.policies.schema import ACTIONS, SCHEMA
from mattegate.vocabulary.rulebook import PolicyText
from tests.gate.policies.texts import ALL, policies


@pytest.mark.parametrize(
    ("text", "problem", "fix"),
    [
        ("permit (principal, action resource);", "unexpected token `resource`", "a policy reads: permit"),
        ("permit (principal, action, resource) when { contxt };", "invalid variable: contxt", "a policy reads"),
        ("permit (principal, action, resource)", "unexpected end of input", "a policy reads"),
        ("", "it must be one policy, and here are 0", "a policy reads"),
        (ALL + ALL, "it must be one policy, and here are 2", "a policy reads"),
        ("permit (principal == ?principal, action, resource);", "it is a template", "a policy reads"),
        (
            'permit (principal == User::"x", action, resource);',
            "unrecognized entity type `User`",
            "there are Tier, Role",
        ),
        (
            'permit (principal, action == Action::"cut", resource);',
            'unrecognized action `Action::"cut"`',
            'the actions are Action::"cutout"',
        ),
        (
            "permit (principal, action, resource) when { context.adress.isLoopback() };",
            "attribute `adress` in context not found",
            "did you mean context.address?",
        ),
        (
            "permit (principal, action, resource) when { context.megapixel > 3 };",
            "attribute `megapixel` in context not found",
            "did you mean resource.megapixels?",
        ),
        (
            "permit (principal, action, resource) when { context.address.isLoopback() };",
            "access to optional attribute `address` in context",
            "write context has address && context.address",
        ),
        (
            "permit (principal, action, resource) when { resource.megapixels < 3 };",
            "access to optional attribute `megapixels`",
            "write resource has megapixels && resource.megapixels",
        ),
        ("permit (principal, action, resource) when { context.hour };", "", "policy schema"),
    ],
)
def test_a_fault_is_told_once_with_its_remedy(text: str, problem: str, fix: str) -> None:
    """Cedar objects once an action; a person is told once."""
    with pytest.raises(PolicyError) as raised:
        Policies(policies(mine=text))
    (fault,) = raised.value.faults
    assert fault.policy == "mine"
    assert problem in fault.problem
    assert fix in fault.fix


def test_every_fault_of_every_policy_is_told_at_once() -> None:
    """Two of one, one of another, and an id that stands twice."""
    texts = [
        PolicyText("a", 'forbid (principal == User::"x", action == Action::"x", resource);'),
        PolicyText("b", "permit (principal, action, resource) when { context.x };"),
        PolicyText("b", ALL),
        PolicyText("c", ALL),
    ]
    with pytest.raises(PolicyError) as raised:
        Policies(texts)
    assert [fault.policy for fault in raised.value.faults] == ["a", "a", "b", "b"]


@pytest.mark.parametrize("name", ["", "a,b", "a`b", "a\nb", "{x}", "-a", "x" * 81, "policy\u202e"])
def test_an_id_that_cannot_stand_in_a_sentence_is_none(name: str) -> None:
    """It is told to callers, listed with commas, and read out of Cedar's messages."""
    with pytest.raises(PolicyError, match="cannot be the id of a policy"):
        Policies([PolicyText(name, ALL)])


def test_the_actions_are_those_of_the_schema() -> None:
    """Named twice, so compared."""
    listed = re.search(r"^action (.*) appliesTo", SCHEMA, re.MULTILINE)
    assert listed is not None
    assert tuple(listed[1].split(", ")) == ACTIONS
