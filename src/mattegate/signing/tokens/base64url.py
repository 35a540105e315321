"""Base64url without padding (RFC 7515, section 2), in the one spelling that each sequence of bytes has.

Other spellings (padding, white space, the alphabet of plain base64, unused bits that are not zero) would let one signed
text be written in several ways.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode


def encode(data: bytes) -> str:
    """The one spelling of ``data``."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes | None:
    """The bytes of a text that is spelled exactly so; ``None`` for every other."""
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:  # also binascii.Error, and characters beyond ASCII
        return None
    return data if encode(data) == text else None
