"""What an installation settles about Signature Version 4, and the words that the scheme itself fixes.

The session token (``X-Amz-Security-Token``) has a rule of its own. Keys of this product have none, so a token proves
nothing and is looked up nowhere. As a header it may therefore stay outside the signature, as some services let it be
added after signing. In a presigned address it cannot: every parameter but the signature is covered, the token too.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

ALGORITHM: Final = "AWS4-HMAC-SHA256"
TERMINATOR: Final = "aws4_request"
HEADER_FORM: Final = "sigv4"
QUERY_FORM: Final = "sigv4-query"

EMPTY_SHA256: Final = sha256(b"").hexdigest()
"""The hash of a body that is not there."""
UNSIGNED_PAYLOAD: Final = "UNSIGNED-PAYLOAD"
"""Stands for the hash where the body is not covered."""
TOKEN: Final = "x-amz-security-token"  # noqa: S105 - the name of a header


@dataclass(frozen=True, slots=True)
class SigV4Rules:
    """What this installation expects of a signature."""

    region: str
    service: str
    skew_s: int = 300
    """How far the date may be from our clock, either way; AWS allows five minutes."""
    max_expires_s: int = 604_800
    """The longest life of a presigned address; AWS allows seven days."""
    normalize_path: bool = True
    """Whether ``.``, ``..`` and doubled slashes are resolved before signing; S3 leaves the path alone."""
    encode_path_twice: bool = True
    """Whether the encoded path is encoded again; S3 does not."""
    required_headers: tuple[str, ...] = ()
    """Further headers, in lower case, that must be covered where they are present."""
    may_be_unsigned: tuple[str, ...] = (TOKEN, "x-amz-cf-id")
    """``x-amz-*`` headers that need no cover: the token (see above), and what a CDN adds on the way."""
    unsafe_unsigned_payload: bool = False
    """Whether ``UNSIGNED-PAYLOAD`` is taken: whoever is in between may then send another body."""
    aws_exact: bool = False
    """Whether an unknown key id is told as AWS tells it, instead of like a mismatch."""
