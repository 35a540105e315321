"""Words between the gate and a proxy that asks it on behalf of others: header names, and which proxies there are."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

IDENTITY: Final = "X-Mattegate-Identity"
"""The id of whoever pays."""
KEY: Final = "X-Mattegate-Key"
"""The id of the key that proved it."""
TIER: Final = "X-Mattegate-Tier"
BODY: Final = "X-Mattegate-Body"
"""``unverified`` where a signature let somebody in whose body the gate has not seen; otherwise empty."""
REQUEST: Final = "X-Mattegate-Request-Id"
"""What ``mattegate why`` is asked with."""

TOLD: Final = (IDENTITY, KEY, TIER, BODY, REQUEST)
"""What an upstream is told of whoever was let in; every one is on every yes, so that a proxy overwrites them all."""

STATUS: Final = "X-Mattegate-Status"
"""The real status of a refusal, where a proxy passes only 401 and 403 on."""
PROBLEM: Final = "X-Mattegate-Problem"
"""The problem document in one line of ASCII, for a proxy that drops the body of a refusal."""
REASON: Final = "X-Mattegate-Reason"


class Proxy(StrEnum):
    """The proxies whose way of asking is known."""

    NGINX = "nginx"
    """``auth_request``."""
    CADDY = "caddy"
    """``forward_auth``."""
    TRAEFIK = "traefik"
    """``forwardAuth``."""
    ENVOY = "envoy"
    """``ext_authz`` over HTTP."""
