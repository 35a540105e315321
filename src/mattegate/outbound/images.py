"""An image from an address that a caller named.

The caller is a stranger here: no inner address whatever he writes, and where his key names hosts, no host but those,
on every redirect too. What the other side says its content is, is not believed; only a page instead of an image is
refused at once, because it explains itself better as such. What the bytes are, whoever decodes them finds out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mattegate.outbound.blocked import Blocked, Cause
from mattegate.outbound.fetch import Fetched, GuardedHttp
from mattegate.outbound.guard_rules import OutboundRules

_ACCEPT: Final = "image/*, application/octet-stream;q=0.5"
_PLAIN_BYTES: Final = frozenset({"", "application/octet-stream", "binary/octet-stream"})


async def fetch_image(
    http: GuardedHttp,
    url: str,
    rules: OutboundRules,
    *,
    hosts: Iterable[str] | None = None,
    max_bytes: int | None = None,
) -> Fetched:
    """The image at ``url``, at most ``max_bytes`` (else the rules') long.

    ``hosts``: names and ``*.name`` patterns of the caller's key; ``None``: any that ``rules`` allow. Raises
    :class:`~mattegate.outbound.blocked.Blocked`; tell its ``cause.public``, keep its problem for the operator.
    """
    narrowed = rules if hosts is None else rules.only(hosts)
    fetched = await http.fetch(url, narrowed, accept=_ACCEPT, max_bytes=max_bytes)
    kind = fetched.content_type
    if not kind.startswith("image/") and kind not in _PLAIN_BYTES:
        raise Blocked(Cause.TYPE, f"the address holds {kind[:60]!a}, not an image", content_type=kind[:60])
    return fetched
