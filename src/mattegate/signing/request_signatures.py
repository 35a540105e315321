"""How a request says that it is signed, and which scheme reads it. Looking costs next to nothing where it is not.

Marks, each of one scheme: ``Authorization: AWS4-HMAC-SHA256`` and ``X-Amz-Signature`` in the query (SigV4),
``Signature-Input`` (RFC 9421), ``X-Signature`` or ``X-Key-Id`` (our own, and the compatibility form where it is on).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from mattegate.signing import compat_hmac, hmac_signature, message_signature, sigv4
from mattegate.signing.message import Message, Stated, Verdict
from mattegate.vocabulary.attempt import Channel
from mattegate.vocabulary.rulebook import SignatureRules

HMAC, MESSAGE, SIGV4 = "hmac", "rfc9421", "sigv4"
COMPAT: Final = compat_hmac.SCHEME

_MARKS: Final = {b"signature-input": MESSAGE, b"signature": MESSAGE, b"x-signature": HMAC, b"x-key-id": HMAC}
_PRESIGNED: Final = (b"X-Amz-Signature=", b"X-Amz-Algorithm=")
_NONE: Final = Verdict("signature.missing")


def signed_by(headers: Sequence[tuple[bytes, bytes]], query: bytes) -> tuple[tuple[Channel, str], ...]:
    """Where signatures stand and by which scheme, each once; those in ``Authorization`` are left out."""
    found = {(Channel.SIGNATURE, _MARKS[name]): None for name, _ in headers if name in _MARKS}
    if b"X-Amz-" in query and any(mark in query for mark in _PRESIGNED):
        found[Channel.PRESIGNED, SIGV4] = None
    return tuple(found)


def read_signature(message: Message, scheme: str, rules: SignatureRules) -> Stated | Verdict:
    """What the signature of ``scheme`` states, or why it cannot be read; never raises."""
    if scheme == SIGV4:
        return sigv4.read(message, sigv4_rules(rules)) or _NONE
    if scheme == MESSAGE:
        return message_signature.read(message, message_rules(rules)) or _NONE
    compat = compat_hmac.read(message) if rules.unsafe_body_timestamp_hmac else None
    return compat or hmac_signature.read(message) or _NONE


@lru_cache(maxsize=8)
def sigv4_rules(rules: SignatureRules) -> sigv4.SigV4Rules:
    """What SigV4 goes by under these rules."""
    return sigv4.SigV4Rules(
        rules.region,
        rules.service,
        skew_s=int(rules.skew_s),
        unsafe_unsigned_payload=rules.unsafe_unsigned_payload,
        aws_exact=rules.aws_exact,
    )


@lru_cache(maxsize=8)
def message_rules(rules: SignatureRules) -> message_signature.SignatureRules:
    """What RFC 9421 signatures go by under these rules."""
    return message_signature.SignatureRules(
        required=rules.components, window_s=rules.skew_s, tag=rules.tag or None
    )  # fmt: skip
