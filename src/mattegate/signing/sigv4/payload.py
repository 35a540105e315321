"""What a request states about its body, and so when its signature can be verified.

- A hash in ``x-amz-content-sha256``: the body is compared with it while it streams.
- No word of it, and there may be a body: the canonical request ends in the hash of the body as it came. General
  signers (curl, botocore for services other than S3) do so, for presigned addresses too.
- No word of it, and no body: the hash of nothing.
- ``UNSIGNED-PAYLOAD``: refused, unless a rule with an ugly name allows it. ``STREAMING-…``: refused; it announces
  bodies that are framed and signed in pieces, which this product does not read.
"""

from __future__ import annotations

import re
from typing import Final

from mattegate.signing.message import BodyCover, Message
from mattegate.signing.refused import Refused
from mattegate.signing.sigv4.faults import shown
from mattegate.signing.sigv4.rules import EMPTY_SHA256, UNSIGNED_PAYLOAD, SigV4Rules

CONTENT_SHA256: Final = "x-amz-content-sha256"
SHA256_HEX: Final = re.compile(r"[0-9a-f]{64}")
_BODILESS: Final = frozenset({"GET", "HEAD", "DELETE", "OPTIONS", "TRACE"})


def cover(message: Message, stated: str | None, rules: SigV4Rules) -> tuple[BodyCover, str]:
    """How the body is covered, and the digest that the head binds; raises :class:`Refused`."""
    if stated is None:
        return (BodyCover.WHOLE, "") if _may_have_body(message) else (BodyCover.DIGEST, EMPTY_SHA256)
    if SHA256_HEX.fullmatch(stated):
        return BodyCover.DIGEST, stated
    if stated == UNSIGNED_PAYLOAD and rules.unsafe_unsigned_payload:
        return BodyCover.NONE, ""
    raise _refused(stated)


_AWS: Final = (
    "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, or a valid sha256 value."
)


def _refused(stated: str) -> Refused:
    if stated == UNSIGNED_PAYLOAD:
        return Refused("signature.payload_unsigned", stated=stated, aws=_AWS)
    if stated.startswith("STREAMING-"):
        return Refused("signature.payload_streaming", stated=shown(stated), aws=_AWS)
    return Refused("signature.payload_hash", stated=shown(stated), aws=_AWS)


def _may_have_body(message: Message) -> bool:
    """By its framing (RFC 9112, section 6); where that is silent, by its method: other protocols frame otherwise."""
    if message.values(b"transfer-encoding"):
        return True
    lengths = message.values(b"content-length")
    return any(length.strip() != b"0" for length in lengths) if lengths else message.method not in _BODILESS
