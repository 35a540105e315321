"""``mattegate identities``: who pays, and limits in the words of the configuration."""

from __future__ import annotations

import pytest
import typer

from mattegate.cli.limit_words import read_limits, spelled_limits
from mattegate.config.settings import FREE
from mattegate.vocabulary.rulebook import Limit
from tests.cli.at_home import At


def test_an_identity_is_made_shown_and_changed(at: At) -> None:
    """By name or id; everything given holds, everything else stays."""
    made = at.told("identities", "create", "acme", "--tier", "free", "--contact", "ops@acme.example")
    changed = at.told("identities", "update", made["id"], "--tier", "vip", "--scope", "*")
    assert (changed["tier"], changed["scopes"], changed["contact"]) == ("vip", ["*"], "ops@acme.example")
    ended = at("identities", "show", "acme")
    assert "ops@acme.example" in ended.out
    assert "no keys" in ended.out
    assert at("identities", "create", "acme", "--tier", "free").code == 3
    assert at("identities", "show", "nobody").code == 3
    assert at("identities", "update", "acme").code == 2


def test_a_disabled_identity_rests_and_comes_back(at: At) -> None:
    """Its keys say why they do not work."""
    key_id, _ = at.key("acme")
    assert at.told("identities", "disable", "acme")["state"] == "disabled"
    assert at.told("keys", "show", key_id)["standing"] == "identity disabled"
    assert at.told("identities", "enable", "acme")["state"] == "active"
    assert at.told("keys", "show", key_id)["standing"] == "active"


def test_own_limits_stand_in_the_place_of_the_tiers(at: At) -> None:
    """Of the same kind and window they take its name; others join; all of it is seen in the standing."""
    at.key("acme")
    told = at.told("identities", "update", "acme", "--limit", "rate=50/min", "--limit", "quota=500/hour",
                   "--limit", "quota=9000/day")  # fmt: skip
    assert told["limits"] == ["rate=50/min", "quota=500/hour", "quota=9000/day"]
    limits = at.told("usage", "standing", "acme")["limits"]
    assert [(one["name"], one["limit"]) for one in limits] == [("burst", 50), ("hourly", 500), ("daily", 9000)]
    assert at.told("identities", "update", "acme", "--limit", "none")["limits"] == []
    assert [one["limit"] for one in at.told("usage", "standing", "acme")["limits"]] == [20, 100]


@pytest.mark.parametrize("words", [["quota"], ["quota="], ["speed=9"], ["rate=x"], ["rate=1/s", "rate=2/s"],
                                   ["unlimited=true"], ["burst=5"], ["none", "rate=1/s"]])  # fmt: skip
def test_what_is_no_limit_is_a_mistake_in_the_line(words: list[str]) -> None:
    """With the place and a right spelling."""
    with pytest.raises(typer.BadParameter):
        read_limits(words, FREE)


def test_limits_are_spelled_as_they_are_read() -> None:
    """What 'show' prints can be given to 'update'."""
    words = ["rate=5/second", "burst=30", "quota=10/hour", "quota=20/day", "bytes=2000000 B/day"]
    limits = read_limits(words, None)
    assert spelled_limits(limits) == words
    assert read_limits(spelled_limits(limits), None) == limits
    assert limits[0] == Limit("rate", "rate", 5, 1, burst=30)
