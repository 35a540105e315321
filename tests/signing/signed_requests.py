"""Requests signed with Signature Version 4 and what is said of them, for every test of that scheme."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

from mattegate.signing.message import Message, Verdict
from mattegate.signing.sigv4 import SigV4Rules, presign, read, sign, verify

AT = 1_784_894_400.0
"""2026-07-24T12:00:00Z."""
RULES = SigV4Rules("eu-1", "mattegate")
SECRET = b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
IMAGE = b"\xff\xd8 an image"
DIGEST = sha256(IMAGE).hexdigest()
HOST = (b"host", b"api.example.com")
BARE = Message("POST", b"/v1/remove-bg", b"model=u2net", (HOST, (b"content-type", b"image/jpeg")))
DATE = (b"x-amz-date", b"20260724T120000Z")


def signed(
    message: Message = BARE, *, state_payload: bool = True, at: float = AT, rules: SigV4Rules = RULES
) -> Message:
    """``message`` with the headers of a signature over it and the image."""
    added = sign(message, key_id="AKID", secret=SECRET, at=AT, rules=RULES, payload=DIGEST, state_payload=state_payload)
    length = (b"content-length", str(len(IMAGE)).encode())
    return replace(message, headers=(*message.headers, length, *added))


def presigned(message: Message = BARE, *, expires_s: int = 600, payload: str = DIGEST, state: bool = False) -> Message:
    """``message`` under a presigned address that was made for the image."""
    query = presign(
        message, key_id="AKID", secret=SECRET, at=AT, expires_s=expires_s, rules=RULES, payload=payload,
        state_payload=state,
    )  # fmt: skip
    return replace(message, query=query)


def verdict(
    message: Message, *, secret: bytes | None = SECRET, at: float = AT, rules: SigV4Rules = RULES, body: bytes = IMAGE
) -> Verdict:
    """What is said of a message from end to end."""
    stated = read(message, rules)
    assert stated is not None
    if isinstance(stated, Verdict):
        return stated
    return verify(message, stated, secret, at=at, rules=rules, body_sha256=sha256(body).hexdigest())


def with_header(message: Message, name: bytes, change: Callable[[bytes], bytes | None]) -> Message:
    """``message`` with the value of a header changed, or without it."""
    changed = ((key, change(value) if key == name else value) for key, value in message.headers)
    return replace(message, headers=tuple((key, value) for key, value in changed if value is not None))


def with_authorization(old: str, new: str) -> Message:
    """A signed message with one piece of its ``Authorization`` exchanged."""
    before = signed()
    after = with_header(before, b"authorization", lambda value: value.replace(old.encode(), new.encode()))
    assert after != before
    return after


def with_query(old: str, new: str) -> Message:
    """A presigned message with one piece of its query exchanged."""
    before = presigned()
    assert old.encode() in before.query
    return replace(before, query=before.query.replace(old.encode(), new.encode()))
