"""Tiers as people write them, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.config.load import examine, load_settings
from mattegate.config.schema import literal
from mattegate.config.settings import ENTERPRISE, FREE, VIP
from mattegate.config.tier_spelling import spell, words_of
from mattegate.config.tier_words import KEYS, PROOFS, TierSpellingError, window_name
from mattegate.config.tiers import read_tier
from mattegate.vocabulary.rulebook import Limit, Tier


def _problems(table: dict[str, Any], name: str = "t") -> list[str]:
    with pytest.raises(ExceptionGroup) as caught:
        read_tier(name, table)
    assert all(isinstance(bad, TierSpellingError) for bad in caught.value.exceptions)
    return [str(bad) for bad in caught.value.exceptions]


def test_every_friendly_word_becomes_its_limit() -> None:
    """A whole tier as an operator writes it."""
    table = {
        "rate": "20/min",
        "burst": 30,
        "quota": ["100/hour", "1000/day"],
        "bytes": "2 GB/day",
        "credits": True,
        "unit": "megapixels",
        "priority": "vip",
        "shadow": ["hourly"],
    }
    assert read_tier("gold", table) == Tier(
        "gold",
        (
            Limit("rate", "rate", 20, 60, burst=30),
            Limit("hourly", "quota", 100, 3600, unit="megapixels", shadow=True),
            Limit("daily", "quota", 1000, 86_400, unit="megapixels"),
            Limit("daily-bytes", "bytes", 2_000_000_000, 86_400, unit="bytes"),
            Limit("credits", "credits", 0, 0, unit="megapixels"),
        ),
        priority="vip",
    )


@pytest.mark.parametrize(
    ("spelling", "amount", "window", "name"),
    [
        ("100/hour", 100, 3600, "hourly"),
        ("10_000 / day", 10_000, 86_400, "daily"),
        ("7 per week", 7, 604_800, "weekly"),
        ("5 images/15 min", 5, 900, "15-minutes"),
        ("3000/30 days", 3000, 2_592_000, "30-days"),
        ("1/s", 1, 1, "1-second"),
        ("9/60 min", 9, 3600, "hourly"),
        ("9 requests/2h", 9, 7200, "2-hours"),
    ],
)
def test_quotas_are_named_by_their_window(spelling: str, amount: int, window: int, name: str) -> None:
    """Seconds to weeks, one or several of them."""
    (limit,) = read_tier("t", {"quota": spelling}).limits
    assert (limit.amount, limit.window_s, limit.name) == (amount, window, name)


@pytest.mark.parametrize(
    ("spelling", "amount"),
    [
        ("2 GB/day", 2 * 10**9),
        ("2GiB/day", 2 * 2**30),
        ("1.5 MB/hour", 1_500_000),
        ("500kB/min", 500_000),
        ("100 B/s", 100),
        ("1 TB/30 days", 10**12),
        ("3 mb/day", 3_000_000),
    ],
)
def test_bytes_have_units(spelling: str, amount: int) -> None:
    """Powers of a thousand, or of 1024 where the unit says so."""
    (limit,) = read_tier("t", {"bytes": spelling}).limits
    assert (limit.amount, limit.kind, limit.unit) == (amount, "bytes", "bytes")


@pytest.mark.parametrize(
    ("table", "problems"),
    [
        ({}, ["it has no limit"]),
        ({"unlimited": False}, ["it has no limit"]),
        ({"unlimited": True, "rate": "1/s"}, ["unlimited and limited at once"]),
        ({"rate": "20/month"}, ["months and years differ in length, and m could be a minute"]),
        ({"rate": "20/m"}, ["months and years differ in length, and m could be a minute"]),
        ({"rate": "20"}, ["not an amount in a time"]),
        ({"rate": 20}, ["not an amount in a time"]),
        ({"rate": "0/min"}, ["between 1 and 1e+15"]),
        ({"rate": "-1/min"}, ["not an amount in a time"]),
        ({"rate": "1/0 min"}, ["not a time"]),
        ({"rate": "1/400 days"}, ["not a time"]),
        ({"rate": "1/fortnight"}, ["not a time"]),
        ({"burst": 5, "quota": "1/day"}, ["a burst without a rate"]),
        ({"burst": True, "rate": "1/s"}, ["not a whole number"]),
        ({"unit": "pixels", "quota": "1/day"}, ["not one of images, megapixels"]),
        ({"unit": "megapixels", "rate": "1/s"}, ["a unit, but no quota and no credits to count in it"]),
        ({"priority": "high", "unlimited": "maybe"}, ["not one of vip, standard, bulk", "true or false"]),
        ({"require": "key", "unlimited": True}, ["not a list of proofs"]),
        ({"require": ["key", "password"], "unlimited": True}, ["not one of key, signature, certificate"]),
        ({"shadow": ["daily"], "quota": "1/hour"}, ["no such limit to put on trial"]),
        ({"shadow": ["credits"], "credits": True}, ["no such limit to put on trial"]),
        ({"quota": ["1/hour", "2/60 min"]}, ["two limits are called hourly"]),
        ({"quota": ["1/hour", "x", "2/mo"]}, ["not an amount in a time"]),
        ({"bytes": "2/day/day"}, ["not an amount in a time"]),
        ({"bytes": "2 KG/day"}, ["not an amount in a time"]),
        ({"limits": {}}, ["not a list of tables"]),
        ({"limits": [{"name": "a"}]}, ["a part is missing or of a wrong type"]),
        ({"limits": [{"name": "a", "kind": "rate", "amout": 1}]}, ["no such part of a limit"]),
        ({"limits": [{"name": "a", "kind": "speed"}]}, ["its kind is one of rate, quota, bytes, credits"]),
        (
            {"limits": [{"name": "a", "kind": "quota", "amount": 1, "window_s": 9, "burst": 2}]},
            ["only a rate has a burst"],
        ),
    ],
)
def test_what_cannot_be_meant_is_told(table: dict[str, Any], problems: list[str]) -> None:
    """A slip never makes a tier that gives away more than was meant."""
    assert _problems(table) == problems


@pytest.mark.parametrize("name", ["Gold", "", "a b", "ümlaut", "a" * 41])
def test_names_of_tiers_are_plain(name: str) -> None:
    """A tier's name stands in commands, records and headers."""
    assert _problems({"unlimited": True}, name) == ["its name may hold a-z, 0-9 and - only"]


_WINDOWS = st.sampled_from([1, 7, 60, 900, 3600, 7200, 86_400, 604_800, 2_592_000, 100_001])
_LIMITS = st.one_of(
    st.builds(Limit, st.just("x"), st.just("rate"), st.integers(1, 10**6), _WINDOWS, burst=st.integers(0, 99)),
    st.builds(
        Limit, st.just("x"), st.just("quota"), st.integers(1, 10**6), _WINDOWS,
        unit=st.sampled_from(["images", "megapixels"]), shadow=st.booleans(),
    ),
    st.builds(Limit, st.just("x"), st.just("bytes"), st.integers(1, 10**12), _WINDOWS, unit=st.just("bytes")),
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(limits=st.lists(_LIMITS, min_size=0, max_size=4), own=st.booleans(), data=st.data())
def test_every_tier_can_be_written_and_read_back(limits: list[Limit], own: bool, data: st.DataObject) -> None:
    """Short words where they are enough, the long form where not: nothing is lost."""
    named = tuple(
        Limit(
            f"n{at}" if own or len(limits) > 1 else _usual_name(limit), limit.kind, limit.amount, limit.window_s,
            limit.burst, limit.unit, limit.shadow,
        )
        for at, limit in enumerate(limits)
    )  # fmt: skip
    priority = data.draw(st.sampled_from(["vip", "standard", "bulk"]))
    tier = Tier("t", named, priority, require=data.draw(st.sampled_from([(), ("signature",), PROOFS])))
    assert read_tier("t", spell(tier)) == tier


def _usual_name(limit: Limit) -> str:
    window = window_name(limit.window_s)
    return {"rate": "rate", "quota": window, "bytes": f"{window}-bytes"}[limit.kind]


@settings(max_examples=300, deadline=None)
@given(
    table=st.dictionaries(
        st.sampled_from([*KEYS, "x"]),
        st.one_of(st.text("0123456789/ minhourdayGB.", max_size=12), st.integers(), st.none(), st.lists(st.text())),
        max_size=4,
    )
)
def test_anything_is_a_tier_or_a_list_of_faults(table: dict[str, Any]) -> None:
    """No table makes the reader stumble."""
    try:
        tier = read_tier("t", table)
    except ExceptionGroup as group:
        unexpected = [error for error in group.exceptions if not isinstance(error, TierSpellingError)]
        assert not unexpected
    else:
        assert tier.limits or table["unlimited"]


def test_the_built_in_tiers_have_short_words() -> None:
    """What the reference page shows means what is built in; only the rate's own name is lost."""
    assert [words_of(tier) for tier in (FREE, ENTERPRISE, VIP)] == [
        {"rate": "20/min", "burst": 20, "quota": "100/hour"},
        {"quota": "10000/day"},
        {"priority": "vip", "unlimited": True},
    ]


def test_a_given_tier_replaces_the_one_of_its_name_and_another_joins(tmp_path: Path) -> None:
    """The others stay as they were, in their order."""
    file = tmp_path / "m.toml"
    file.write_text('[tiers.free]\nquota = "7/hour"\n[tiers.gold]\nunlimited = true\n')
    tiers = load_settings(file=file).tiers
    assert [tier.name for tier in tiers] == ["free", "enterprise", "vip", "gold"]
    assert tiers[0].limits == (Limit("hourly", "quota", 7, 3600),)


def test_faults_inside_a_tier_have_their_lines(tmp_path: Path) -> None:
    """The element of a list is pointed at, not the tier."""
    file = tmp_path / "m.toml"
    file.write_text('[tiers.free]\nquota = [\n  "7/hour",\n  "many",\n]\npriority = "high"\n')
    faults = examine(file=file).faults
    assert [(fault.setting, fault.line) for fault in faults] == [("tiers.free.quota", 4), ("tiers.free.priority", 6)]


def test_the_spelling_of_a_tier_is_toml(tmp_path: Path) -> None:
    """What is shown can be pasted."""
    file = tmp_path / "m.toml"
    file.write_text("[tiers.free]\n" + "".join(f"{word} = {literal(value)}\n" for word, value in spell(FREE).items()))
    assert load_settings(file=file).tiers == (FREE, ENTERPRISE, VIP)
