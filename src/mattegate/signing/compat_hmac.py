"""The simplest signature that clients make, HMAC-SHA-256 over body and timestamp, for whoever must keep them.

It is weak: nothing but the body and the time is signed, so one signature fits every path, method and query; it proves
nothing before the whole body is there; and ``body + timestamp`` without a separator is ambiguous (``amount=1`` at
1700000000 is ``amount=11`` at 700000000). Rules of this file, which leave it as little room as can be:

1. A timestamp has exactly ten digits, so that the last ten bytes of the signed text are the time and nothing else can
   be read into them. Ten digits last until the year 2286.
2. A signature is good once: it is its own nonce. Two equal bodies within one second are one request.
3. It needs a secret of its own (:class:`UnsafeBodyTimestampSecret`): a key that was not given one cannot be used so,
   and a leaked signature says nothing about any other secret.
4. It is off unless ``unsafe_body_timestamp_hmac`` is set. It keeps nothing secret either: HTTPS is needed as ever.

The head carries ``X-Signature`` (64 hex digits), ``X-Timestamp`` (Unix seconds) and either ``X-Key-Id`` or the API key
beside which it stands.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field
from typing import Final

from mattegate.signing.canonical import only_value, sole
from mattegate.signing.freshness import WINDOW_S, check_age
from mattegate.signing.key_material import Algorithm, check_secret
from mattegate.signing.message import VERIFIED, BodyCover, Message, Stated, Verdict, one_time
from mattegate.signing.refused import Refused, malformed

SCHEME: Final = "compat-hmac"

_KEY_ID, _TIMESTAMP, _SIGNATURE = b"x-key-id", b"x-timestamp", b"x-signature"
_OTHERS: Final = (b"x-nonce", b"x-content-sha256", b"x-signed-headers")
"""Parts of our own signature: with one of them the request means that one."""
_HEX: Final = re.compile(rb"[0-9a-f]{64}")
_TEN_DIGITS: Final = re.compile(rb"[1-9][0-9]{9}")
_VISIBLE: Final = re.compile(rb"[!-~]{1,128}")


@dataclass(frozen=True, slots=True)
class UnsafeBodyTimestampSecret:
    """The secret of one key for this form alone; raises ``KeyMaterialError`` for one that is too short."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_secret(self.secret)


_DUMMY: Final = UnsafeBodyTimestampSecret(bytes(32))


class BodyMac:
    """Takes in the body as it streams; one for each request."""

    __slots__ = ("_known", "_mac")

    def __init__(self, secret: UnsafeBodyTimestampSecret | None) -> None:
        self._known = secret is not None
        self._mac = hmac.new((secret or _DUMMY).secret, digestmod="sha256")

    def update(self, chunk: bytes) -> None:
        """The next bytes of the body."""
        self._mac.update(chunk)

    def verify(self, stated: Stated) -> Verdict:
        """Judge the signature after the last byte; :func:`check_head` has judged the rest."""
        mac = self._mac.copy()
        mac.update(stated.particulars["timestamp"].encode())
        equal = hmac.compare_digest(one_time(mac.hexdigest()), stated.nonce)
        if equal and self._known:
            return VERIFIED
        told = f"<body>{stated.particulars['timestamp']}"
        return Verdict("signature.mismatch", {"differs": "", "hint": ""}, told)


def read(message: Message) -> Stated | Verdict | None:
    """What the signature states; ``None`` where ``X-Signature`` is not bare hex or belongs to another scheme.

    ``key_id`` is empty where ``X-Key-Id`` is not there: then the API key beside it says whose it is.
    """
    lines = message.values(_SIGNATURE)
    if len(lines) != 1 or not _HEX.fullmatch(lines[0].strip(b" \t")):
        return None
    if any(message.values(name) for name in _OTHERS):
        return None
    try:
        return _stated(message, lines[0].strip(b" \t").decode())
    except Refused as refused:
        return refused.verdict


def check_head(stated: Stated, *, at: float, window_s: float = WINDOW_S) -> Verdict:
    """Judge what can be judged before the body: the time. ``at`` is Unix seconds."""
    try:
        check_age(stated.created or 0.0, at=at, window_s=window_s)
    except Refused as refused:
        return refused.verdict
    return VERIFIED


def verify(
    stated: Stated, secret: UnsafeBodyTimestampSecret | None, body: bytes, *, at: float, window_s: float = WINDOW_S
) -> Verdict:
    """Judge head and body at once, where the whole ``body`` is there; ``secret`` is ``None`` for an unknown key."""
    head = check_head(stated, at=at, window_s=window_s)
    if not head.good:
        return head
    mac = BodyMac(secret)
    mac.update(body)
    return mac.verify(stated)


def sign(body: bytes, key_id: str, secret: UnsafeBodyTimestampSecret, *, at: float) -> tuple[tuple[bytes, bytes], ...]:
    """The headers to add, for tests and demonstrations: new clients sign with something else."""
    timestamp = str(int(at)).encode()
    if not _TEN_DIGITS.fullmatch(timestamp):
        raise malformed("X-Timestamp", "has exactly ten digits")
    mac = hmac.digest(secret.secret, body + timestamp, "sha256").hex().encode()
    return ((_KEY_ID, key_id.encode()), (_TIMESTAMP, timestamp), (_SIGNATURE, mac))


def _stated(message: Message, signature: str) -> Stated:
    timestamp = only_value(message, _TIMESTAMP, "X-Timestamp")
    if not _TEN_DIGITS.fullmatch(timestamp):
        raise malformed("X-Timestamp", "is the Unix time in whole seconds, exactly ten digits")
    return Stated(
        SCHEME,
        _key_id(message),
        created=float(timestamp),
        nonce=one_time(signature),
        algorithm=Algorithm.HMAC_SHA256,
        body=BodyCover.WHOLE,
        particulars={"timestamp": timestamp.decode()},
    )


def _key_id(message: Message) -> str:
    lines = message.values(_KEY_ID)
    if not lines:
        return ""
    value = sole(lines, "X-Key-Id")
    if not _VISIBLE.fullmatch(value):
        raise malformed("X-Key-Id", "is 1 to 128 visible characters")
    return value.decode()
