"""Stories of certificates in headers: both spellings, and whatever is neither."""

from __future__ import annotations

import base64
from contextlib import suppress
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from mattegate.signing.passed_certificate import MOST_BYTES, passed_certificate
from tests.signing.authority import Authority

ALICE = Authority("below", issuer=Authority("root")).issue("alice")


def _binary(der: bytes) -> bytes:
    return b":" + base64.b64encode(der) + b":"


def test_the_standard_spelling_has_a_certificate_and_a_chain() -> None:
    """RFC 9440: byte sequences, the chain in one line or several, with or without spaces, parameters ignored."""
    below, root = ALICE.chain_der[0], ALICE.der
    headers = [(b"client-cert", _binary(ALICE.der)), (b"client-cert-chain", _binary(below) + b" , " + _binary(root))]
    assert passed_certificate(headers, "client-cert") == (ALICE.der, below, root)
    headers[1:] = [(b"client-cert-chain", _binary(below)), (b"client-cert-chain", _binary(root) + b";x=1")]
    assert passed_certificate(headers, "client-cert") == (ALICE.der, below, root)


def test_the_spelling_of_nginx_is_pem_with_percent_encoding() -> None:
    """As ``$ssl_client_escaped_cert`` has it."""
    escaped = quote(ALICE.certificate.public_bytes(Encoding.PEM).decode(), safe="").encode()
    assert passed_certificate([(b"x-ssl-client-cert", escaped)], "x-ssl-client-cert") == (ALICE.der,)


@pytest.mark.parametrize("spelling", ["client-cert", "x-ssl-client-cert"])
def test_a_client_without_a_certificate_has_no_header_or_an_empty_one(spelling: str) -> None:
    """nginx leaves out headers with empty values, others send them."""
    other = "x-ssl-client-cert" if spelling == "client-cert" else "client-cert"
    assert passed_certificate([], spelling) == ()
    assert passed_certificate([(spelling.encode(), b"")], spelling) == ()
    assert passed_certificate([(other.encode(), b":AAAA:")], spelling) == ()


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        ([(b"client-cert", b"AAAA")], "byte sequence"),
        ([(b"client-cert", b'"AAAA"')], "something else than a byte sequence"),
        ([(b"client-cert", b"::")], "something else"),
        ([(b"client-cert", b":AAAA:, :AAAA:")], "no byte sequence"),
        ([(b"client-cert", b":AAAA:"), (b"client-cert", b":AAAA:")], "stands there 2 times"),
        ([(b"client-cert", b":" + b"A" * MOST_BYTES + b":")], "longer than"),
        ([(b"client-cert", b":AAAA:"), (b"client-cert-chain", b"x y")], "no list of byte sequences"),
        ([(b"client-cert", b":AAAA:"), (b"client-cert-chain", b"(:AAAA:)")], "something else"),
        ([(b"client-cert", b":AAAA:"), (b"client-cert-chain", b", ".join([b":AAAA:"] * 9))], "more than 8"),
    ],
)
def test_what_is_no_certificate_in_a_header_says_why(headers: list[tuple[bytes, bytes]], problem: str) -> None:
    """In words for the operator."""
    with pytest.raises(ValueError, match=problem):
        passed_certificate(headers, "client-cert")


@pytest.mark.parametrize("value", [b"AAAA", b"-----BEGIN%20CERTIFICATE-----", b"%ff%ff", b"%"])
def test_escaped_rubbish_is_no_certificate(value: bytes) -> None:
    """Neither are bytes beyond ASCII."""
    with pytest.raises(ValueError, match="no certificate in PEM"):
        passed_certificate([(b"x-ssl-client-cert", value)], "x-ssl-client-cert")


@given(
    value=st.binary(max_size=200),
    chain=st.binary(max_size=200),
    spelling=st.sampled_from(["client-cert", "x-ssl-client-cert"]),
)
def test_any_bytes_are_a_certificate_or_a_value_error(value: bytes, chain: bytes, spelling: str) -> None:
    """Never another error."""
    with suppress(ValueError):
        found = passed_certificate([(spelling.encode(), value), (b"client-cert-chain", chain)], spelling)
        assert all(isinstance(each, bytes) for each in found)
