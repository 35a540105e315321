"""What a token says of itself, read without any key: to part tokens from API keys, to find its issuer's rules and keys,
and for the record. None of it is true until :func:`~.verify.verify` says so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mattegate.signing.message import Verdict
from mattegate.signing.tokens import base64url
from mattegate.signing.tokens.causes import Cause, answering, shown
from mattegate.signing.tokens.compact import MOST_OF_HEADER, unpack
from mattegate.signing.tokens.json_object import read_object
from mattegate.signing.tokens.rules import TokenRules

_SEGMENTS: Final = re.compile(r"([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class StatedToken:
    """What a token says of itself; texts are cut to 256 characters and print."""

    issuer: str
    key_id: str
    algorithm: str
    typ: str
    expires: float | None = None
    """Unix seconds, where it states a number."""


def looks_like_token(text: str) -> bool:
    """Whether it is three segments of base64url, of which the first is JSON that speaks of ``alg``; never raises."""
    found = _SEGMENTS.fullmatch(text)
    if found is None or len(found[1]) > MOST_OF_HEADER:
        return False
    header = base64url.decode(found[1]) or b""
    return header.lstrip().startswith(b"{") and b'"alg"' in header


@answering
def read(text: str) -> StatedToken:
    """Read what ``text`` states, or why it cannot be a token that is verified here; never raises."""
    token = unpack(text)
    claims = read_object(token.payload, "payload")
    expires = claims.get("exp")
    known = isinstance(expires, int | float) and not isinstance(expires, bool) and abs(expires) < 2**53
    return StatedToken(
        shown(claims.get("iss")),
        shown(token.key_id),
        shown(token.algorithm),
        shown(token.typ),
        float(expires) if known and isinstance(expires, int | float) else None,
    )


def rules_for(stated: StatedToken, trusted: Sequence[TokenRules]) -> TokenRules | Verdict:
    """The rules that a token is to be verified by: those of its issuer, and of its type where an issuer has several."""
    of_issuer = [rules for rules in trusted if rules.issuer == stated.issuer]
    if not of_issuer:
        return Verdict(Cause.ISSUER, {"issuer": stated.issuer})
    return next((rules for rules in of_issuer if rules.takes(stated.typ)), of_issuer[0])
