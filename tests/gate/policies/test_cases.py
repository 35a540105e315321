"""Cases of ``policy test``: read strictly, asked of the policies, and honest about by whom."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from mattegate.gate.policies.cases import MEMBERS, PLAIN, BadCaseError, read_case, run_case, usual
from mattegate.gate.policies.compiled import Policies
from mattegate.gate.policies.schema import ACTIONS
from mattegate.serving.routes import data_plane, wanted
from tests.gate.policies.texts import ALL, policies

EVERYTHING: dict[str, Any] = {
    "name": "all of it", "expect": "permit", "by": ["all"], "principal": "bob", "tier": "vip", "roles": ["cutout"],
    "groups": ["okta:image-team"], "action": "read", "surface": "usage",
    "model": "u2net", "bytes": 5, "megapixels": "12", "address": "::1",
    "origin": "https://shop.example", "at": "2026-01-05T13:00:00+01:00", "tls": "false", "environment": "test",
    "key": "abc", "proofs": ["signature"], "method": "GET", "path": "/v1/usage",
}  # fmt: skip


def test_a_case_can_say_everything() -> None:
    """Each member reaches the question; words for numbers and truth are read, because YAML's stay words."""
    assert set(EVERYTHING) == set(MEMBERS)
    case = read_case(EVERYTHING)
    asked = case.question
    assert (asked.identity, asked.name, asked.tier, asked.action, asked.surface) == (
        "bob",
        "bob",
        "vip",
        "read",
        "usage",
    )
    assert (asked.bytes, asked.megapixels, asked.tls, asked.at) == (5, 12, False, PLAIN.at)
    assert run_case(case, Policies(policies(all=ALL))).passed


@pytest.mark.parametrize("moment", ["2026-01-05", date(2026, 1, 5), datetime(2026, 1, 5, tzinfo=UTC)])
def test_a_moment_may_be_written_in_several_ways(moment: object) -> None:
    """TOML has dates of its own."""
    case = read_case({"name": "n", "expect": "permit", "at": moment})
    assert case.question.at == datetime(2026, 1, 5, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("members", "blamed", "told"),
    [
        ({}, "", "it lacks name"),
        ({"name": "n"}, "", "it lacks expect"),
        ({"adress": "::1"}, "adress", "a case has no such member"),
        ({"name": "n", "expect": "allow"}, "expect", "cannot stand there"),
        ({"name": "n", "expect": "permit", "address": "nowhere"}, "address", "cannot stand there"),
        ({"name": "n", "expect": "permit", "action": "cut"}, "action", "cannot stand there"),
        ({"name": "n", "expect": "permit", "tls": "perhaps"}, "tls", "cannot stand there"),
        ({"name": "n", "expect": "permit", "bytes": -1}, "bytes", "cannot stand there"),
        ({"name": "n", "expect": "permit", "bytes": True}, "bytes", "cannot stand there"),
        ({"name": "n", "expect": "permit", "roles": [1]}, "roles", "cannot stand there"),
        ({"name": "n", "expect": "permit", "at": "2026-01-05T12:00:00"}, "at", "cannot stand there"),
        ({"name": "n", "expect": "permit", "at": 5}, "at", "cannot stand there"),
    ],
)
def test_a_case_that_cannot_be_asked_is_told(members: dict[str, Any], blamed: str, told: str) -> None:
    """Which member, and what is wanted there."""
    with pytest.raises(BadCaseError) as raised:
        read_case(members)
    assert raised.value.member == blamed
    assert told in raised.value.problem
    assert raised.value.fix


@pytest.mark.parametrize(
    ("expect", "by", "passed"),
    [
        ("forbid", ["no"], True),
        ("forbid", "no", True),
        ("forbid", [], True),
        ("refuse", [], True),
        ("forbid", ["other"], False),
        ("forbid", ["no", "other"], False),
        ("permit", [], False),
        ("no permit", [], False),
        ("error", [], False),
    ],
)
def test_a_case_goes_as_it_says_or_not(expect: str, by: object, passed: bool) -> None:
    """By the answer, and by exactly the policies that it names."""
    texts = policies(all=ALL, no='forbid (principal in Tier::"free", action, resource);')
    assert run_case(read_case({"name": "n", "expect": expect, "by": by}), Policies(texts)).passed is passed


@pytest.mark.parametrize("action", [action for action in ACTIONS if action != "admit"])
def test_the_usual_route_of_an_action_is_one(action: str) -> None:
    """Surface, method and path are those of a route that exists."""
    asked = usual(action)
    route = data_plane("", wanted(docs=True, page=True)).match(asked.path).route
    assert (route.name, asked.method in route.methods) == (asked.surface, True)
