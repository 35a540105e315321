"""Stories of addresses: what they are taken apart into, and which are never asked by accident."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.doctor.probe.target import BadTarget, Scope, is_public_name, parse_target, scope_of


@pytest.mark.parametrize(
    ("text", "scheme", "host", "port", "path", "authority"),
    [
        ("http://a.example", "http", "a.example", 80, "/", "a.example"),
        ("HTTPS://A.example:443/v1?x=1#y", "https", "a.example", 443, "/v1?x=1", "a.example"),
        ("https://[::1]:8443/", "https", "::1", 8443, "/", "[::1]:8443"),
        ("http://bücher.example/ä", "http", "xn--bcher-kva.example", 80, "/%C3%A4", "xn--bcher-kva.example"),
        ("http://127.0.0.1:8000//a%2Fb/", "http", "127.0.0.1", 8000, "//a%2Fb/", "127.0.0.1:8000"),
    ],
)
def test_an_address_is_taken_apart(text: str, scheme: str, host: str, port: int, path: str, authority: str) -> None:
    """Scheme, host, port and path come out as a client sends them."""
    target = parse_target(text)
    assert (target.scheme, target.host, target.port, target.path, target.authority) == (
        scheme, host, port, path, authority,
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["", "a.example", "ftp://a.example/", "http://", "http://a b/", "http://u:p@a.example/", "http://a.example:99999/",
     "http://a.example/\r\nX: y", "http://[::g]/", "http://../", "http://-/"],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_a_sentence(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(BadTarget, match=r"\w+ \w+"):
        parse_target(text)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60).map(lambda tail: f"http://{tail}"))
def test_no_text_breaks_the_parser(text: str) -> None:
    """Whatever is given is a target on one line, or refused."""
    try:
        target = parse_target(text)
    except BadTarget:
        return
    assert (target.host + target.path).isascii()
    assert not set(target.host + target.path) & set(" \r\n\t\0")


@pytest.mark.parametrize(
    ("address", "scope"),
    [
        ("8.8.8.8", Scope.PUBLIC), ("10.1.2.3", Scope.PRIVATE), ("100.64.1.1", Scope.CGNAT),
        ("127.0.0.2", Scope.LOOPBACK),
        ("::1", Scope.LOOPBACK), ("169.254.169.254", Scope.METADATA), ("::ffff:169.254.169.254", Scope.METADATA),
        ("fd00:ec2::254", Scope.METADATA), ("169.254.1.1", Scope.LINK_LOCAL), ("fe80::1%eth0", Scope.LINK_LOCAL),
        ("0.0.0.0", Scope.UNSPECIFIED), ("2606:4700::1", Scope.PUBLIC),
    ],
)  # fmt: skip
def test_an_address_knows_from_where_it_is_reached(address: str, scope: Scope) -> None:
    """Metadata services are told apart from everything else, whatever they are written as."""
    assert scope_of(address) is scope


def test_public_names_are_those_that_the_world_resolves_alike() -> None:
    """Container names, zones of one's own and addresses are none."""
    assert is_public_name("api.example.com")
    assert not any(
        is_public_name(name) for name in ("backend", "db.internal", "printer.local", "10.0.0.1", "localhost")
    )
