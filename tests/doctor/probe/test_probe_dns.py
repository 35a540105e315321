"""Stories of names: no answer is proven, an odd answer is a hint, an ordinary one is nothing."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from mattegate.doctor.answer import Certainty
from mattegate.doctor.probe.dns import Address, Resolution, dns_clues, hosts_entries, look_up
from mattegate.doctor.probe.target import parse_target

PUBLIC = parse_target("https://api.example.com/")
ENDPOINT = parse_target("https://abc123.execute-api.eu-west-1.amazonaws.com/prod/x")


def resolved(host: str, *addresses: str, failure: str = "") -> Resolution:
    """An answer of a resolver."""
    families = {text: socket.AF_INET6 if ":" in text else socket.AF_INET for text in addresses}
    return Resolution(host, tuple(Address(text, int(family)) for text, family in families.items()), failure)


def test_this_machine_knows_itself() -> None:
    """The real resolver answers for localhost."""
    found = look_up("localhost", 80)
    assert "127.0.0.1" in [address.text for address in found.addresses]
    assert not found.failure


def test_a_name_that_cannot_exist_is_a_proven_fault() -> None:
    """RFC 2606 keeps .invalid free; a resolver that is away says so in its own words."""
    found = look_up("no-such-name.invalid", 80, timeout=4)
    (clue,) = dns_clues(parse_target("http://no-such-name.invalid/"), found)
    assert clue.cause in ("dns.no_such_name", "dns.no_answer", "dns.no_address")
    assert clue.certainty is Certainty.PROVEN


@pytest.mark.parametrize(
    ("failure", "cause"), [("name", "dns.no_such_name"), ("address", "dns.no_address"), ("server", "dns.no_answer")]
)
def test_each_failure_has_its_cause(failure: str, cause: str) -> None:
    """No such name, no address and no answer are three things."""
    clues = list(dns_clues(PUBLIC, Resolution(PUBLIC.host, failure=failure, message="said so")))
    assert [clue.cause for clue in clues] == [cause]


@pytest.mark.parametrize(
    ("addresses", "causes"),
    [
        (("93.184.215.14", "2606:2800::1"), []),
        (("10.0.0.7",), ["dns.private_answer"]),
        (("100.64.0.7",), ["dns.private_answer"]),
        (("127.0.0.1",), ["dns.loopback_answer"]),
        (("0.0.0.0",), ["dns.loopback_answer"]),
    ],
)
def test_an_odd_answer_for_a_public_name_is_a_hint(addresses: tuple[str, ...], causes: list[str]) -> None:
    """Split horizons are common and right, so it is never more than possible."""
    clues = list(dns_clues(PUBLIC, resolved(PUBLIC.host, *addresses)))
    assert [clue.cause for clue in clues] == causes
    assert all(clue.certainty is Certainty.POSSIBLE for clue in clues)


def test_a_private_answer_for_api_gateway_is_the_interface_endpoint() -> None:
    """Private DNS of the endpoint answers for every execute-api name of the network."""
    (clue,) = dns_clues(ENDPOINT, resolved(ENDPOINT.host, "10.0.3.4"))
    assert (clue.cause, clue.certainty) == ("dns.private_endpoint", Certainty.LIKELY)


def test_names_of_ones_own_may_lead_anywhere() -> None:
    """A container's name with a private address is no news."""
    target = parse_target("http://backend:8000/")
    assert not list(dns_clues(target, resolved("backend", "172.18.0.3")))


def test_the_hosts_file_is_noticed(tmp_path: Path) -> None:
    """An entry for a public name is a hint; comments, other names and rubbish are not."""
    file = tmp_path / "hosts"
    file.write_bytes(
        b"# 9.9.9.9 api.example.com\n203.0.113.5 www API.example.com # old\nnonsense api.example.com\n\xff\n"
    )
    assert list(hosts_entries("api.example.com", file)) == ["203.0.113.5"]
    assert not list(hosts_entries("api.example.com", tmp_path / "missing"))
    found = Resolution(PUBLIC.host, resolved(PUBLIC.host, "203.0.113.5").addresses, from_hosts=("203.0.113.5",))
    assert "dns.hosts_override" in [clue.cause for clue in dns_clues(PUBLIC, found)]
