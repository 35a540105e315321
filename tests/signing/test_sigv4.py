"""Signature Version 4: what must be timely, meant for us and covered, and that a proof is a proof."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.signing.message import VERIFIED, BodyCover, Message, Stated
from mattegate.signing.sigv4 import EMPTY_SHA256, UNSIGNED_PAYLOAD, check, presign, read, sign, verify
from mattegate.signing.sigv4.mac import signing_key
from tests.signing.signed_requests import (
    AT,
    BARE,
    DIGEST,
    RULES,
    SECRET,
    presigned,
    signed,
    verdict,
    with_authorization,
    with_header,
)


@pytest.mark.parametrize("message", [signed(), signed(state_payload=False), presigned(), presigned(state=True)])
def test_what_was_signed_is_verified(message: Message) -> None:
    """Both forms, with the body's hash stated and without."""
    assert verdict(message) is VERIFIED


@pytest.mark.parametrize("year", ["0001", "0999", "9999"])
def test_dates_at_the_ends_of_time_are_answered(year: str) -> None:
    """The first and the last year there are: late and early, and nothing is raised."""
    message = with_header(signed(), b"x-amz-date", lambda _: f"{year}0101T000000Z".encode())
    assert verdict(message).code == ("signature.not_yet_current" if year == "9999" else "signature.expired")


@pytest.mark.parametrize(
    ("late_s", "code", "words"),
    [
        (300, "", ""),
        (301, "signature.expired", "Signature expired: {0} is now earlier than 20260724T120001Z ({1} - 5 min.)"),
        (-300, "", ""),
        (
            -301,
            "signature.not_yet_current",
            "Signature not yet current: {0} is still later than 20260724T115959Z ({1} + 5 min.)",
        ),
    ],
)
def test_the_window_is_five_minutes_either_way(late_s: float, code: str, words: str) -> None:
    """With both stamps in AWS's words, and the measured difference."""
    told = verdict(signed(), at=AT + late_s)
    assert told.code == code
    if code:
        now = "20260724T120501Z" if late_s > 0 else "20260724T115459Z"
        assert (told.facts["aws"], told.facts["skew_s"]) == (words.format("20260724T120000Z", now), -late_s)
        assert told.facts["now"] == now


def test_an_address_is_good_to_its_last_second() -> None:
    """Its life is its own, beyond the window of a header; before it begins the window holds."""
    message = presigned(expires_s=3600)
    assert verdict(message, at=AT + 3600) is VERIFIED
    told = verdict(message, at=AT + 3601.5)
    assert (told.code, told.facts["over_s"], told.facts["limit"]) == ("signature.url_expired", 1.5, "20260724T130000Z")
    assert verdict(message, at=AT - 301).code == "signature.not_yet_current"


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("/eu-1/", "/us-east-1/", "scope_region", "Credential should be scoped to a valid region, not 'us-east-1'."),
        ("/mattegate/", "/s3/", "scope_service", "Credential should be scoped to correct service: 'mattegate'."),
        ("aws4_request", "aws4", "scope_terminator",
         "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws4'."),
        ("/20260724/", "/20260723/", "scope_date", (
         "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20260723' != "
         "'20260724', from '20260724T120000Z'.")),
    ],
)  # fmt: skip
def test_a_wrong_scope_is_told_by_its_part(old: str, new: str, code: str, words: str) -> None:
    """Region, service, terminator and date, in AWS's words, before anything is computed."""
    told = verdict(with_authorization(old, new), secret=None)
    assert (told.code, told.facts["aws"]) == (f"signature.{code}", words)


def test_the_host_must_be_covered() -> None:
    """Or a signature would be good at any other place."""
    told = verdict(with_authorization("content-type;host;", "content-type;"))
    assert (told.code, told.facts["headers"]) == ("signature.header_unsigned", "host")


@pytest.mark.parametrize("message", [signed(), presigned()])
def test_instructions_must_be_covered(message: Message) -> None:
    """An ``x-amz-*`` header that somebody added on the way is named; tracing and CDN marks are none."""
    added = replace(message, headers=(*message.headers, (b"x-amz-meta-tier", b"vip"), (b"x-amz-acl", b"public")))
    told = verdict(added)
    assert (told.code, told.facts["headers"]) == ("signature.header_unsigned", "x-amz-acl, x-amz-meta-tier")
    marked = ((b"x-amzn-trace-id", b"Root=1"), (b"x-amz-cf-id", b"edge"), (b"x-amz-security-token", b"added after"))
    assert verdict(replace(message, headers=(*message.headers, *marked))) is VERIFIED


def test_further_headers_can_be_required() -> None:
    """Where they are there; a header that is not there has nothing to cover."""
    rules = replace(RULES, required_headers=("content-type", "x-api-version"))
    assert verdict(signed(), rules=rules) is VERIFIED
    told = verdict(replace(signed(), headers=(*signed().headers, (b"x-api-version", b"1"))), rules=rules)
    assert (told.code, told.facts["headers"]) == ("signature.header_unsigned", "x-api-version")


def test_a_covered_header_must_be_there() -> None:
    """A proxy that takes a header away is named by what it took; the authority stands in for ``host`` (HTTP/2)."""
    told = verdict(with_header(signed(), b"content-type", lambda _: None))
    assert (told.code, told.facts["headers"]) == ("signature.header_absent", "content-type")
    hostless = with_header(signed(), b"host", lambda _: None)
    assert verdict(hostless).code == "signature.header_absent"
    assert verdict(replace(hostless, authority="api.example.com")) is VERIFIED
    assert verdict(replace(hostless, authority="other.example.com")).code == "signature.mismatch"


def test_an_unsigned_body_needs_a_rule_with_an_ugly_name() -> None:
    """Then any body goes under the signature, in both forms; streams of signed pieces stay refused."""
    lax = replace(RULES, unsafe_unsigned_payload=True)
    added = sign(BARE, key_id="AKID", secret=SECRET, at=AT, rules=lax, payload=UNSIGNED_PAYLOAD)
    for message in (
        replace(BARE, headers=(*BARE.headers, *added)),
        presigned(payload=UNSIGNED_PAYLOAD, state=True),
    ):
        stated = read(message, lax)
        assert isinstance(stated, Stated)
        assert stated.body is BodyCover.NONE
        assert verdict(message, rules=lax, body=b"any") is VERIFIED
        assert verdict(message).code == "signature.payload_unsigned"
    streaming = with_header(signed(), b"x-amz-content-sha256", lambda _: b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
    assert verdict(streaming, rules=lax).code == "signature.payload_streaming"


def test_another_body_than_the_stated_one_is_told_apart() -> None:
    """The signature holds, the body does not; without the body's hash comparing is left to the caller."""
    message = signed()
    told = verdict(message, body=b"another")
    assert (told.code, told.facts["stated"]) == ("signature.digest", DIGEST)
    stated = read(message, RULES)
    assert isinstance(stated, Stated)
    assert verify(message, stated, SECRET, at=AT, rules=RULES) is VERIFIED


def test_an_unknown_key_is_answered_like_a_wrong_secret() -> None:
    """Word for word, unless the exact answers of AWS are wanted."""
    assert verdict(signed(), secret=None) == verdict(signed(), secret=b"wrong")
    assert verdict(signed(), secret=b"") == verdict(signed(), secret=b"wrong")
    exact = replace(RULES, aws_exact=True)
    told = verdict(signed(), secret=None, rules=exact)
    assert (told.code, told.facts["aws"]) == (
        "signature.unknown_key",
        "The security token included in the request is invalid.",
    )
    assert verdict(signed(), secret=b"wrong", rules=exact).code == "signature.mismatch"


def test_the_secret_that_stands_in_proves_nothing() -> None:
    """Who signs with it is refused, and learns nothing from a hint that only a known key would give."""
    stand_in = bytes(32)
    for payload in (DIGEST, EMPTY_SHA256):
        added = sign(BARE, key_id="AKID", secret=stand_in, at=AT, rules=RULES, payload=payload, state_payload=False)
        message = replace(BARE, headers=(*BARE.headers, *added))
        told = verdict(message, secret=None)
        assert (told.code, told.facts["hint"]) == ("signature.mismatch", "")
        assert told == verdict(message, secret=b"wrong")


def test_checking_needs_no_secret() -> None:
    """What can be told before the key is looked up and the body read is told then."""
    message = signed()
    stated = read(message, RULES)
    assert isinstance(stated, Stated)
    assert check(message, stated, at=AT, rules=RULES) is VERIFIED
    assert check(message, stated, at=AT + 999, rules=RULES).code == "signature.expired"


def test_signing_keys_are_remembered_within_bounds() -> None:
    """A bounded number, so that nobody fills the memory with scopes."""
    assert signing_key.cache_info().maxsize == 256


def test_signing_refuses_what_it_cannot_mean() -> None:
    """A second signature, an unsigned body that is not stated, and lives that no verifier takes."""
    keys = {"key_id": "AKID", "secret": SECRET, "at": AT, "rules": RULES}
    with pytest.raises(ValueError, match="authorization"):
        sign(signed(), **keys)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="has to be stated"):
        sign(BARE, **keys, payload=UNSIGNED_PAYLOAD, state_payload=False)  # type: ignore[arg-type]
    for expires_s in (0, 604_801):
        with pytest.raises(ValueError, match="604800"):
            presign(BARE, **keys, expires_s=expires_s)  # type: ignore[arg-type]


def test_headers_that_change_on_the_way_are_not_covered() -> None:
    """What connections and proxies write would break the signature without anybody's ill will."""
    ways = ((b"user-agent", b"x"), (b"connection", b"close"), (b"x-forwarded-for", b"192.0.2.1"), (b"te", b"trailers"))
    message = signed(replace(BARE, headers=(*BARE.headers, *ways)))
    stated = read(message, RULES)
    assert isinstance(stated, Stated)
    assert stated.covered == ("content-type", "host", "x-amz-content-sha256", "x-amz-date")


PIECES = st.one_of(st.binary(max_size=40), st.sampled_from([b"", b"%", b"%zz", b"\xff", b"=&=", b"/../", b"AWS4-"]))


@given(
    st.sampled_from([signed(), signed(state_payload=False), presigned()]),
    st.sampled_from(["path", "query", "method", "authorization", "x-amz-date", "host", "x-amz-content-sha256"]),
    PIECES,
    st.integers(0, 400),
    st.integers(0, 20),
)
def test_no_head_raises(message: Message, where: str, piece: bytes, at: int, cut: int) -> None:
    """Bytes put in anywhere and taken out anywhere: some verdict comes of it."""

    def spoiled(value: bytes) -> bytes:
        place = at % (len(value) + 1)
        return value[:place] + piece + value[place + cut :]

    parts: dict[str, Any] = {"path": message.path, "query": message.query}
    if where in parts:
        other = replace(message, **(parts | {where: spoiled(parts[where])}))
    elif where == "method":
        other = replace(message, method=spoiled(message.method.encode()).decode("utf-8", "surrogateescape"))
    else:
        other = with_header(message, where.encode(), spoiled)
    stated = read(other, RULES)
    if isinstance(stated, Stated):
        verify(other, stated, SECRET, at=AT, rules=RULES, body_sha256=DIGEST)
