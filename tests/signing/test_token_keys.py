"""Published keys: which are taken, which are left out and why, and how each is named by its own bytes."""

from __future__ import annotations

import json
from math import prod

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from mattegate.signing.tokens import base64url
from mattegate.signing.tokens.jwk import JsonWebKey, Unusable, read_key
from mattegate.signing.tokens.key_set import KeySet, KeySetError, needs_refresh, read_key_set
from mattegate.signing.tokens.stated import StatedToken
from mattegate.signing.weakness import weak_rsa
from tests.signing.token_makers import b64, ec_signer, ed_signer, number, published, rsa_signer

RSA, EC, ED = rsa_signer().jwk, ec_signer().jwk, ed_signer().jwk

RFC_7638 = {
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjB"
    "ZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8"
    "KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_"
    "xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    "e": "AQAB",
    "alg": "RS256",
    "kid": "2011-04-29",
}
RFC_8037 = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}


def test_thumbprints_are_those_of_the_standards() -> None:
    """The examples of RFC 7638, section 3.1, and RFC 8037, appendix A.3."""
    assert read_key(RFC_7638).thumbprint == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert read_key(RFC_8037).thumbprint == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_a_number_with_zeros_in_front_is_the_same_key() -> None:
    """Some issuers write them; the name of the key must not depend on it."""
    padded = b64(b"\0" + int.to_bytes(rsa_number(RSA["n"]), 256, "big"))
    assert read_key({**RSA, "n": padded}).thumbprint == read_key(RSA).thumbprint


def rsa_number(text: str) -> int:
    """The number in a member of a key."""
    return int.from_bytes(base64url.decode(text) or b"", "big")


TAKEN = [
    RSA, EC, ED, RFC_8037,
    {**RSA, "alg": "PS256"}, {**ED, "alg": "EdDSA"}, {**ED, "alg": "Ed25519"}, {**EC, "use": "sig"},
    {**EC, "key_ops": ["verify"]}, {**EC, "key_ops": ["sign", "verify"], "use": "sig"},
    {**EC, "x5c": ["MIIB"], "x5u": "https://evil.example", "unheard": 1},
]  # fmt: skip


@pytest.mark.parametrize("members", TAKEN, ids=str)
def test_sound_keys_are_taken(members: dict[str, object]) -> None:
    """Every kind, with and without what they are for; certificates in them count for nothing."""
    key = read_key(members)
    assert read_key(key.members()).thumbprint == key.thumbprint
    assert "x5c" not in key.members()


SMALL = [
    bytes(32), b"\1" + bytes(31), bytes(31) + b"\x80", b"\xec" + b"\xff" * 30 + b"\x7f",
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
    b"\xee" + b"\xff" * 30 + b"\x7f",
]  # fmt: skip
PRIMES = [n for n in range(3, 168) if all(n % d for d in range(2, n))]
ROCA = pow(65537, 1_234_567, prod(PRIMES)) + prod(PRIMES) * (2**1900 + 1)
LEFT_OUT = [
    ({"kty": "oct", "k": "AAAA"}, "private or shared"),
    ({**RSA, "d": "AQ"}, "private or shared"),
    ({**EC, "d": "AQ"}, "private or shared"),
    ({**ED, "k": "AQ"}, "private or shared"),
    ({**RSA, "oth": []}, "private or shared"),
    ({**RSA, "use": "enc"}, "use"),
    ({**RSA, "use": ["sig"]}, "use"),
    ({**EC, "key_ops": ["encrypt"]}, "key_ops"),
    ({**EC, "key_ops": []}, "key_ops"),
    ({**EC, "key_ops": "verify"}, "key_ops"),
    ({**RSA, "alg": "RSA-OAEP"}, "RSA-OAEP"),
    ({**RSA, "alg": "ES256"}, "ES256"),
    ({**RSA, "alg": "HS256"}, "HS256"),
    ({**EC, "alg": "ES384"}, "ES384"),
    ({**EC, "alg": 7}, "alg is not a text"),
    ({**EC, "kid": "k" * 300}, "kid is not a text"),
    ({**EC, "kty": "AKP"}, "of kind 'AKP'"),
    ({"kid": "x"}, "of kind ''"),
    ({**EC, "crv": "secp256k1"}, "on the curve 'secp256k1'"),
    ({**EC, "crv": "P-384"}, "wrong length"),
    ({**EC, "y": EC["x"]}, "no key"),
    ({**EC, "x": b64(bytes(32)), "y": b64(bytes(32))}, "no key"),
    ({**EC, "x": EC["x"] + "="}, "x is not base64url"),
    ({**EC, "x": None}, "x is not base64url"),
    ({**ED, "crv": "X25519"}, "X25519"),
    ({**ED, "crv": "Ed448"}, "Ed448"),
    ({**ED, "x": b64(b"\7" * 31)}, "wrong length"),
    *(({**ED, "x": b64(point)}, "small order" if point[0] != 0xEE else "one spelling") for point in SMALL),
    ({**RSA, "n": number(2**1024 + 1)}, "1025 bits"),
    ({**RSA, "n": number(2**8192 + 1)}, "8193 bits"),
    ({**RSA, "n": number(rsa_number(RSA["n"]) + 1)}, "factored"),
    ({**RSA, "n": number(ROCA)}, "factored"),
    ({**RSA, "e": "AQ"}, "exponent"),
    ({**RSA, "e": "Ag"}, "exponent"),
    ({**RSA, "e": number(2**65 + 1)}, "exponent"),
    ({**RSA, "n": ""}, "n is not base64url"),
    ("text", "not an object"),
    (None, "not an object"),
]


@pytest.mark.parametrize(("members", "why"), LEFT_OUT, ids=lambda part: str(part)[:60])
def test_other_keys_are_left_out_with_a_note(members: object, why: str) -> None:
    """Private, shared, for another use, too weak, or no key at all: the note says which, and the others still serve."""
    with pytest.raises(Unusable, match=why):
        read_key(members)
    keys = read_key_set(json.dumps({"keys": [members, ED]}).encode())
    assert [key.kid for key in keys.keys] == ["ed-1"]
    assert len(keys.notes) == 1
    assert why in keys.notes[0]


def test_a_note_shows_no_secret() -> None:
    """The private number of a key that was published by mistake stays out of the log."""
    keys = read_key_set(json.dumps({"keys": [{**EC, "d": "c2VjcmV0"}]}).encode())
    assert "c2VjcmV0" not in str(keys)


def test_under_a_key_of_small_order_one_signature_fits_everything() -> None:
    """Why such keys are refused: the library below verifies this for any text whatever."""
    neutral = b"\1" + bytes(31)
    for text in (b"one", b"another"):
        Ed25519PublicKey.from_public_bytes(neutral).verify(neutral + bytes(32), text)


def test_sound_moduli_do_not_have_the_mark() -> None:
    """The mark of keys that can be factored is on the one made for it, and on no honest one."""
    assert ROCA.bit_length() >= 2048
    assert weak_rsa(ROCA | 1, 65537) or weak_rsa(ROCA, 65537)
    assert weak_rsa(rsa_number(RFC_7638["n"]), 65537) == ""


DOCUMENTS = [
    b"", b"[]", b"{}", b'{"keys": {}}', b'{"keys": null}', b"\xff", b'{"keys": [], "keys": []}', b" " * 300_000,
    json.dumps({"keys": [{}] * 101}).encode(), b'{"keys": [NaN]}', b"<html>",
]  # fmt: skip


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document[:20]))
def test_a_document_that_is_no_key_set_is_an_error_of_its_issuer(document: bytes) -> None:
    """Whoever fetches it keeps the keys it had."""
    with pytest.raises(KeySetError, match=r"."):
        read_key_set(document)


@given(st.binary())
def test_no_document_raises_anything_else(document: bytes) -> None:
    """Whatever an issuer publishes."""
    with pytest.raises(KeySetError):
        read_key_set(document)


def test_a_key_that_stands_twice_is_one() -> None:
    """Some issuers publish a key under every use it has."""
    assert len(published(ED, {**ED, "use": "sig"}).keys) == 1


def stated(key_id: str, algorithm: str = "EdDSA") -> StatedToken:
    """What a token states, as far as keys care."""
    return StatedToken("https://id.example", key_id, algorithm, "at+jwt")


@pytest.mark.parametrize(
    ("keys", "token", "needed"),
    [
        (published(ED), stated("ed-1"), False),
        (published(ED), stated("ed-1", "ES256"), False),
        (published(ED), stated("ed-2"), True),
        (published(ED), stated(""), False),
        (published(ED), stated("", "ES256"), True),
        (KeySet(), stated("ed-1"), True),
    ],
)
def test_the_issuer_is_asked_again_only_where_it_can_help(keys: KeySet, token: StatedToken, needed: bool) -> None:
    """A key that is there and does not fit will not fit later."""
    assert needs_refresh(keys, token) is needed


@given(st.binary())
def test_base64url_has_one_spelling(data: bytes) -> None:
    """What is written is read back; with padding, in the other alphabet or with a blank it is not."""
    text = base64url.encode(data)
    assert base64url.decode(text) == data
    assert base64url.decode(text + "=") is None
    assert base64url.decode(text + "\n") is None


@given(st.text())
def test_base64url_reads_only_what_it_writes(text: str) -> None:
    """Whatever is read, writing it gives the same text."""
    data = base64url.decode(text)
    assert data is None or base64url.encode(data) == text


def test_a_key_is_meant_for_one_algorithm_where_it_says_so() -> None:
    """RSA keys fit six algorithms, unless ``alg`` names one."""
    anything, one = read_key(RSA), read_key({**RSA, "alg": "PS256"})
    assert anything.fits("RS256")
    assert anything.fits("PS512")
    assert one.fits("PS256")
    assert not one.fits("RS256")
    assert not anything.fits("ES256")
    assert not anything.fits("HS256")
    assert isinstance(one, JsonWebKey)
