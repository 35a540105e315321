"""The compatibility form: clients that sign body and timestamp keep working, within the little that can be trusted."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.signing import hmac_signature
from mattegate.signing.compat_hmac import BodyMac, UnsafeBodyTimestampSecret, check_head, read, sign, verify
from mattegate.signing.key_material import HmacSecret, KeyMaterialError
from mattegate.signing.message import BodyCover, Message, Stated, Verdict, one_time

NOW = 1_700_000_000
TEXT = "the secret of this form"
SECRET = UnsafeBodyTimestampSecret(TEXT.encode())


def document_signature(payload: str, secret: str, timestamp: int) -> str:
    """What clients compute by the published scheme: text and number written one after the other, HMAC-SHA-256, hex."""
    mac = hmac.new(secret.encode("utf-8"), digestmod=hashlib.sha256)
    mac.update(payload.encode("utf-8"))
    mac.update(str(timestamp).encode("ascii"))
    return mac.hexdigest()


def sent(signature: str, timestamp: str, *more: tuple[bytes, bytes]) -> Message:
    """A request with that signature."""
    headers = ((b"x-key-id", b"key-1"), (b"x-timestamp", timestamp.encode()), (b"x-signature", signature.encode()))
    return Message("POST", b"/remove-background", b"", (*headers, *more), authority="localhost")


def judged(
    message: Message, body: bytes, secret: UnsafeBodyTimestampSecret | None = SECRET, at: float = NOW
) -> Verdict:
    """What comes of reading and then verifying."""
    stated = read(message)
    assert stated is not None
    return verify(stated, secret, body, at=at) if isinstance(stated, Stated) else stated


@pytest.mark.parametrize("payload", ["", "amount=1", '{"图": "像"}', "1700000000"])
def test_the_published_client_is_verified(payload: str) -> None:
    """A client that follows the document to the letter gets through, with text of any script."""
    message = sent(document_signature(payload, TEXT, NOW), str(NOW))
    assert judged(message, payload.encode()).good


def test_pictures_are_signed_as_bytes() -> None:
    """The scheme was written for text; bytes are what they are, and may come in pieces."""
    body = bytes(range(256)) * 40
    message = Message("POST", b"/", b"", sign(body, "key-1", SECRET, at=NOW))
    stated = read(message)
    assert isinstance(stated, Stated)
    assert check_head(stated, at=NOW).good
    mac = BodyMac(SECRET)
    for at in range(0, len(body), 1000):
        mac.update(body[at : at + 1000])
    assert mac.verify(stated).good


def test_what_it_states() -> None:
    """Its hash is its nonce, and nothing can be said before the whole body is there."""
    signature = document_signature("x", TEXT, NOW)
    stated = read(sent(signature, str(NOW)))
    assert isinstance(stated, Stated)
    assert (stated.scheme, stated.key_id, stated.nonce, stated.body) == (
        "compat-hmac",
        "key-1",
        one_time(signature),
        BodyCover.WHOLE,
    )
    assert stated.covered == ()


def test_two_readings_of_one_text_are_one() -> None:
    """``amount=1`` at 1700000000 and ``amount=11`` at 700000000 have one signature: ten digits rule the second out."""
    signature = document_signature("amount=1", TEXT, 1_700_000_000)
    assert signature == document_signature("amount=11", TEXT, 700_000_000)
    assert judged(sent(signature, "1700000000"), b"amount=1").good
    shifted = judged(sent(signature, "700000000"), b"amount=11", at=700_000_000)
    assert shifted.code == "signature.malformed"
    assert "ten digits" in str(shifted.facts["problem"])


@given(st.binary(max_size=40), st.integers(1_000_000_000, 9_999_999_999), st.integers(-30, 30))
def test_no_byte_moves_between_body_and_time(body: bytes, at: int, shift: int) -> None:
    """Of all ways to part the signed text in two only one is taken."""
    text = body + str(at).encode()
    cut = len(body) + shift
    if shift and 0 <= cut < len(text):
        signature = hmac.digest(SECRET.secret, text, "sha256").hex()
        head = Message("POST", b"/", b"", ((b"x-timestamp", text[cut:]), (b"x-signature", signature.encode())))
        assert not judged(head, text[:cut], at=at).good


@pytest.mark.parametrize("timestamp", ["170000000", "17000000000", "0700000000", "1700000000.0", "", "now"])
def test_a_timestamp_has_ten_digits(timestamp: str) -> None:
    """Nine, eleven, a zero in front: all the same reason, never a crash."""
    verdict = judged(sent("0" * 64, timestamp), b"")
    assert verdict.code == "signature.malformed"


def test_a_timestamp_is_needed() -> None:
    """Without one nothing was signed."""
    message = Message("POST", b"/", b"", ((b"x-signature", b"0" * 64),))
    assert judged(message, b"") == Verdict("signature.incomplete", {"missing": "X-Timestamp"})


def test_the_window_holds_both_ways() -> None:
    """The document's own check took future times as well as past ones; here each has its reason."""
    message = sent(document_signature("x", TEXT, NOW), str(NOW))
    assert judged(message, b"x", at=NOW + 300).good
    assert judged(message, b"x", at=NOW + 301).code == "signature.expired"
    assert judged(message, b"x", at=NOW - 301).code == "signature.not_yet_current"


def test_another_body_or_secret_does_not_match() -> None:
    """And an unknown key is answered alike, even to whoever knows what stands in for its secret."""
    message = sent(document_signature("x", TEXT, NOW), str(NOW))
    wrong = judged(message, b"y")
    assert wrong.code == "signature.mismatch"
    assert (
        wrong == judged(message, b"x", UnsafeBodyTimestampSecret(b"some other secret")) == judged(message, b"x", None)
    )
    stand_in = UnsafeBodyTimestampSecret(bytes(32))
    assert judged(Message("POST", b"/", b"", sign(b"x", "k", stand_in, at=NOW)), b"x", None) == wrong


def test_the_key_may_be_named_beside_it() -> None:
    """The document sends the API key in its own header; then this one names none."""
    message = Message("POST", b"/", b"", sign(b"x", "key-1", SECRET, at=NOW)[1:])
    stated = read(message)
    assert isinstance(stated, Stated)
    assert stated.key_id == ""


def test_a_secret_of_another_form_is_of_another_type() -> None:
    """A signing secret cannot be passed for one of this form, nor the other way round; and neither is short."""
    assert not isinstance(HmacSecret(b"k" * 16), UnsafeBodyTimestampSecret)
    assert "k" * 16 not in repr(UnsafeBodyTimestampSecret(b"k" * 16))
    with pytest.raises(KeyMaterialError, match="5 bytes"):
        UnsafeBodyTimestampSecret(b"short")


def test_our_own_signature_is_left_to_its_scheme() -> None:
    """With a version, or with any part of the other scheme, it is not this one; switched off, that scheme explains."""
    bare = sent("0" * 64, str(NOW), (b"x-nonce", b"n" * 16))
    assert read(bare) is None
    assert read(sent("v1=" + "0" * 64, str(NOW))) is None
    refused = hmac_signature.read(sent("0" * 64, str(NOW), (b"x-nonce", b"n" * 16)))
    assert isinstance(refused, Verdict)
    assert "no v1= in front" in str(refused.facts["problem"])


NAMES = st.sampled_from([b"x-key-id", b"x-timestamp", b"x-signature"])


@given(st.lists(st.tuples(NAMES, st.binary(max_size=70)), max_size=4), st.binary(max_size=30))
def test_reading_and_verifying_never_raise(headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    """Whatever stands in the headers."""
    message = Message("POST", b"/", b"", (*headers, (b"x-signature", b"0" * 64)))
    stated = read(message)
    assert not isinstance(stated, Stated) or not verify(stated, SECRET, body, at=NOW).good
