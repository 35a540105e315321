"""Our own request signature: what it covers, what each mistake is called, and that nothing slips through."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.signing.hmac_signature import EMPTY_SHA256, read, sign, verify
from mattegate.signing.key_material import HmacSecret
from mattegate.signing.message import BodyCover, Message, Stated, Verdict

AT = 1_700_000_000.0
SECRET = HmacSecret(b"a secret of thirty-two bytes ...")
BODY = b"\xff\xd8 a picture"
SHA256 = hashlib.sha256(BODY).hexdigest()
NONCE = "0123456789abcdef0123"
POST = Message(
    "POST",
    b"/v1/remove-bg",
    b"model=u2netp&size=auto",
    (
        (b"host", b"API.example.com:443"),
        (b"content-type", b"image/jpeg"),
        (b"content-length", b"12"),
        (b"x-tenant", b"blue"),
        (b"x-tenant", b"green"),
    ),
    authority="API.example.com:443",
)
GET = Message("GET", b"/v1/whoami", b"", ((b"host", b"api.example.com"),), authority="api.example.com")


def signed(message: Message = POST, *, covering: tuple[str, ...] = ("x-tenant",), at: float = AT) -> Message:
    """``message`` with its headers added, as a client sends it."""
    digest = SHA256 if message is POST else EMPTY_SHA256
    headers = sign(message, "key-1", SECRET, at=at, nonce=NONCE, body_sha256=digest, covering=covering)
    return replace(message, headers=(*message.headers, *headers))


def judged(message: Message, secret: HmacSecret | None = SECRET, at: float = AT) -> Verdict:
    """What comes of reading and then verifying."""
    stated = read(message)
    assert stated is not None
    return verify(message, stated, secret, at=at) if isinstance(stated, Stated) else stated


def with_header(message: Message, name: bytes, *values: bytes) -> Message:
    """``message`` with these values for ``name`` and no others."""
    others = tuple(header for header in message.headers if header[0] != name)
    return replace(message, headers=(*others, *((name, value) for value in values)))


def test_the_signed_text_can_be_made_by_hand() -> None:
    """Eleven lines and one for each further header, joined by line feeds: as documented."""
    text = f"""\
MATTEGATE-HMAC-SHA256-V1
key-1
1700000000
{NONCE}
POST
api.example.com
/v1/remove-bg
model=u2netp&size=auto
image/jpeg
{SHA256}
x-tenant
x-tenant:blue, green"""
    mac = hmac.new(SECRET.secret, text.encode(), hashlib.sha256).hexdigest()
    assert signed().values(b"x-signature") == (f"v1={mac}".encode(),)


def test_a_signed_request_is_verified() -> None:
    """With body and without, near both ends of the window."""
    for message in (signed(), signed(GET, covering=())):
        assert judged(message).good
        assert judged(message, at=AT + 300).good
        assert judged(message, at=AT - 300).good


def test_what_a_signature_states() -> None:
    """Everything but the signature itself, read without any secret."""
    stated = read(signed())
    assert isinstance(stated, Stated)
    assert (stated.scheme, stated.key_id, stated.created, stated.nonce) == ("hmac", "key-1", AT, NONCE)
    assert (stated.body, stated.digest, stated.algorithm) == (BodyCover.DIGEST, SHA256, "hmac-sha256")
    assert stated.covered[-1] == "x-tenant"


def test_without_a_body_its_hash_may_be_left_out() -> None:
    """A request that announces no body binds the hash of none, whether it says so or not."""
    message = with_header(signed(GET, covering=()), b"x-content-sha256")
    stated = read(message)
    assert isinstance(stated, Stated)
    assert stated.digest == EMPTY_SHA256
    assert judged(message).good


def test_other_requests_have_no_signature() -> None:
    """A timestamp or a nonce alone belongs to something else."""
    assert read(POST) is None
    assert read(with_header(with_header(POST, b"x-timestamp", b"1"), b"x-nonce", b"2")) is None


@pytest.mark.parametrize(
    ("name", "label"),
    [
        (b"x-key-id", "X-Key-Id"),
        (b"x-timestamp", "X-Timestamp"),
        (b"x-nonce", "X-Nonce"),
        (b"x-content-sha256", "X-Content-SHA256"),
        (b"x-signature", "X-Signature"),
    ],
)
def test_a_missing_part_is_named(name: bytes, label: str) -> None:
    """Each of the five, where there is a body; and twice it is ambiguous."""
    assert judged(with_header(signed(), name)) == Verdict("signature.incomplete", {"missing": label})
    [value] = signed().values(name)
    assert judged(with_header(signed(), name, value, value)) == Verdict(
        "signature.ambiguous", {"what": f"{label} header"}
    )


def test_all_missing_parts_are_named_at_once() -> None:
    """Who forgot three learns of three."""
    bare = with_header(POST, b"x-key-id", b"key-1")
    assert judged(bare).facts["missing"] == "X-Timestamp, X-Nonce, X-Content-SHA256, X-Signature"


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        (b"x-timestamp", b"1700000000000", "milliseconds"),
        (b"x-timestamp", b"2023-11-14T22:13:20Z", "whole seconds"),
        (b"x-timestamp", b"-1700000000", "whole seconds"),
        (b"x-timestamp", b"1700000000.5", "whole seconds"),
        (b"x-timestamp", "１７００００００００".encode(), "whole seconds"),
        (b"x-nonce", b"fifteen-letters", "16 to 128"),
        (b"x-nonce", b"n" * 129, "16 to 128"),
        (b"x-nonce", b"with a space in it", "visible"),
        (b"x-content-sha256", SHA256.upper().encode(), "lower-case"),
        (b"x-content-sha256", b"UNSIGNED-PAYLOAD", "64"),
        (b"x-signature", b"v1=abc", "64 lower-case hex"),
        (b"x-signature", b"v2=" + b"0" * 64, "v1="),
        (b"x-signature", b"0" * 64, "no v1= in front"),
        (b"x-signed-headers", b"X-Tenant", "lower-case"),
        (b"x-signed-headers", b";".join(b"a%d" % n for n in range(33)), "more than 32"),
        (b"x-signed-headers", b"x-signature", "not listed"),
        (b"x-key-id", b"k" * 129, "1 to 128"),
    ],
)
def test_a_malformed_part_says_what_it_should_be(name: bytes, value: bytes, word: str) -> None:
    """The part, what is wrong with it, and of what was sent only the length."""
    verdict = judged(with_header(signed(), name, value))
    assert verdict.code == "signature.malformed"
    assert word in str(verdict.facts["problem"])
    assert verdict.facts["stated"] == f"{len(value)} bytes"


def test_skew_is_measured_and_has_a_direction() -> None:
    """One second beyond the window either way, told in seconds; before the key is looked at."""
    late, early = judged(signed(), at=AT + 301), judged(signed(), None, at=AT - 300.5)
    assert late.code == "signature.expired"
    assert late.facts["skew_s"] == -301.0
    assert early.code == "signature.not_yet_current"
    assert early.facts["skew_s"] == 300.5
    assert late.facts["now"] == "2023-11-14T22:18:21Z"


def test_an_unknown_key_looks_like_a_wrong_secret() -> None:
    """The same verdict to the letter, and the text as it was signed here."""
    wrong = judged(signed(), HmacSecret(b"another secret, as long as it was"))
    assert wrong.code == "signature.mismatch"
    assert wrong == judged(signed(), None)


def test_an_unknown_key_is_not_opened_by_the_stand_in() -> None:
    """Whoever guesses what stands in for a missing secret gains nothing."""
    stand_in = HmacSecret(bytes(32))
    headers = sign(GET, "key-9", stand_in, at=AT, nonce=NONCE)
    assert judged(replace(GET, headers=(*GET.headers, *headers)), None).code == "signature.mismatch"


def test_what_is_told_shows_no_foreign_values() -> None:
    """The text with names, type and digest; other header values and values of the query by their length."""
    told = judged(signed(), None).told
    assert "x-tenant:<present, 11 bytes>" in told
    assert "model=<present, 6 bytes>&size=<present, 4 bytes>" in told
    assert "image/jpeg" in told
    assert SHA256 in told
    assert "blue" not in told
    assert signed().values(b"x-signature")[0].decode().removeprefix("v1=") not in told


def test_a_body_that_is_known_is_compared() -> None:
    """Where the hash of the body is there already."""
    message = signed()
    stated = read(message)
    assert isinstance(stated, Stated)
    assert verify(message, stated, SECRET, at=AT, body_sha256=SHA256).good
    other = verify(message, stated, SECRET, at=AT, body_sha256=EMPTY_SHA256)
    assert other == Verdict("signature.digest", {"stated": SHA256, "computed": EMPTY_SHA256})


def test_a_signed_header_that_is_gone_is_named() -> None:
    """It was taken away on the way."""
    verdict = judged(with_header(signed(), b"x-tenant"))
    assert verdict == Verdict("signature.header_absent", {"headers": "x-tenant"})


def test_a_line_break_cannot_be_signed() -> None:
    """No two requests share a text, so a value may not bring lines of its own."""
    injected = replace(signed(), query=b"a\nimage/png")
    assert judged(injected).code == "signature.malformed"
    with pytest.raises(ValueError, match="control character"):
        signed(replace(GET, path=b"/a\r\nb"), covering=())


def test_parts_cannot_be_shifted_between_lines() -> None:
    """Letters that move from the path to the query, or from one header to the next, are another text."""
    moved = replace(signed(), path=b"/v1/remove-bgmodel=u2netp", query=b"&size=auto")
    assert judged(moved).code == "signature.mismatch"


@given(st.data())
def test_every_covered_byte_counts(data: st.DataObject) -> None:
    """One bit changed in any value that is covered is refused; the case of the host alone means nothing."""
    message = signed()
    names = {b"content-type", b"x-tenant", b"x-key-id", b"x-timestamp", b"x-nonce", b"x-content-sha256"}
    at = data.draw(
        st.sampled_from([n for n, (name, _) in enumerate(message.headers) if name in names | {b"x-signature"}])
    )
    bit = data.draw(st.integers(0, 8 * len(message.headers[at][1]) - 1))
    name, value = message.headers[at]
    headers = (*message.headers[:at], (name, flipped(value, bit)), *message.headers[at + 1 :])
    assert not judged(replace(message, headers=headers)).good
    path, query, method = message.path, message.query, message.method.encode()
    assert not judged(replace(message, path=flipped(path, bit % (8 * len(path))))).good
    assert not judged(replace(message, query=flipped(query, bit % (8 * len(query))))).good
    assert not judged(replace(message, method=flipped(method, bit % (8 * len(method))).decode("latin-1"))).good
    assert not judged(replace(message, authority="api.example.org")).good


HEADER_NAMES = st.sampled_from(
    [b"x-key-id", b"x-timestamp", b"x-nonce", b"x-content-sha256", b"x-signature", b"x-signed-headers", b"host"]
)


@given(
    st.lists(st.tuples(HEADER_NAMES, st.binary(max_size=80)), max_size=9), st.binary(), st.binary(), st.text(max_size=9)
)
def test_reading_and_verifying_never_raise(
    headers: list[tuple[bytes, bytes]], path: bytes, query: bytes, host: str
) -> None:
    """Whatever the bytes of the head are, alone or over a good signature."""
    for start in ((), signed().headers):
        message = Message("POST", path, query, (*start, *headers), "https", host)
        stated = read(message)
        if isinstance(stated, Stated):
            assert not verify(message, stated, SECRET, at=AT).good or path == POST.path


@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=16, max_size=128),
    st.binary(max_size=200),
    st.sampled_from(["GET", "POST", "DELETE", "PATCH"]),
    st.from_regex(rb"/[!-~]{0,40}", fullmatch=True),
    st.from_regex(rb"[!-~]{0,40}", fullmatch=True),
)
def test_whatever_is_signed_is_verified(nonce: str, body: bytes, method: str, path: bytes, query: bytes) -> None:
    """Round trip over methods, addresses, nonces and bodies."""
    message = Message(method, path, query, ((b"content-length", str(len(body)).encode()),), "http", "localhost:8000")
    digest = hashlib.sha256(body).hexdigest()
    headers = sign(message, "key-1", SECRET, at=AT, nonce=nonce, body_sha256=digest)
    assert judged(replace(message, headers=(*message.headers, *headers))).good


def flipped(value: bytes, bit: int) -> bytes:
    """``value`` with one bit changed."""
    at, shift = divmod(bit, 8)
    return value[:at] + bytes([value[at] ^ 1 << shift]) + value[at + 1 :]
