"""``Authorization: Basic`` as nginx reads it (``ngx_http_auth_basic_user``, RFC 7617)."""

from __future__ import annotations

import base64
from binascii import Error as BadBase64


def basic(value: str | None) -> tuple[str, str] | None:
    """User and password; ``None`` where there are none."""
    if value is None or value[:6].lower() != "basic ":
        return None
    try:
        text = base64.b64decode(value[6:].strip(), validate=True).decode("latin-1")
    except (BadBase64, ValueError):
        return None
    user, colon, password = text.partition(":")
    return (user, password) if colon and user else None
