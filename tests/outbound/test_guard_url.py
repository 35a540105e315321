"""Addresses as the one reader takes them, and rules as operators write them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.outbound.blocked import Blocked, Cause
from mattegate.outbound.guard_rules import OutboundRules
from mattegate.outbound.guard_url import Target, read_url, redirected
from tests.outbound.test_ssrf_spellings import mutated


@pytest.mark.parametrize(
    ("url", "target"),
    [("http://example.com", Target("http", "example.com", 80, "/")),
     ("HTTPS://EXAMPLE.com:443/a/../b?c=d#e", Target("https", "example.com", 443, "/a/../b?c=d")),
     ("https://a-b.xn--bcher-kva.example:8443?x", Target("https", "a-b.xn--bcher-kva.example", 8443, "/?x")),
     ("http://8.8.8.8/", Target("http", "8.8.8.8", 80, "/", IPv4Address("8.8.8.8"))),
     ("http://[2606:4700:0:0::1]:81/", Target("http", "2606:4700::1", 81, "/", IPv6Address("2606:4700::1"))),
     ("https://bucket.s3.example/a%20b/ü?X-Amz-Credential=A%2F1&q=\"|", Target(
         "https", "bucket.s3.example", 443, "/a%20b/%C3%BC?X-Amz-Credential=A%2F1&q=%22%7C")),
     ("http://3com.example/", Target("http", "3com.example", 80, "/")),
     ("http://0x7f.example/", Target("http", "0x7f.example", 80, "/"))],
)  # fmt: skip
def test_ordinary_addresses_are_read(url: str, target: Target) -> None:
    """Case, default ports, numbers inside names, and paths that need encoding."""
    assert read_url(url) == target
    assert read_url(str(target)) == target


@pytest.mark.parametrize("port", ["65536", "70000", "99999", "100000", "0", "01"])
def test_what_is_no_port_is_refused_whatever_the_rules(port: str) -> None:
    """Before a rule could name it."""
    with pytest.raises(Blocked, match="port"):
        OutboundRules().trusting(f"http://example.com:{port}/")


def test_what_is_sent_and_told_of_an_address() -> None:
    """The Host header leaves a usual port out; what is told leaves the path out."""
    assert read_url("https://A.example:443/x").authority == "a.example"
    assert read_url("http://a.example:443/x").authority == "a.example:443"
    assert read_url("http://[::1]:81/x?secret").origin == "http://[::1]:81"


@given(mutated())
@settings(max_examples=500, deadline=None)
def test_whatever_is_read_is_read_alike_by_the_standard_library(text: str) -> None:
    """Two readers, one host and port; and what is read is ASCII and reads back as the same."""
    try:
        target = read_url(text.replace("{p}", "8080"))
    except Blocked as blocked:
        assert blocked.cause in {Cause.URL, Cause.SCHEME, Cause.HOST, Cause.PORT}  # noqa: PT017 - either end is right
        return
    other = urlsplit(str(target))
    assert (other.scheme, other.hostname) == (target.scheme, target.host)
    assert (other.port or {"http": 80, "https": 443}[other.scheme]) == target.port
    assert str(target).isascii()
    assert read_url(str(target)) == target


@given(st.one_of(mutated().map(lambda text: text.encode("utf-8", "surrogatepass")), st.binary(max_size=40)))
@settings(max_examples=500, deadline=None)
def test_no_location_ends_untyped(location: bytes) -> None:
    """Whatever a server redirects to: a target of the web, or a typed refusal."""
    try:
        target = redirected(read_url("https://example.com/a/b?c"), location)
    except Blocked:
        return
    assert target == read_url(str(target))


@pytest.mark.parametrize(
    ("location", "url"),
    [("d", "https://example.com/a/d"), ("/d", "https://example.com/d"), ("?d", "https://example.com/a/b?d"),
     ("//other.example/d", "https://other.example/d"), ("http://other.example", "http://other.example/"),
     ("../../../d", "https://example.com/d"), ("#d", "https://example.com/a/b?c"), (";d", "https://example.com/a/;d")],
)  # fmt: skip
def test_a_location_is_relative_to_where_it_was_said(location: str, url: str) -> None:
    """As RFC 3986, section 5, resolves references."""
    assert str(redirected(read_url("https://example.com/a/b?c"), location.encode())) == url


def test_what_an_operator_writes_down_is_trusted_as_far_as_it_goes() -> None:
    """A number and ``localhost`` mean themselves; of a name only the port is said."""
    plain = OutboundRules()
    assert plain.trusting("http://10.1.2.3:9000/x").allow_networks == (ip_network("10.1.2.3/32"),)
    assert plain.trusting("http://[fd12::1]/").allow_networks == (ip_network("fd12::1/128"),)
    assert plain.trusting("http://localhost:9000/").allow_networks == (ip_network("127.0.0.0/8"), ip_network("::1/128"))
    named = plain.trusting("https://idp.example:8443/")
    assert (named.allow_networks, named.ports) == ((), frozenset({80, 443, 8443}))


@pytest.mark.parametrize(
    "bounds",
    [{"connect_s": 0.0}, {"stall_s": -1.0}, {"total_s": 0.0}, {"max_bytes": -1}, {"redirects": -1},
     {"ports": frozenset({0})}, {"ports": frozenset({65_536})}],
)  # fmt: skip
def test_bounds_that_bound_nothing_are_refused(bounds: dict[str, object]) -> None:
    """When they are made."""
    with pytest.raises(ValueError, match="outbound rules"):
        OutboundRules(**bounds)  # type: ignore[arg-type]
