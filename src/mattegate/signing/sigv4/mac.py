"""The derived signing key, and the signature under it.

A signing key holds for one day, region and service; deriving it costs more than using it, so a bounded number of them
is remembered. The cache holds secrets, as the process does that looked them up; nothing shows its contents.
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from mattegate.signing.sigv4.rules import ALGORITHM, TERMINATOR


class Scope(NamedTuple):
    """What a signing key is good for."""

    day: str
    """``20150830``."""
    region: str
    service: str

    def __str__(self) -> str:
        return f"{self.day}/{self.region}/{self.service}/{TERMINATOR}"


@lru_cache(maxsize=256)
def signing_key(secret: bytes, scope: Scope) -> bytes:
    """The 32 bytes that sign within ``scope``."""
    key = b"AWS4" + secret
    for part in (*scope, TERMINATOR):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def string_to_sign(canonical_request: bytes, date: str, scope: Scope) -> str:
    """Algorithm, date, scope and the hash of the canonical request, a line each."""
    return f"{ALGORITHM}\n{date}\n{scope}\n{sha256(canonical_request).hexdigest()}"


def signature(text: str, secret: bytes, scope: Scope) -> str:
    """The signature over a string to sign, in lower-case hex."""
    return hmac.digest(signing_key(secret, scope), text.encode(), "sha256").hex()
