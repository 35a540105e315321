"""Names whose answers change, or disagree: a name server of a test's own, asked over UDP, tries to lead us inside."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, ip_address

import pytest

from mattegate.outbound.blocked import Blocked, Cause
from mattegate.outbound.fetch import GuardedHttp
from mattegate.outbound.guard import SystemResolver, admitted, is_own
from mattegate.outbound.guard_rules import OutboundRules
from mattegate.outbound.guard_url import read_url
from tests.outbound.upstreams import OUTSIDE, Names, inside, name_server, redirect, reply, rules, says, upstream

PUBLIC = "93.184.215.14"
"""Never connected to."""


async def test_a_name_is_resolved_once_and_its_first_answer_is_what_is_asked() -> None:
    """Public at the check and inner at the connection: there is no second look-up to answer differently."""
    async with upstream(says(reply())) as server, name_server([OUTSIDE], ["127.0.0.1"]) as (dns, resolver):
        http = GuardedHttp(resolve=resolver)
        fetched = await http.fetch(server.url(host="rebind.example"), rules(server.port))
        assert fetched.body == b"fine"
        assert dns.rounds == 1
        with pytest.raises(Blocked) as refused:  # the next request asks anew, and is checked anew
            await http.fetch(server.url(host="rebind.example"), rules(server.port))
    assert refused.value.cause is Cause.ADDRESS
    assert refused.value.facts == {
        "host": "rebind.example", "address": "127.0.0.1", "kind": "loopback", "hop": 0,
    }  # fmt: skip
    assert b"\r\nhost: rebind.example:" in server.requests[0].lower()
    assert len(server.requests) == 1


async def test_what_is_admitted_is_what_was_resolved() -> None:
    """A public answer is handed on as the number that was checked, for whoever connects."""
    async with name_server([PUBLIC], ["127.0.0.1"]) as (dns, resolver):
        admit = admitted(read_url("https://rebind.example/"), OutboundRules(), resolver)
        assert await admit == (IPv4Address(PUBLIC),)
        assert dns.rounds == 1


@pytest.mark.parametrize(
    "answers",
    [[PUBLIC, "127.0.0.1"], ["127.0.0.1", PUBLIC], [PUBLIC, "::1"], ["2606:4700::1", "127.0.0.1"],
     [PUBLIC, "2606:4700::1", "::ffff:10.0.0.1"], [*[f"93.184.215.{i}" for i in range(1, 30)], "169.254.169.254"]],
)  # fmt: skip
async def test_one_inner_address_among_public_ones_refuses_them_all(answers: Sequence[str]) -> None:
    """A mixed answer is an attack or a mistake, and whichever address is tried first is not ours to bet on."""
    with inside() as inner:
        async with name_server(answers) as (_, resolver):
            with pytest.raises(Blocked) as refused:
                await GuardedHttp(resolve=resolver).fetch(f"http://mixed.example:{inner.port}/", rules(inner.port))
        assert refused.value.cause is Cause.ADDRESS
        assert inner.hits() == 0


async def test_a_name_that_turns_inner_between_two_hops_is_refused() -> None:
    """The redirect leads to the same name, so the same origin; it is resolved and checked again all the same."""
    with inside() as inner:
        script = says(redirect("/again"))
        async with upstream(script) as server, name_server([OUTSIDE], ["127.0.0.1"]) as (dns, resolver):
            with pytest.raises(Blocked) as refused:
                await GuardedHttp(resolve=resolver).fetch(
                    server.url(host="rebind.example"), rules(server.port, inner.port)
                )
            assert (refused.value.cause, refused.value.facts["hop"], dns.rounds) == (Cause.ADDRESS, 1, 2)
        assert inner.hits() == 0


async def test_fifty_requests_at_once_while_the_answers_alternate() -> None:
    """Each gets the public server or a refusal, and none gets inside."""
    with inside() as inner:
        alternating = [[OUTSIDE], ["127.0.0.1"]] * 50
        async with upstream(says(reply())) as server, name_server(*alternating) as (_, resolver):
            http, bounds = GuardedHttp(resolve=resolver), rules(server.port, inner.port)
            fetches = (http.fetch(server.url(host="rebind.example"), bounds) for _ in range(50))
            ends = await asyncio.gather(*fetches, return_exceptions=True)
        refused = [end for end in ends if isinstance(end, Blocked)]
        assert {end.cause for end in refused} <= {Cause.ADDRESS}
        assert len(refused) + len(server.requests) == 50
        assert inner.hits() == 0


async def test_a_name_server_that_says_nothing_costs_no_more_than_its_time() -> None:
    """And it is its own cause, not that the name does not exist."""

    async def never(_host: str) -> Sequence[str]:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(Blocked) as refused:
        await GuardedHttp(resolve=never).fetch("http://slow.example/", rules(connect_s=0.05))
    assert (refused.value.cause, refused.value.facts["stage"]) == (Cause.TIMEOUT, "resolve")


async def test_the_system_resolves_numbers_and_localhost() -> None:
    """The real resolver, on names that no network is needed for."""
    resolve = SystemResolver(at_once=1)
    assert await resolve("127.0.0.9") == ("127.0.0.9",)
    assert {ip_address(text).is_loopback for text in await resolve("localhost")} == {True}
    with inside() as inner:
        with pytest.raises(Blocked) as refused:
            await GuardedHttp().fetch(f"http://localhost:{inner.port}/", rules(inner.port))
        assert refused.value.cause is Cause.ADDRESS
        assert inner.hits() == 0


@pytest.mark.parametrize("name", [socket.gethostname().lower(), "ip6-localhost", "localhost.localdomain"])
async def test_a_name_that_only_this_machine_knows_leads_nowhere(name: str) -> None:
    """What ``/etc/hosts`` says of this machine counts for the guard as what a name server says."""
    with inside() as inner:
        with pytest.raises(Blocked) as refused:
            await GuardedHttp().fetch(f"http://{name}:{inner.port}/", rules(inner.port))
        assert refused.value.cause in {Cause.ADDRESS, Cause.RESOLVE}
        assert refused.value.cause.public is Cause.RESOLVE
        assert inner.hits() == 0


def test_an_address_of_this_very_machine_is_told_without_a_packet() -> None:
    """A public address of our own would lead behind our own firewall."""
    assert is_own(ip_address("127.0.0.1"))
    assert is_own(ip_address("::1"))
    assert not is_own(ip_address(PUBLIC))
    assert not is_own(ip_address("224.0.0.1"))


@pytest.mark.parametrize("host", [PUBLIC, "here.example"])
async def test_an_address_of_this_very_machine_is_refused(host: str) -> None:
    """By name and by number, though everybody else may ask it; unless the rules name it."""
    target, names = read_url(f"https://{host}/"), Names({"here.example": [PUBLIC]})
    with pytest.raises(Blocked) as refused:
        await admitted(target, OutboundRules(), names, own=lambda address: str(address) == PUBLIC)
    assert (refused.value.cause, refused.value.facts["kind"]) == (Cause.ADDRESS, "own")
    named = OutboundRules(allow_hosts=(host,))
    assert await admitted(target, named, names, own=lambda _: True) == (IPv4Address(PUBLIC),)
