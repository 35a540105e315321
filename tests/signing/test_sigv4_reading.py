"""Signature Version 4: what a head states, and in which words it is told that it cannot be read."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.signing.message import VERIFIED, BodyCover, Message, Stated, Verdict
from mattegate.signing.sigv4 import EMPTY_SHA256, UNSIGNED_PAYLOAD, read, sign, unsigned, verify
from tests.signing.signed_requests import (
    AT,
    BARE,
    DATE,
    DIGEST,
    HOST,
    RULES,
    SECRET,
    presigned,
    signed,
    verdict,
    with_authorization,
    with_header,
    with_query,
)


def test_a_header_states_everything_but_the_proof() -> None:
    """Key, times, cover, digest and scope come out; the signature is what makes it one-time."""
    stated = read(signed(), RULES)
    assert isinstance(stated, Stated)
    assert (stated.scheme, stated.key_id, stated.algorithm) == ("sigv4", "AKID", "AWS4-HMAC-SHA256")
    assert (stated.created, stated.expires) == (AT, None)
    assert stated.covered == ("content-type", "host", "x-amz-content-sha256", "x-amz-date")
    assert (stated.body, stated.digest) == (BodyCover.DIGEST, DIGEST)
    assert len(stated.nonce) == 64
    assert stated.nonce not in repr(signed())  # which would be a presigned address, to whoever reads records
    assert stated.particulars == {
        "date": "20260724T120000Z",
        "day": "20260724",
        "region": "eu-1",
        "service": "mattegate",
        "terminator": "aws4_request",
    }


def test_an_address_states_how_long_it_lives() -> None:
    """A presigned address has an end of its own, and by default covers the body as it will come."""
    stated = read(presigned(), RULES)
    assert isinstance(stated, Stated)
    assert (stated.scheme, stated.created, stated.expires) == ("sigv4-query", AT, AT + 600)
    assert (stated.body, stated.digest) == (BodyCover.WHOLE, "")


def test_a_request_without_a_signature_is_none_of_ours() -> None:
    """Other credentials are left to whom they belong; where a signature was demanded, AWS's words say what lacks."""
    bearer = replace(BARE, headers=(HOST, (b"authorization", b"Bearer token")))
    assert read(BARE, RULES) is None
    assert read(bearer, RULES) is None
    assert (
        read(replace(BARE, query=b"image_url=https%3A%2F%2Fb%2Fk%3FX-Amz-Signature%3D0&no-x-amz-signature=1"), RULES)
        is None
    )
    assert unsigned(BARE) == Verdict("signature.missing", {"aws": "Missing Authentication Token"})
    told = unsigned(bearer)
    assert (told.code, told.facts["missing"]) == (
        "signature.incomplete",
        "Credential, Signature, SignedHeaders, X-Amz-Date",
    )
    assert told.facts["aws"] == (
        "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. "
        "Authorization header requires 'SignedHeaders' parameter. "
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
    )
    assert "token" not in str(told.facts["aws"])
    assert "Date" not in str(unsigned(replace(bearer, headers=(*bearer.headers, DATE))).facts["missing"])


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256", "signature.algorithm"),
        ("AWS4-HMAC-SHA256", "aws4-hmac-sha256", "signature.algorithm"),
        ("SignedHeaders=", "Signed=", "signature.malformed"),
        ("Credential=", "Credential", "signature.malformed"),
        (", Sig", ",, Sig", "signature.malformed"),
        ("Signature=", "Credential=a, Signature=", "signature.ambiguous"),
        ("/aws4_request", "", "signature.credential"),
        ("AKID/", "AK/ID/", "signature.credential"),
        ("AKID/", "/", "signature.credential"),
        ("AKID/", "AK\x07ID/", "signature.credential"),
        ("host;", "Host;", "signature.malformed"),
        ("host;", "host,", "signature.malformed"),
        ("content-type;host", "host;content-type", "signature.malformed"),
        ("content-type;host", "content-type;host;host", "signature.malformed"),
        ("SignedHeaders=", "SignedHeaders=" + "a" * 257 + ";", "signature.malformed"),
        ("SignedHeaders=", "SignedHeaders=" + "".join(f"a{at:03};" for at in range(128)), "signature.malformed"),
        ("Signature=", "Signature=0", "signature.malformed"),
        ("Signature=", "Signature=A", "signature.malformed"),
        ("SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date", "SignedHeaders=", "signature.incomplete"),
    ],
)
def test_an_authorization_that_cannot_be_read_is_told_why(old: str, new: str, code: str) -> None:
    """Each mistake in the header has its reason, and none of them is an exception."""
    told = read(with_authorization(old, new), RULES)
    assert isinstance(told, Verdict)
    assert told.code == code


@pytest.mark.parametrize(
    ("part", "left"), [("Credential", ["Signature", "SignedHeaders"]), ("Signature", ["Credential", "SignedHeaders"])]
)
def test_each_missing_part_is_named(part: str, left: list[str]) -> None:
    """What is there is not named, and what lacks is, each in AWS's sentence."""
    message = with_header(signed(), b"authorization", lambda _: f"AWS4-HMAC-SHA256 {part}=x".encode())
    told = read(message, RULES)
    assert isinstance(told, Verdict)
    assert (told.code, told.facts["missing"]) == ("signature.incomplete", ", ".join(left))
    assert told.facts["aws"] == " ".join(f"Authorization header requires '{name}' parameter." for name in left)


@pytest.mark.parametrize("spacing", [",", ", ", ",   ", " , "])
def test_spaces_around_commas_and_the_order_do_not_matter(spacing: str) -> None:
    """As AWS takes it."""
    message = signed()
    scheme, _, rest = message.values(b"authorization")[0].decode().partition(" ")
    header = f"{scheme} {spacing.join(reversed(rest.split(', ')))}".encode()
    assert verdict(with_header(message, b"authorization", lambda _: header)) is VERIFIED


@pytest.mark.parametrize(
    ("old", "new", "code", "named"),
    [
        ("X-Amz-Algorithm=AWS4-HMAC-SHA256&", "", "signature.incomplete", "X-Amz-Algorithm"),
        ("X-Amz-Date=", "X-Amz-Dates=", "signature.incomplete", "X-Amz-Date"),
        ("X-Amz-Signature=", "x-amz-signature=", "signature.incomplete", "X-Amz-Signature"),
        ("X-Amz-Expires=600", "X-Amz-Expires=", "signature.incomplete", "X-Amz-Expires"),
        ("X-Amz-Expires=600", "X-Amz-Expires=604801", "signature.expires", "604801"),
        ("X-Amz-Expires=600", "X-Amz-Expires=0", "signature.expires", "0"),
        ("X-Amz-Expires=600", "X-Amz-Expires=-600", "signature.expires", "-600"),
        ("X-Amz-Expires=600", "X-Amz-Expires=1e3", "signature.expires", "1e3"),
        ("X-Amz-Expires=600", "X-Amz-Expires=%D9%A1", "signature.expires", "Ù"),
        ("X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Algorithm=AWS4-HMAC-SHA1", "signature.algorithm", "SHA1"),
        ("X-Amz-Date=20260724T", "X-Amz-Date=2026-07-24T", "signature.date_format", "2026-07-24T120000Z"),
        ("X-Amz-Expires=600", "X-Amz-Expires=600&X-Amz-Expires=600", "signature.ambiguous", "X-Amz-Expires"),
        ("X-Amz-Expires=600", "X-Amz-Expires=600&X-Amz-Content-Sha256=x", "signature.payload_hash", "x"),
    ],
)
def test_a_presigned_address_that_cannot_be_read_is_told_why(old: str, new: str, code: str, named: str) -> None:
    """Missing, doubled and impossible parameters, each by its name."""
    told = read(with_query(old, new), RULES)
    assert isinstance(told, Verdict)
    assert told.code == code
    assert named.encode("ascii", "replace").decode() in f"{told.facts}" or named in f"{told.facts}"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ((), "signature.date_missing"),
        (((b"x-amz-date", b"2026-07-24T12:00:00Z"),), "signature.date_format"),
        (((b"x-amz-date", b"20261324T120000Z"),), "signature.date_format"),
        (((b"x-amz-date", b"20260724T120060Z"),), "signature.date_format"),
        (((b"x-amz-date", b"Fri, 24 Jul 2026 12:00:00 GMT"),), "signature.date_format"),
        (((b"date", b"Fri, 31 Feb 2026 12:00:00 GMT"),), "signature.date_format"),
        (((b"date", b"yesterday"),), "signature.date_format"),
        ((DATE, DATE), "signature.ambiguous"),
    ],
)
def test_a_date_that_is_missing_or_misspelled_is_told(headers: tuple[tuple[bytes, bytes], ...], code: str) -> None:
    """The basic format in ``X-Amz-Date``; in ``Date`` also that of HTTP."""
    message = with_header(signed(), b"x-amz-date", lambda _: None)
    told = read(replace(message, headers=(*message.headers, *headers)), RULES)
    assert isinstance(told, Verdict)
    assert told.code == code


def test_a_misspelled_date_is_told_in_the_words_of_aws() -> None:
    """With what was sent, which the caller would not believe otherwise."""
    told = read(with_header(signed(), b"x-amz-date", lambda _: b"2026-07-24"), RULES)
    assert isinstance(told, Verdict)
    assert str(told.facts["aws"]).startswith("Date must be in ISO-8601 'basic format'. Got '2026-07-24'.")


@pytest.mark.parametrize("zone", ["GMT", "-0000", "+0000"])
def test_the_date_header_counts_where_there_is_no_other(zone: str) -> None:
    """Signers that set ``Date`` write it as HTTP or as mail does."""
    message = with_header(signed(), b"x-amz-date", lambda _: None)
    date = (b"date", f"Fri, 24 Jul 2026 12:00:00 {zone}".encode())
    stated = read(replace(message, headers=(*message.headers, date)), RULES)
    assert isinstance(stated, Stated)
    assert (stated.created, stated.particulars["date"]) == (AT, "20260724T120000Z")


@pytest.mark.parametrize(
    ("stated", "code"),
    [
        (UNSIGNED_PAYLOAD, "signature.payload_unsigned"),
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "signature.payload_streaming"),
        ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", "signature.payload_streaming"),
        ("", "signature.payload_hash"),
        (DIGEST.upper(), "signature.payload_hash"),
        (DIGEST[:-1], "signature.payload_hash"),
    ],
)
def test_what_is_no_hash_of_the_body_is_refused_by_its_own_reason(stated: str, code: str) -> None:
    """Words instead of a hash, and hashes that are none."""
    told = read(with_header(signed(), b"x-amz-content-sha256", lambda _: stated.encode()), RULES)
    assert isinstance(told, Verdict)
    assert told.code == code


@pytest.mark.parametrize(
    ("method", "framing", "cover", "digest"),
    [
        ("GET", (), BodyCover.DIGEST, EMPTY_SHA256),
        ("POST", (), BodyCover.WHOLE, ""),
        ("POST", ((b"content-length", b"0"),), BodyCover.DIGEST, EMPTY_SHA256),
        ("POST", ((b"content-length", b"12"),), BodyCover.WHOLE, ""),
        ("GET", ((b"content-length", b"12"),), BodyCover.WHOLE, ""),
        ("GET", ((b"transfer-encoding", b"chunked"),), BodyCover.WHOLE, ""),
    ],
)
def test_without_a_stated_hash_a_body_is_covered_as_a_whole(
    method: str, framing: tuple[tuple[bytes, bytes], ...], cover: BodyCover, digest: str
) -> None:
    """And where there is no body, nothing has to be read to know its hash."""
    bare = Message(method, b"/", b"", (HOST, *framing))
    added = sign(bare, key_id="AKID", secret=SECRET, at=AT, rules=RULES, state_payload=False)
    message = replace(bare, headers=(*bare.headers, *added))
    stated = read(message, RULES)
    assert isinstance(stated, Stated)
    assert (stated.body, stated.digest) == (cover, digest)
    assert verify(message, stated, SECRET, at=AT, rules=RULES, body_sha256=EMPTY_SHA256) is VERIFIED
    unread = verify(message, stated, SECRET, at=AT, rules=RULES)
    assert unread.code == ("internal.error" if cover is BodyCover.WHOLE else "")


def test_two_signatures_are_one_too_many() -> None:
    """Header and address, or two headers: which one counts is not for us to choose."""
    both = replace(signed(), query=presigned().query)
    twice = replace(signed(), headers=(*signed().headers, *(h for h in signed().headers if h[0] == b"authorization")))
    for message in (both, twice):
        told = read(message, RULES)
        assert isinstance(told, Verdict)
        assert told.code == "signature.ambiguous"


@given(
    st.builds(Message, st.text(), st.binary(), st.binary(), st.lists(st.tuples(st.binary(), st.binary())).map(tuple))
)
def test_arbitrary_heads_have_no_signature_or_a_reason(message: Message) -> None:
    """Nothing whatever is raised."""
    stated = read(message, RULES)
    assert stated is None or isinstance(stated, Stated | Verdict)
    assert unsigned(message).code in {"signature.missing", "signature.incomplete"}
