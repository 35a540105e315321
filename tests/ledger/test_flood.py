"""How prefixes that have proved nothing are counted, and what an attacker cannot do about it."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.ledger.flood import PROVED_S, MemoryFloodMeter, network_of
from mattegate.vocabulary.facts import FloodFact
from mattegate.vocabulary.rulebook import FloodRules

NOON = 1_700_049_600.0
RULES = FloodRules(unproven_per_minute=6, failures_per_minute=3, verifications_per_minute=4)
HERE, NEIGHBOUR, ELSEWHERE = "203.0.113.7", "203.0.113.200", "198.51.100.1"


def ask(meter: MemoryFloodMeter, address: str = HERE, at: float = NOON) -> FloodFact:
    """A request without a credential."""
    return meter.look(address, RULES, presented=False, key_id="", at=at)


def present(meter: MemoryFloodMeter, address: str = HERE, key: str = "", at: float = NOON) -> FloodFact:
    """A request with a credential."""
    return meter.look(address, RULES, presented=True, key_id=key, at=at)


def fail(meter: MemoryFloodMeter, times: int, address: str = HERE, at: float = NOON) -> None:
    """Credentials that do not prove good."""
    for _ in range(times):
        meter.proved(address, RULES, key_id="", good=False, at=at, counted=False)


def prove(meter: MemoryFloodMeter, key: str, at: float = NOON, *, fact: FloodFact | None = None) -> None:
    """A credential that proves good; ``fact`` is what looking at it said."""
    counted = fact is not None and not fact.failures_left and fact.verification_left
    meter.proved(HERE, RULES, key_id=key, good=True, at=at, counted=counted)


def looked_at(fact: FloodFact) -> bool:
    """Whether a credential is looked at in the end."""
    return fact.failures_left or fact.verification_left or fact.spared


def test_a_prefix_may_ask_so_often_without_a_credential() -> None:
    """Six a minute from the whole /24; the seventh waits ten seconds, and somebody elsewhere does not wait."""
    meter = MemoryFloodMeter()
    assert [ask(meter, address).unproven_left for address in (HERE, NEIGHBOUR) * 3] == [True] * 6
    refused = ask(meter)
    assert not refused.unproven_left
    assert refused.retry_after_s == pytest.approx(10, abs=0.01)
    assert refused.prefix == "203.0.113.0/24"
    assert ask(meter, ELSEWHERE).unproven_left
    assert ask(meter, at=NOON + 10).unproven_left
    assert not ask(meter, at=NOON + 10).unproven_left


def test_a_request_with_a_credential_does_not_count_as_unproven() -> None:
    """A thousand good requests take nothing from those who look at the page from the same office."""
    meter = MemoryFloodMeter()
    assert all(present(meter, key="k1") == FloodFact("203.0.113.0/24") for _ in range(1000))
    assert ask(meter).unproven_left


def test_failures_penalise_a_prefix_and_leave_it_a_budget() -> None:
    """After three bad credentials four more are looked at within the minute, then none."""
    meter = MemoryFloodMeter()
    fail(meter, 3)
    facts = [present(meter, NEIGHBOUR) for _ in range(6)]
    assert not any(fact.failures_left for fact in facts)
    assert [fact.verification_left for fact in facts] == [True] * 4 + [False] * 2
    assert 0 < facts[5].retry_after_s <= 20
    assert present(meter, at=NOON + 61).failures_left


def test_a_pair_that_proved_good_is_spared_for_an_hour() -> None:
    """A customer behind the attacker's NAT goes on working; a key that never proved good there does not."""
    meter = MemoryFloodMeter()
    prove(meter, "good")
    fail(meter, 50)
    for _ in range(10):
        present(meter)
    for _ in range(20):
        assert present(meter, NEIGHBOUR, "good").spared
    assert not present(meter, key="other").spared
    fail(meter, 50, ELSEWHERE)
    assert [looked_at(present(meter, ELSEWHERE, "good")) for _ in range(5)] == [True] * 4 + [False]
    late = NOON + PROVED_S
    fail(meter, 50, at=late)
    assert [looked_at(present(meter, key="good", at=late)) for _ in range(5)] == [True] * 4 + [False]


def test_counting_what_is_looked_at_does_not_tell_whose_key_is_good() -> None:
    """A neighbour who names a good key without having it uses the budget up as with any other name."""
    for named in ("good", "made up"):
        meter = MemoryFloodMeter()
        prove(meter, "good")
        fail(meter, 3)
        facts = [present(meter, NEIGHBOUR, named) for _ in range(6)]
        assert [fact.verification_left for fact in facts] == [True] * 4 + [False] * 2
        assert {round(fact.retry_after_s, 3) for fact in facts[4:]} == {15.0}


def test_a_good_proof_gives_back_what_looking_took() -> None:
    """Ten new keys prove good in a penalised prefix whose budget is four: none of them uses it up."""
    meter = MemoryFloodMeter()
    fail(meter, 3)
    for n in range(10):
        fact = present(meter, key=f"k{n}")
        assert fact.verification_left
        prove(meter, f"k{n}", fact=fact)
    assert [present(meter).verification_left for _ in range(5)] == [True] * 4 + [False]


def test_an_attacker_with_one_good_key_wins_no_budget() -> None:
    """Good requests between the bad ones give back only what they themselves took, with a known key id or without."""
    for key in ("mine", ""):
        meter = MemoryFloodMeter()
        fail(meter, 3)
        seen = 0
        for _ in range(50):
            fact = present(meter, key=key)
            if looked_at(fact):
                prove(meter, key, fact=fact)
            if looked_at(present(meter, key="stolen?")):
                seen += 1
                fail(meter, 1)
        assert seen == 4


def test_flooding_from_many_networks_does_not_reset_a_penalty() -> None:
    """A full table evicts nobody: the penalised stay penalised, and new networks share what is left."""
    meter = MemoryFloodMeter(prefixes=50)
    fail(meter, 10)
    for n in range(5000):
        ask(meter, f"10.{n // 250}.{n % 250}.1")
    assert not present(meter).failures_left
    assert len(meter) <= 101
    assert not ask(meter, "10.19.249.1").unproven_left
    fail(meter, 10, "172.16.5.5")
    assert not present(meter, "172.16.9.9").failures_left


def test_a_full_table_empties_by_itself() -> None:
    """A minute after the flood, newcomers have an allowance of their own again."""
    meter = MemoryFloodMeter(prefixes=50)
    for n in range(300):
        ask(meter, f"10.0.{n % 256}.{n}" if n < 250 else f"10.1.{n - 250}.1")
    later = NOON + 61
    assert [ask(meter, "192.0.2.1", later).unproven_left for _ in range(7)] == [True] * 6 + [False]
    assert len(meter) <= 2


def test_a_clock_that_is_turned_back_locks_nobody_out() -> None:
    """The clock stood a year ahead while a prefix was at its limit: an interval after the correction it goes on."""
    meter = MemoryFloodMeter()
    year = 365 * 86_400.0
    for _ in range(8):
        ask(meter, at=NOON + year)
    fail(meter, 10, at=NOON + year)
    prove(meter, "k", NOON + year)
    assert not ask(meter).unproven_left
    assert ask(meter, at=NOON + 10.001).unproven_left
    assert not present(meter, key="k").failures_left
    assert present(meter, at=NOON + 61).failures_left


def test_nothing_is_counted_when_it_is_switched_off() -> None:
    """Without flood rules every look is free and nothing is remembered."""
    meter, off = MemoryFloodMeter(), FloodRules(enabled=False)
    for _ in range(1000):
        assert meter.look(HERE, off, presented=False, key_id="", at=NOON).unproven_left
        meter.proved(HERE, off, key_id="k", good=False, at=NOON, counted=False)
    assert len(meter) == 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.0/24"),
        ("::ffff:203.0.113.7", "203.0.113.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("", "local"),
        ("testclient", "testclient"),
    ],
)
def test_addresses_count_under_their_network(address: str, network: str) -> None:
    """One customer's addresses are one prefix, written in whichever form."""
    assert network_of(address, 24, 48) == network


@settings(max_examples=200, deadline=None)
@given(number=st.integers(2**112, 2**128 - 1), other=st.integers(0, 2**80 - 1), bits=st.integers(0, 48))
def test_neighbours_within_the_prefix_share_a_network(number: int, other: int, bits: int) -> None:
    """Whatever the lower bits are, the network is the same, and the address lies in it."""
    address = ip_address(number)
    network = network_of(str(address), 24, bits)
    assert network_of(str(ip_address(number >> 80 << 80 | other)), 24, bits) == network
    assert address in ip_network(network)


def test_threads_together_get_exactly_the_allowance() -> None:
    """Eight threads ask at once; together they are let through as often as one would be."""
    meter, rules = MemoryFloodMeter(), FloodRules(unproven_per_minute=100)
    passed: list[bool] = []

    def many() -> None:
        passed.extend(meter.look(HERE, rules, presented=False, key_id="", at=NOON).unproven_left for _ in range(100))

    threads = [Thread(target=many) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(passed) == 100
