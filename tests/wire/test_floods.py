"""Floods from one network: who hammers is slowed down, who shares a network with them goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.wire.wired import ALLOWED, Wire, bearer, unknown_key, wired, wrong_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TIGHT = {"unproven_per_minute": 8, "failures_per_minute": 4, "verifications_per_minute": 3}


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """One server behind a proxy; every story comes from networks of its own."""
    proxied = {"trusted_proxies": ["127.0.0.1"]}
    given = {"flood": TIGHT, "network": proxied, "cors": {"allowed_origins": [ALLOWED]}}
    with wired(tmp_path_factory.mktemp("floods"), given) as running:
        yield running


def hammer(wire: Wire, key: str, address: str, times: int) -> list[int]:
    """The statuses of so many requests with a key from one address."""
    return [wire.ask("GET", "/v1/whoami", bearer(key, X_Forwarded_For=address)).status for _ in range(times)]


def test_a_network_that_guesses_is_penalised_and_its_honest_neighbours_are_not(wire: Wire) -> None:
    """After too many bad keys a prefix gets 429 with a time to wait; a key that proved good there keeps working."""
    good = wire.key("neighbour")
    bad = unknown_key(good)
    assert hammer(wire, good, "203.0.11.9", 1) == [200]
    statuses = hammer(wire, bad, "203.0.11.66", 20)
    assert statuses == [403] * 7 + [429] * 13
    answer = wire.ask("GET", "/v1/whoami", bearer(bad, X_Forwarded_For="203.0.11.200"))
    assert answer.status == 429
    assert 1 <= int(answer.header("retry-after")) <= 60
    assert wire.explained(answer).reason == "flood.failed_credentials"
    assert hammer(wire, good, "203.0.11.9", 10) == [200] * 10
    assert hammer(wire, bad, "198.51.11.66", 1) == [403]


def test_a_key_from_a_page_that_is_refused_is_no_way_around_the_count(wire: Wire) -> None:
    """A worthless key beside a bad Origin is refused before it is looked at, and counts as having shown none."""
    headers = {"X-API-Key": "anything", "Origin": "https://evil.example", "X-Forwarded-For": "203.0.12.9"}
    answers = [wire.ask("GET", "/v1/whoami", headers) for _ in range(12)]
    assert [answer.reason for answer in answers] == ["origin.not_allowed"] * 8 + ["flood.unauthenticated"] * 4
    assert all(answer.header("retry-after") for answer in answers[8:])
    wire.explained(answers[-1])


def test_a_page_that_is_allowed_is_counted_by_its_key(wire: Wire) -> None:
    """A good key from an allowed page takes nothing from what its network may ask without one."""
    headers = bearer(wire.key("page 13"), Origin=ALLOWED, X_Forwarded_For="203.0.13.9")
    assert {wire.ask("GET", "/v1/whoami", headers).status for _ in range(20)} == {200}


def test_a_forged_address_is_not_believed(start: Callable[..., Wire]) -> None:
    """From a peer that is no declared proxy, whatever the headers say, everything counts for that peer."""
    wire = start({"flood": TIGHT})
    bad = unknown_key(wire.key("somebody"))
    statuses = []
    for number in range(12):
        forged = {
            "X-Forwarded-For": f"203.0.{number}.1",
            "Forwarded": f"for=203.0.{number}.1",
            "X-Real-IP": f"203.0.{number}.1",
        }
        statuses.append(wire.ask("GET", "/v1/whoami", bearer(bad) | forged).status)
    assert statuses == [403] * 7 + [429] * 5
    lines = wire.served.access_lines()
    assert {line["address"] for line in lines} == {"127.0.0.1"}


def test_what_the_caller_wrote_into_the_chain_is_not_believed(wire: Wire) -> None:
    """Behind a declared proxy, only the address that the proxy itself added counts."""
    bad = unknown_key(wire.key("somebody 14"))
    chains = [f"198.51.{number}.1, 203.0.14.9" for number in range(12)]
    assert [hammer(wire, bad, chain, 1)[0] for chain in chains] == [403] * 7 + [429] * 5


def test_an_ipv6_network_counts_as_one(wire: Wire) -> None:
    """Addresses of one /48 share a count, those of another do not, and IPv4 written as IPv6 is IPv4."""
    bad = wrong_secret(wire.key("somebody 15"))
    spread = [hammer(wire, bad, f"2001:db8:1:{number:x}::{number:x}", 1)[0] for number in range(12)]
    assert spread == [403] * 7 + [429] * 5
    assert hammer(wire, bad, "2001:db8:2::1", 1) == [403]
    assert hammer(wire, bad, "203.0.15.7", 8)[-1] == 429
    assert hammer(wire, bad, "::ffff:203.0.15.8", 1) == [429]
    assert hammer(wire, bad, '"[::ffff:203.0.15.8]:4711"'.strip('"'), 1) == [429]


def test_health_is_answered_whatever_the_network_did(wire: Wire) -> None:
    """Supervisors behind a penalised prefix are still told how the server is."""
    there = {"X-Forwarded-For": "203.0.16.9"}
    assert [wire.ask("GET", "/v1/whoami", there).status for _ in range(10)] == [401] * 8 + [429] * 2
    assert {wire.ask("GET", path, there).status for path in ("/health", "/ready")} == {200}
    assert wire.ask("GET", "/", there).status == 429


def test_a_retired_allowance_comes_back(wire: Wire) -> None:
    """Good keys give back what looking at them took, so that they alone never penalise their network."""
    good = wire.key("busy")
    hammer(wire, unknown_key(good), "203.0.17.66", 4)
    assert hammer(wire, good, "203.0.17.9", 30) == [200] * 30
    assert hammer(wire, wire.key("another"), "203.0.17.10", 10) == [200] * 10


def test_a_neighbour_does_not_learn_whose_keys_are_good(wire: Wire) -> None:
    """Beyond the budget the id of a key that works there is refused like one that nobody has."""
    good = wire.key("neighbour 18")
    assert hammer(wire, good, "203.0.18.9", 1) == [200]
    bad = {"known": wrong_secret(good), "made up": unknown_key(good)}
    assert hammer(wire, bad["known"], "203.0.18.66", 20) == [403] * 7 + [429] * 13
    told = {
        name: wire.ask("GET", "/v1/whoami", bearer(key, X_Forwarded_For="203.0.18.66")) for name, key in bad.items()
    }
    assert {answer.reason for answer in told.values()} == {"flood.failed_credentials"}
    assert abs(int(told["known"].header("retry-after")) - int(told["made up"].header("retry-after"))) <= 1
    assert wire.explained(told["known"]).reason == "flood.failed_credentials"
    assert hammer(wire, good, "203.0.18.9", 10) == [200] * 10
