"""The client's address: against another reading of the same headers, and in the cases that break elsewhere."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.gate.address import client_of, parse_element, parse_node, proto_of
from mattegate.gate.networks import Networks, parse_address
from mattegate.gate.rules import Rules
from mattegate.vocabulary.attempt import Attempt
from mattegate.vocabulary.rulebook import NetworkRules, Rulebook

quick = settings(max_examples=300, deadline=None)
TRUSTED = ("10.0.0.0/8", "2001:db8:ffff::/48")
RULES = Rules.of(Rulebook(network=NetworkRules(trusted_proxies=TRUSTED)))
_NETS = [ipaddress.ip_network(text) for text in TRUSTED]

v4 = st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address)
v6 = st.integers(0, 2**128 - 1).map(ipaddress.IPv6Address).filter(lambda address: address.ipv4_mapped is None)
proxies = st.integers(0, 2**24 - 1).map(lambda low: ipaddress.IPv4Address((10 << 24) + low)) | st.integers(
    0, 2**64 - 1
).map(lambda low: ipaddress.IPv6Address(int(ipaddress.IPv6Address("2001:db8:ffff::")) + low))
Known = ipaddress.IPv4Address | ipaddress.IPv6Address
chains = st.lists(proxies | v4 | v6, max_size=5)
HIDDEN = ("unknown", "_hidden", "_SEVKISEK", "", "1.2.3", "1.2.3.4.5", "::g", "1.2.3.4:x", "[1.2.3.4]", "[::1", "a.b")


def _attempt(**fields: object) -> Attempt:
    return Attempt("req_1", 0.0, "GET", "/", peer="10.9.9.9", **fields)  # type: ignore[arg-type]


def _trusted(address: Known) -> bool:
    return any(address in network for network in _NETS if network.version == address.version)


def _oracle(chain: list[Known]) -> str:
    """The rightmost address that is no declared proxy; the leftmost where all are; the peer where there is none."""
    strangers = [address for address in chain if not _trusted(address)]
    if strangers:
        return str(strangers[-1])
    return str(chain[0]) if chain else "10.9.9.9"


@st.composite
def written(draw: st.DrawFn, address: Known) -> str:
    """One address as some proxy might write it in X-Forwarded-For."""
    port = draw(st.sampled_from(("", ":80", ":65535")))
    if address.version == 4:
        mapped = draw(st.booleans()) and not port
        return f"::ffff:{address}" if mapped else f"{address}{port}"
    if port or draw(st.booleans()):
        return f"[{address}]{port}"
    return draw(st.sampled_from((str(address), address.exploded, str(address).upper())))


@st.composite
def element(draw: st.DrawFn, address: Known) -> str:
    """One element of Forwarded that names an address (RFC 7239, section 4)."""
    port = draw(st.sampled_from(("", ":4711", ":_port")))
    node = f"[{address}]{port}" if address.version == 6 else f"{address}{port}"
    quoted = address.version == 6 or bool(port) or draw(st.booleans())
    name = draw(st.sampled_from(("for", "For", "FOR")))
    pair = f'{name}="{node}"' if quoted else f"{name}={node}"
    others = draw(st.lists(st.sampled_from(("proto=https", "by=203.0.113.43", 'host="a;b,c=\\"d"')), unique=True))
    parts = [*others, pair]
    return draw(st.sampled_from((";", "; "))).join(draw(st.permutations(parts)))


@quick
@given(chains, st.data())
def test_a_list_of_addresses_is_counted_from_the_right(chain: list[Known], data: st.DataObject) -> None:
    """However the addresses are written, the client is the one that an independent count finds."""
    texts = tuple(data.draw(written(address)) for address in chain)
    client = client_of(_attempt(forwarded_for=texts), RULES)
    assert (client.address, client.problem) == (_oracle(chain), "")


@quick
@given(chains, st.data())
def test_forwarded_is_counted_from_the_right(chain: list[Known], data: st.DataObject) -> None:
    """The same for RFC 7239, with quotes, ports, brackets and other parameters in any order."""
    texts = tuple(data.draw(element(address)) for address in chain)
    client = client_of(_attempt(forwarded=texts), RULES)
    assert (client.address, client.problem) == (_oracle(chain), "")


@quick
@given(chains, chains)
def test_two_headers_must_name_the_same_client(listed: list[Known], standard: list[Known]) -> None:
    """Where both are there and differ, neither is believed."""
    attempt = _attempt(
        forwarded_for=tuple(map(str, listed)),
        forwarded=tuple(f'for="[{each}]"' if each.version == 6 else f"for={each}" for each in standard),
    )
    client = client_of(attempt, RULES)
    if listed and standard and _oracle(listed) != _oracle(standard):
        assert client.problem
        assert not client.address
    else:
        assert client.address == _oracle(listed or standard)


@quick
@given(chains, st.sampled_from(HIDDEN), st.integers(0, 5), st.booleans())
def test_what_cannot_be_read_matters_only_on_the_way_to_the_client(
    chain: list[Known], hidden: str, place: int, standard: bool
) -> None:
    """Rubbish left of the client is the caller's own; rubbish among the proxies makes the client unknowable."""
    place = min(place, len(chain))
    to_the_right = chain[place:]
    texts = [str(address) for address in chain]
    texts.insert(place, hidden)
    if standard:
        nodes = tuple(f'for="[{text}]"' if ":" in text and "." not in text else f'for="{text}"' for text in texts)
        client = client_of(_attempt(forwarded=nodes), RULES)
    else:
        client = client_of(_attempt(forwarded_for=tuple(texts)), RULES)
    if any(not _trusted(address) for address in to_the_right):
        assert client.address == _oracle(to_the_right)
    elif standard and texts == [""]:
        assert client.address == "10.9.9.9"
    else:
        assert client.problem


@quick
@given(st.lists(st.text(max_size=20), max_size=4), st.lists(st.text(max_size=20), max_size=4))
def test_no_header_raises_or_names_a_false_address(listed: list[str], standard: list[str]) -> None:
    """Whatever stands there, the answer is an address in canonical form or a problem."""
    client = client_of(_attempt(forwarded_for=tuple(listed), forwarded=tuple(standard)), RULES)
    assert bool(client.address) != bool(client.problem)
    if client.address:
        assert str(ipaddress.ip_address(client.address)) == client.address


@quick
@given(chains)
def test_an_undeclared_peer_is_its_own_client(chain: list[Known]) -> None:
    """Headers of a peer that was not declared are not read at all."""
    attempt = Attempt("r", 0.0, "GET", "/", peer="198.51.100.1", forwarded_for=tuple(map(str, chain)))
    client = client_of(attempt, RULES)
    assert (client.address, client.header, client.undeclared) == ("198.51.100.1", "", "")


@pytest.mark.parametrize(
    ("peer", "header"),
    [("127.0.0.1", "X-Forwarded-For"), ("192.168.1.9", "X-Forwarded-For"), ("::1", "X-Forwarded-For"), ("8.8.8.8", "")],
)
def test_only_a_local_peer_can_be_an_undeclared_proxy(peer: str, header: str) -> None:
    """A caller from the internet cannot make the server doubt its own configuration."""
    attempt = Attempt("r", 0.0, "GET", "/", peer=peer, forwarded_for=("1.2.3.4",))
    assert client_of(attempt, RULES).undeclared == header


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ('for="[2001:db8:cafe::17]:4711"', {"for": "[2001:db8:cafe::17]:4711"}),
        ("for=192.0.2.60;proto=http;by=203.0.113.43", {"for": "192.0.2.60", "proto": "http", "by": "203.0.113.43"}),
        ('For="_a\\"b"', {"for": '_a"b'}),
        ("", {}),
        (";;", {}),
        ("for=1;for=2", None),
        ("for", None),
        ('for="open', None),
        ('for="a"b', None),
        ("for=a,b", None),
        ("for =a", None),
        ("für=a", None),
    ],
)
def test_one_element_of_forwarded(text: str, pairs: dict[str, str] | None) -> None:
    """The examples of RFC 7239, section 4, and what is not well-formed."""
    assert parse_element(text) == pairs


@pytest.mark.parametrize("text", HIDDEN)
def test_what_is_no_address_is_none(text: str) -> None:
    """Nothing is guessed from half an address."""
    assert parse_node(text) is None


@pytest.mark.parametrize(
    ("fields", "proto"),
    [
        ({"tls": True}, "https"),
        ({"forwarded_proto": "HTTPS"}, "https"),
        ({"forwarded_proto": "https,http", "forwarded_for": ("1.1.1.1",)}, "http"),
        ({"forwarded_proto": "https,http", "forwarded_for": ("1.1.1.1", "10.0.0.2")}, "https"),
        ({"forwarded_proto": "http", "tls": True}, "http"),
        ({"forwarded": ("for=1.1.1.1;proto=https", "for=10.0.0.2;proto=http")}, "https"),
        ({"forwarded": ('for="broken',), "tls": True}, "http"),
    ],
)
def test_how_the_client_speaks(fields: dict[str, object], proto: str) -> None:
    """A declared proxy tells of the client's side, at the place of the client in the chain."""
    assert proto_of(_attempt(**fields), RULES) == proto


@quick
@given(st.lists(st.integers(0, 32), min_size=1, max_size=6), v4, st.integers(0, 2**32 - 1))
def test_the_first_network_that_holds_is_found(prefixes: list[int], address: ipaddress.IPv4Address, other: int) -> None:
    """The quick look-up finds what asking each network in its order finds."""
    texts = [f"{ipaddress.IPv4Address(int(address) if n % 2 else other)}/{p}" for n, p in enumerate(prefixes)]
    expected = next((text for text in texts if address in ipaddress.ip_network(text, strict=False)), "")
    assert Networks.of(texts, "test").find(parse_address(str(address))) == expected
