"""Policies of any depth: long lists are read and mean what they say, and nothing that nests ends the process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.gate.policies.compiled import Answer, Policies
from mattegate.gate.policies.depth import halved, too_deep
from mattegate.gate.policies.explained import explained
from mattegate.gate.policies.library import PolicyError
from tests.gate.policies.texts import judged, policies, question

WHEN = "permit (principal, action, resource) when {{ {} }};"


def _networks(count: int) -> str:
    return " || ".join(f'context.address.isInRange(ip("10.{n // 250}.{n % 250}.0/24"))' for n in range(count))


@pytest.mark.parametrize("count", [1, 16, 17, 60, 61, 300])
@pytest.mark.parametrize("last", [True, False])
def test_a_long_list_of_networks_is_one_policy(count: int, *, last: bool) -> None:
    """Cedar's own JSON reader takes some sixty alternatives; a list of networks to block has more."""
    blocked = f"forbid (principal, action, resource) when {{ context has address && ({_networks(count)}) }};"
    n = count - 1 if last else count
    address = f"10.{n // 250}.{n % 250}.7"
    answer = judged(question(address=address), all="permit (principal, action, resource);", blocked=blocked).answer
    assert answer is (Answer.FORBID if last else Answer.PERMIT)


def test_every_member_of_a_long_list_is_explained() -> None:
    """A chain of conditions stays a list of parts, in its order."""
    long = WHEN.format(" && ".join(f"context.hour != {n + 30}" for n in range(100)))
    (policy,) = explained(policies(long=long), question())
    assert [part.text for part in policy.parts] == [f"context.hour != {n + 30}" for n in range(100)]
    assert policy.applies


DEEP: dict[str, Callable[[int], str]] = {
    "brackets": lambda n: "(" * n + "true" + ")" * n,
    "sets": lambda n: "[1].contains(" + "[" * n + "1" + "]" * n + ")",
    "records": lambda n: "{a: " * n + "1" + "}" * n + " has a",
    "conditions": lambda n: "if context.tls then true else " * n + "true",
    "sums": lambda n: "1 < " + "+".join(["1"] * n),
    "members": lambda n: "context" + ".tls" * n,
    "presences": lambda n: "context has " + ".".join(["a"] * n),
    "alternatives": lambda n: " || ".join(["context.tls"] * n),
    "negations": lambda n: "!" * n + "true",
    "texts": lambda n: 'context.path like "' + "*a" * n + '"',
}


@pytest.mark.parametrize("kind", DEEP)
def test_what_nests_is_a_fault_and_no_crash(kind: str) -> None:
    """From what is taken to a hundred times too much, in a process of its own, which would end without a word."""
    program = f"""
from tests.gate.policies.test_depth import read
for size in (40, 101, 400, 990, 5_000, 100_000):
    read({kind!r}, size)
print("alive")
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "alive\n", "")


def read(kind: str, size: int) -> None:
    """Take a policy of that depth, or say what is wrong with it."""
    try:
        Policies(policies(deep=WHEN.format(DEEP[kind](size)))).judge(question())
    except PolicyError as error:
        (*_, fault) = error.faults
        assert fault.policy == "deep"
        assert fault.fix


def test_what_stands_in_texts_and_comments_is_not_counted() -> None:
    """Brackets in a path are no brackets."""
    text = WHEN.format(f'context.path != "{"(" * 300}\\"{"[" * 300}" // {"{" * 300}\n')
    assert not too_deep(text)
    assert too_deep(WHEN.format("(" * 101 + "true" + ")" * 101)).startswith("it has 102 brackets, one within")


def _value(tree: Any, asked: list[int], true: set[int]) -> bool:
    if isinstance(tree, int):
        asked.append(tree)
        return tree in true
    ((operator, sides),) = tree.items()
    left = _value(sides["left"], asked, true)
    if left == (operator == "||"):
        return left
    return _value(sides["right"], asked, true)


_leaves = st.integers(0, 400)
_trees = st.recursive(
    _leaves,
    lambda inner: st.builds(
        lambda operator, members, side: _chained(operator, members, side=side),
        st.sampled_from(["||", "&&"]),
        st.lists(inner, min_size=2, max_size=60),
        st.booleans(),
    ),
    max_leaves=120,
)


def _chained(operator: str, members: list[Any], *, side: bool) -> Any:
    tree = members[0]
    for member in members[1:]:
        left, right = (tree, member) if side else (member, tree)
        tree = {operator: {"left": left, "right": right}}
    return tree


@given(_trees, st.sets(_leaves))
@settings(max_examples=200, deadline=None)
def test_halves_mean_the_whole(tree: Any, true: set[int]) -> None:
    """The same answer, after asking the same members in the same order."""
    before: list[int] = []
    after: list[int] = []
    assert _value(tree, before, true) == _value(halved(tree), after, true)
    assert before == after
