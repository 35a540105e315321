"""Covered components one by one: their values as RFC 9421 gives them, and those from which nothing can be signed."""

from __future__ import annotations

from dataclasses import replace
from time import process_time

import pytest

from mattegate.signing.message import Message
from mattegate.signing.message_signature.base import signature_base, signature_input
from mattegate.signing.message_signature.component import component_named
from mattegate.signing.message_signature.values import Values
from mattegate.signing.refused import Refused

REQUEST = Message(
    "POST",
    b"/path%2F%7euser/",
    b"param=value&foo=bar&baz=batman&qux=&var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace"
    b"&fa%C3%A7ade%22%3A%20=something&twice=1&twice=2&bad=%FF",
    (
        (b"host", b"www.example.com"),
        (b"x-ows", b"   Leading and trailing whitespace.  \t"),
        (b"x-fold", b"Obsolete\r\n    line folding. "),
        (b"cache-control", b"max-age=60"),
        (b"x-empty", b""),
        (b"cache-control", b"   must-revalidate"),
        (b"example-dict", b"  a=1,    b=2;x=1;y=2,   c=(a   b   c), d"),
        (b"content-digest", b"sha-256=:AAAA:  ,sha-512=:AAAA:"),
        (b"x-binary", b"\xff\xfe"),
        (b"x-two", b"value, with, lots"),
        (b"x-two", b"of, commas"),
        (b"x-tab", b"a\tb"),
        (b"x-control", b"a\x01b"),
    ),
    "HTTPS",
    "WWW.Example.com:443",
)


@pytest.mark.parametrize(
    ("component", "value"),
    [
        ("@method", "POST"),
        ("@target-uri", None),
        ("@authority", "www.example.com"),
        ("@scheme", "https"),
        ("@path", "/path%2F%7euser/"),
        ('"@query-param";name="baz"', "batman"),
        ('"@query-param";name="qux"', ""),
        ('"@query-param";name="param"', "value"),
        ('"@query-param";name="var"', "this%20is%20a%20big%0Amultiline%20value"),
        ('"@query-param";name="bar"', "with%20plus%20whitespace"),
        ('"@query-param";name="fa%C3%A7ade%22%3A%20"', "something"),
        ("x-ows", "Leading and trailing whitespace."),
        ("x-fold", "Obsolete line folding."),
        ("cache-control", "max-age=60, must-revalidate"),
        ('"cache-control";sf', "max-age=60, must-revalidate"),
        ("x-empty", ""),
        ("example-dict", "a=1,    b=2;x=1;y=2,   c=(a   b   c), d"),
        ('"example-dict";key="a"', "1"),
        ('"example-dict";key="d"', "?1"),
        ('"example-dict";key="b"', "2;x=1;y=2"),
        ('"example-dict";key="c"', "(a b c)"),
        ('"content-digest";sf', "sha-256=:AAAA:, sha-512=:AAAA:"),
        ('"content-digest";key="sha-512"', ":AAAA:"),
        ('"x-binary";bs', "://4=:"),
        ('"x-two";bs', ":dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:"),
        ("x-tab", "a\tb"),
    ],
)
def test_values_are_those_of_the_rfc(component: str, value: str | None) -> None:
    """Most are the examples of sections 2.1 and 2.2."""
    query = REQUEST.query.decode()
    expected = f"https://www.example.com/path%2F%7euser/?{query}" if value is None else value
    assert Values(REQUEST).value(component_named(component)) == expected


def test_addresses_without_path_or_query() -> None:
    """An empty path is a slash, and no query is a question mark (sections 2.2.6 and 2.2.7)."""
    bare = Values(Message("GET", b"", b"", (), "http", "localhost:8000"))
    found = [bare.value(component_named(f"@{name}")) for name in ("path", "query", "request-target", "target-uri")]
    assert found == ["/", "?", "/", "http://localhost:8000/"]


@pytest.mark.parametrize(
    ("scheme", "host", "authority"),
    [
        ("https", "Example.COM:443", "example.com"),
        ("http", "example.com:80", "example.com"),
        ("https", "example.com:80", "example.com:80"),
        ("http", "[::1]:8000", "[::1]:8000"),
        ("https", "[2001:DB8::443]", "[2001:db8::443]"),
    ],
)
def test_the_scheme_s_own_port_is_left_out(scheme: str, host: str, authority: str) -> None:
    """Section 2.2.3; the last group of an address is no port."""
    assert Values(replace(REQUEST, scheme=scheme, authority=host)).value(component_named("@authority")) == authority


@pytest.mark.parametrize(
    ("component", "code", "words"),
    [
        ("x-absent", "signature.component", "not there"),
        ('"example-dict";key="z"', "signature.component", "not there"),
        ('"x-ows";key="z"', "signature.malformed", "structured field"),
        ('"x-ows";sf', "signature.malformed", "not known"),
        ("x-binary", "signature.component", ";bs"),
        ("x-control", "signature.component", "printable"),
        ('"@query-param";name="twice"', "signature.component", "2 times"),
        ('"@query-param";name="none"', "signature.component", "0 times"),
        ('"@query-param";name="bad"', "signature.component", "UTF-8"),
        ("@query-param", "signature.component", "name"),
        ('"@query-param";name=1', "signature.component", "parameters"),
        ('"@method";sf', "signature.component", "parameters"),
        ('"@method";req', "signature.component", "responses"),
        ('"x-ows";req', "signature.component", "responses"),
        ('"x-ows";tr', "signature.component", "trailers"),
        ('"x-ows";bs;sf', "signature.component", "contradict"),
        ('"x-ows";bs;key="a"', "signature.component", "contradict"),
        ('"x-ows";sf=?0', "signature.component", "wrong type"),
        ('"x-ows";key=a', "signature.component", "wrong type"),
        ('"x-ows";other', "signature.component", "unknown"),
        ("X-Ows", "signature.component", "small letters"),
        ("@status", "signature.component", "kind of message"),
        ("@signature-params", "signature.component", "neither"),
        ("@unheard-of", "signature.component", "neither"),
        ("", "signature.component", "neither"),
        ("a\nb", "signature.component", "neither"),
    ],
)
def test_what_cannot_be_signed_says_why(component: str, code: str, words: str) -> None:
    """Never a guess, and never an empty value in place of one that is not there."""
    with pytest.raises(Refused) as refused:
        Values(REQUEST).value(component_named(component))
    assert refused.value.verdict.code == code
    assert words in str(refused.value.verdict.facts)


def test_hostile_heads_cost_little() -> None:
    """Spaces by the thousand and queries of thousands of parameters are read once, in one pass."""
    query = b"&".join(b"%d=x" % n for n in range(6000))
    message = Message("GET", b"/", query, ((b"x-spaces", b"x" + b" " * 30_000 + b"x"),))
    names = ("x-spaces", *(f'"@query-param";name="{n}"' for n in range(30)))
    before = process_time()
    values = Values(message)
    assert [values.value(component_named(name)) for name in names][1:] == ["x"] * 30
    assert process_time() - before < 0.2


def test_a_component_is_covered_once() -> None:
    """Whatever the order of its parameters."""
    same = (component_named('"example-dict";key="a";sf'), component_named('"example-dict";sf;key="a"'))
    assert same[0].identifier != same[1].identifier
    with pytest.raises(Refused, match="ambiguous"):
        signature_input(same, {})


def test_the_base_is_made_of_lines() -> None:
    """Identifier, colon, space, value; the parameters last (section 2.5)."""
    components = (component_named("@method"), component_named('"example-dict";key="b"'))
    base = signature_base(signature_input(components, {"created": 1, "keyid": 'a"b'}), REQUEST)
    assert base.text.decode().splitlines() == [
        '"@method": POST',
        '"example-dict";key="b": 2;x=1;y=2',
        '"@signature-params": ("@method" "example-dict";key="b");created=1;keyid="a\\"b"',
    ]


def test_a_response_has_a_status_and_no_address() -> None:
    """Only for published vectors: the product verifies requests."""
    response = Values(REQUEST, status=200)
    assert response.value(component_named("@status")) == "200"
    with pytest.raises(Refused):
        response.value(component_named("@method"))
