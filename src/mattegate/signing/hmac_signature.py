"""Our own request signature: HMAC-SHA-256 over a text of one value a line, small enough to be made in a shell.

The head carries ``X-Key-Id``, ``X-Timestamp`` (Unix seconds), ``X-Nonce``, ``X-Content-SHA256``, ``X-Signature`` and,
where further headers are covered, ``X-Signed-Headers``. The signed text has eleven lines and one for each such header::

    MATTEGATE-HMAC-SHA256-V1
    <key id>
    <timestamp>
    <nonce>
    <method>
    <authority: Host in small letters, without :443 under https and :80 under http>
    <path as sent>
    <query as sent, without the question mark>
    <Content-Type, empty where there is none>
    <SHA-256 of the body in hex>
    <names of the other covered headers in small letters, joined by ;>
    <name>:<value>, for each of them in that order

``X-Signature`` is ``v1=`` and the MAC in hex. Rules of this file:

1. One value, one line, and no value may hold a control character: so no two requests have the same text.
2. Path and query are the bytes that were sent. Normal forms differ between programs; where a proxy has rewritten an
   address, the text that a mismatch answers shows it.
3. The head always binds the body's hash, so that it is proven before a byte of the body is read. Without
   ``X-Content-SHA256`` the hash is that of no body at all.
4. There is one signature. Secrets are rotated by key id.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from mattegate.signing.canonical import authority, declares_body, field_value, sole, told_query, told_value
from mattegate.signing.freshness import WINDOW_S, check_age
from mattegate.signing.key_material import Algorithm, HmacSecret
from mattegate.signing.message import VERIFIED, BodyCover, Message, Stated, Verdict
from mattegate.signing.refused import Refused, ambiguous, incomplete, malformed

SCHEME: Final = "hmac"
VERSION: Final = "MATTEGATE-HMAC-SHA256-V1"
EMPTY_SHA256: Final = sha256().hexdigest()
"""Of no body."""
MOST_SIGNED_HEADERS: Final = 32

_KEY_ID, _TIMESTAMP, _NONCE = b"x-key-id", b"x-timestamp", b"x-nonce"
_DIGEST, _SIGNED, _SIGNATURE = b"x-content-sha256", b"x-signed-headers", b"x-signature"
_ALWAYS: Final = ("@method", "@authority", "@path", "@query", "content-type", "x-content-sha256")
_OUR_OWN: Final = frozenset({"x-signature", "content-type", "host"})
"""Has a line of its own, or is the signature: never among the other headers."""

_VISIBLE: Final = re.compile(rb"[!-~]{1,128}")
_SECONDS: Final = re.compile(rb"[1-9][0-9]{0,10}")
_NONCES: Final = re.compile(rb"[!-~]{16,128}")
_HEX: Final = re.compile(rb"[0-9a-f]{64}")
_V1: Final = re.compile(rb"v1=([0-9a-f]{64})")
_NAMES: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+(?:;[!#$%&'*+.^_`|~0-9a-z-]+)*")
_CONTROL: Final = re.compile(rb"[\0-\x08\n-\x1f\x7f]")
_QUERY_LINE: Final = 7
_DUMMY: Final = HmacSecret(bytes(32))
_LABELS: Final = {
    _KEY_ID: "X-Key-Id",
    _TIMESTAMP: "X-Timestamp",
    _NONCE: "X-Nonce",
    _DIGEST: "X-Content-SHA256",
    _SIGNATURE: "X-Signature",
}


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the headers of the scheme say, in the right shape."""

    key_id: bytes
    timestamp: bytes
    nonce: bytes
    digest: bytes
    signed: tuple[str, ...]
    signature: bytes
    """The MAC in hex."""


def read(message: Message) -> Stated | Verdict | None:
    """What the signature states; ``None`` where neither ``X-Signature`` nor ``X-Key-Id`` is there."""
    if not (message.values(_SIGNATURE) or message.values(_KEY_ID)):
        return None
    try:
        return _stated(_parts(message))
    except Refused as refused:
        return refused.verdict


def verify(
    message: Message,
    stated: Stated,
    secret: HmacSecret | None,
    *,
    at: float,
    window_s: float = WINDOW_S,
    body_sha256: str | None = None,
) -> Verdict:
    """Judge the signature at Unix time ``at``; ``secret`` is ``None`` where there is no such key.

    An unknown key takes the same work and gets the same answer as a wrong secret. ``body_sha256`` (lower-case hex) is
    compared where the body is known already; otherwise whoever streams it compares it with ``stated.digest``.
    """
    try:
        parts = _parts(message)
        check_age(stated.created or 0.0, at=at, window_s=window_s)
        text = _canonical(message, parts)
    except Refused as refused:
        return refused.verdict
    equal = hmac.compare_digest(_mac(secret or _DUMMY, text), parts.signature)
    if not equal or secret is None:
        return Verdict("signature.mismatch", {"differs": "", "hint": ""}, _told(text))
    if body_sha256 is not None and not hmac.compare_digest(body_sha256.encode(), parts.digest):
        return Verdict("signature.digest", {"stated": parts.digest.decode(), "computed": body_sha256})
    return VERIFIED


def sign(
    message: Message,
    key_id: str,
    secret: HmacSecret,
    *,
    at: float,
    nonce: str,
    body_sha256: str = EMPTY_SHA256,
    covering: Sequence[str] = (),
) -> tuple[tuple[bytes, bytes], ...]:
    """The headers to add to ``message``; ``covering`` names further headers of it that are signed.

    Raises ``ValueError`` for a key id, nonce, hash or header name that a server would not take.
    """
    added = [
        (_KEY_ID, key_id.encode()),
        (_TIMESTAMP, str(int(at)).encode()),
        (_NONCE, nonce.encode()),
        (_DIGEST, body_sha256.encode()),
    ]
    if covering:
        added.append((_SIGNED, ";".join(name.lower() for name in covering).encode()))
    unsigned = replace(message, headers=(*message.headers, *added, (_SIGNATURE, b"v1=" + b"0" * 64)))
    mac = _mac(secret, _canonical(unsigned, _parts(unsigned)))
    return (*added, (_SIGNATURE, b"v1=" + mac))


def _parts(message: Message) -> _Parts:
    """The headers in their shapes; raises :class:`Refused`, and names all that are missing at once."""
    given = {name: message.values(name) for name in _LABELS}
    if not (given[_DIGEST] or declares_body(message)):
        given[_DIGEST] = (EMPTY_SHA256.encode(),)
    absent = [label for name, label in _LABELS.items() if not given[name]]
    if absent:
        raise incomplete(*absent)
    once = {name: sole(given[name], label) for name, label in _LABELS.items()}
    return _Parts(
        _shaped(once[_KEY_ID], _VISIBLE, "X-Key-Id", "is 1 to 128 visible ASCII characters"),
        _timestamp(once[_TIMESTAMP]),
        _shaped(once[_NONCE], _NONCES, "X-Nonce", "is 16 to 128 visible ASCII characters"),
        _shaped(once[_DIGEST], _HEX, "X-Content-SHA256", "is 64 lower-case hex digits"),
        _signed(message),
        _signature(once[_SIGNATURE]),
    )


def _shaped(value: bytes, shape: re.Pattern[bytes], part: str, problem: str) -> bytes:
    if not shape.fullmatch(value):
        raise malformed(part, problem, value)
    return value


def _timestamp(value: bytes) -> bytes:
    if len(value) == 13 and value.isdigit():
        raise malformed("X-Timestamp", "is in whole seconds; these 13 digits look like milliseconds", value)
    return _shaped(value, _SECONDS, "X-Timestamp", "is the Unix time in whole seconds, digits only")


def _signed(message: Message) -> tuple[str, ...]:
    lines = message.values(_SIGNED)
    if not lines:
        return ()
    value = sole(lines, "X-Signed-Headers")
    names = tuple(_shaped(value, _NAMES, "X-Signed-Headers", "is lower-case names joined by ;").decode().split(";"))
    if len(names) > MOST_SIGNED_HEADERS:
        raise malformed("X-Signed-Headers", f"names more than {MOST_SIGNED_HEADERS} headers", value)
    if len(set(names)) < len(names):
        raise ambiguous("name in X-Signed-Headers")
    if not _OUR_OWN.isdisjoint(names):
        raise malformed("X-Signed-Headers", "names x-signature, host or content-type, which are not listed", value)
    return names


def _signature(value: bytes) -> bytes:
    found = _V1.fullmatch(value)
    if found:
        return found[1]
    if _HEX.fullmatch(value):
        raise malformed("X-Signature", "has no v1= in front: a MAC over body and timestamp is not taken here", value)
    raise malformed("X-Signature", "is v1= and 64 lower-case hex digits", value)


def _stated(parts: _Parts) -> Stated:
    return Stated(
        SCHEME,
        parts.key_id.decode(),
        created=float(parts.timestamp),
        nonce=parts.nonce.decode(),
        algorithm=Algorithm.HMAC_SHA256,
        covered=(*_ALWAYS, *parts.signed),
        body=BodyCover.DIGEST,
        digest=parts.digest.decode(),
    )


def _canonical(message: Message, parts: _Parts) -> bytes:
    """The signed text; raises :class:`Refused` for control characters and signed headers that are absent."""
    others = [name.encode() + b":" + _present(message, name) for name in parts.signed]
    lines = [
        VERSION.encode(),
        parts.key_id,
        parts.timestamp,
        parts.nonce,
        message.method.encode(errors="surrogatepass"),
        authority(message).encode(errors="surrogatepass"),
        message.path,
        message.query,
        field_value(message.values(b"content-type")),
        parts.digest,
        ";".join(parts.signed).encode(),
        *others,
    ]
    if any(_CONTROL.search(line) for line in lines):
        raise malformed("request", "holds a control character where none can be signed")
    return b"\n".join(lines)


def _present(message: Message, name: str) -> bytes:
    lines = message.values(name.encode())
    if not lines:
        raise Refused("signature.header_absent", headers=name[:64])
    return field_value(lines)


def _mac(secret: HmacSecret, text: bytes) -> bytes:
    return hmac.digest(secret.secret, text, "sha256").hex().encode()


def _told(text: bytes) -> str:
    """The text with what its owner may see: of the other headers the names, and few values."""
    lines = text.decode("ascii", "backslashreplace").split("\n")
    others = (line.partition(":") for line in lines[11:])
    lines[_QUERY_LINE] = told_query(lines[_QUERY_LINE])
    return "\n".join([*lines[:11], *(f"{name}:{told_value(name, value)}" for name, _, value in others)])
