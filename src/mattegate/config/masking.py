"""Which settings are secrets, and how they are shown: never as they are."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

SECRET: Final = frozenset({"api_keys"})
"""Settings of which nothing is shown."""
URLS: Final = frozenset({"limits.redis_url", "notices.webhook_url", "models.base_url", "authorizer.url"})
"""Settings that may carry a password or a token inside a URL."""

_BY_PATH: Final = frozenset({"notices.webhook_url", "authorizer.url"})
"""Those of which the path itself may be what grants access."""

_WORD: Final = re.compile(r"[A-Za-z]{1,14}\d{0,2}(?:[_-][A-Za-z]{1,14}\d{0,2}){0,4}")


def masked(setting: str, value: object) -> object:
    """``value`` as it may be shown."""
    if setting in SECRET and isinstance(value, tuple | list):
        return tuple(masked_key(str(item)) for item in value)
    if setting in URLS and isinstance(value, str):
        return masked_url(value, path_too=setting in _BY_PATH)
    return value


def masked_key(key: str) -> str:
    """Its length alone."""
    return f"(a key of {len(key)} characters)"


def masked_url(url: str, *, path_too: bool = False) -> str:
    """Without user, password and query; without the path too where that is what grants access.

    A text that cannot be taken apart for certain is not shown at all.
    """
    try:
        parts = urlsplit(url)
        sound = parts.port is None or parts.port >= 0  # reading the port raises where it is part of a password
    except ValueError:
        sound = False
    if not url or not sound or "@" in parts.path + parts.query + parts.fragment or not parts.scheme:
        return "(a URL)" if url else ""
    if not parts.netloc and parts.scheme != "unix":
        return "(a URL)"
    _, user, host = parts.netloc.rpartition("@")
    path = "/***" if path_too and parts.path.strip("/") else parts.path
    return f"{parts.scheme}://{'***@' if user else ''}{host}{path}{'?***' if parts.query else ''}"


def shown_name(name: str) -> str:
    """A name as it stood in a file, unless it looks like a key that was put where a name belongs."""
    return name if _WORD.fullmatch(name) else f"(a name of {len(name)} characters)"
