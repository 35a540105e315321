"""The proof: the canonical request as it came, signed with the secret of the stated key, is the stated signature.

1. Everything that needs no secret (``checking``).
2. The body's hash: the stated one, or where none is stated that of the body as it came.
3. The MAC, in constant time. A key that does not exist is answered alike, after the same work under a dummy secret.
4. Where the body has been read already and a hash was stated: the two are compared.
"""

from __future__ import annotations

import hmac
from typing import Final

from mattegate.signing.message import VERIFIED, BodyCover, Message, Stated, Verdict, one_time
from mattegate.signing.sigv4.canonical import canonical
from mattegate.signing.sigv4.checking import check
from mattegate.signing.sigv4.mac import Scope, signature, string_to_sign
from mattegate.signing.sigv4.mismatch import NO_MATCH, mismatch
from mattegate.signing.sigv4.payload import SHA256_HEX
from mattegate.signing.sigv4.rules import UNSIGNED_PAYLOAD, SigV4Rules

_DUMMY: Final = bytes(32)
_UNKNOWN: Final = Verdict("signature.unknown_key", {"aws": "The security token included in the request is invalid."})
_UNREAD: Final = Verdict("internal.error", {"problem": "a signature over the body was verified before it was read"})


def verify(
    message: Message,
    stated: Stated,
    secret: bytes | None,
    *,
    at: float,
    rules: SigV4Rules,
    body_sha256: str = "",
    explain: bool = True,
) -> Verdict:
    """Whether ``stated``, which ``read`` gave of ``message``, is proven; never raises.

    ``secret`` is ``None`` where there is no such key. ``body_sha256``, in lower-case hex, is needed where the body is
    covered as a whole, and compared where a digest is stated; without it the caller compares. ``explain`` off leaves
    out the search for why a signature does not match, for whoever needs only yes or no.
    """
    verdict = check(message, stated, at=at, rules=rules)
    if not verdict.good:
        return verdict
    payload = _payload(stated, body_sha256)
    if not payload:
        return _UNREAD
    form = canonical(message, stated.covered, stated.scheme, payload, rules)
    scope = Scope(stated.particulars["day"], rules.region, rules.service)
    text, key = string_to_sign(form.text(), stated.particulars["date"], scope), secret or _DUMMY
    if hmac.compare_digest(one_time(signature(text, key, scope)), stated.nonce) and secret:
        return _compared(stated, body_sha256)
    if secret is None and rules.aws_exact:
        return _UNKNOWN
    return mismatch(message, stated, form, text, key, scope, known=bool(secret)) if explain else NO_MATCH


def _payload(stated: Stated, body_sha256: str) -> str:
    """What stands at the end of the canonical request; empty where the body would have to be read first."""
    if stated.body is BodyCover.NONE:
        return UNSIGNED_PAYLOAD
    if stated.body is BodyCover.DIGEST:
        return stated.digest
    return body_sha256 if SHA256_HEX.fullmatch(body_sha256) else ""


def _compared(stated: Stated, body_sha256: str) -> Verdict:
    if stated.body is not BodyCover.DIGEST or not body_sha256 or hmac.compare_digest(stated.digest, body_sha256):
        return VERIFIED
    aws = "The provided 'x-amz-content-sha256' header does not match what was computed."  # S3's sentence
    return Verdict("signature.digest", {"stated": stated.digest, "computed": body_sha256, "aws": aws})
