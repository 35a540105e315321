"""Where an issuer publishes its keys: OpenID Connect Discovery 1.0, or authorization server metadata (RFC 8414).

A document counts only if the issuer that it names is exactly, character for character, the one that was asked for
(OpenID Connect Discovery 1.0, section 4.3; RFC 8414, section 3.3); otherwise any document that someone can place below
an address could speak for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from mattegate.outbound.blocked import Blocked, Cause
from mattegate.outbound.fetch import Fetched, GuardedHttp
from mattegate.outbound.guard_rules import OutboundRules
from mattegate.outbound.guard_url import read_url

_MAX_METADATA: Final = 256 * 1024
_MAX_KEYS: Final = 512 * 1024
_ACCEPT: Final = "application/json"
_KEYS: Final = "application/jwk-set+json, application/json"


class _Metadata(msgspec.Struct):
    """The members that are looked at."""

    issuer: str
    jwks_uri: str


@dataclass(frozen=True, slots=True)
class Issuer:
    """A token issuer that publishes its metadata.

    Raises :class:`~mattegate.outbound.blocked.Blocked` for an issuer that is no address, or has a query or a fragment.
    """

    url: str

    def __post_init__(self) -> None:
        if "?" in self.url or "#" in self.url:
            raise Blocked(Cause.URL, "an issuer has neither query nor fragment (RFC 8414, section 2)")
        read_url(self.url)

    def places(self) -> tuple[str, str]:
        """Where its metadata may lie: below the issuer (OpenID Connect), or before its path (RFC 8414, section 3.1)."""
        base = self.url.removesuffix("/")
        target = read_url(base)
        path = target.path.removesuffix("/")
        return (
            f"{base}/.well-known/openid-configuration",
            f"{target.origin}/.well-known/oauth-authorization-server{path}",
        )


async def discovered_keys(http: GuardedHttp, issuer: Issuer, rules: OutboundRules) -> Fetched:
    """The key set document of ``issuer``, found by its metadata.

    Both are asked for anew each time, so a key set that moves is found where it is. Raises
    :class:`~mattegate.outbound.blocked.Blocked`: ``type`` for metadata that is none or names another issuer, and what
    fetching raises.
    """
    own = rules.trusting(issuer.url)
    metadata = _read(await _metadata(http, issuer, own), issuer)
    if read_url(issuer.url).scheme == "https" and read_url(metadata.jwks_uri).scheme != "https":
        raise Blocked(Cause.SCHEME, "an issuer with https publishes its keys without", scheme="http")
    return await published_keys(http, metadata.jwks_uri, own)


async def published_keys(http: GuardedHttp, url: str, rules: OutboundRules) -> Fetched:
    """The key set document at ``url``. Raises :class:`~mattegate.outbound.blocked.Blocked`."""
    return await http.fetch(url, rules, accept=_KEYS, max_bytes=_MAX_KEYS)


async def _metadata(http: GuardedHttp, issuer: Issuer, rules: OutboundRules) -> bytes:
    first, second = issuer.places()
    try:
        return (await http.fetch(first, rules, accept=_ACCEPT, max_bytes=_MAX_METADATA)).body
    except Blocked as blocked:
        if blocked.facts.get("status") != 404:
            raise
    return (await http.fetch(second, rules, accept=_ACCEPT, max_bytes=_MAX_METADATA)).body


def _read(body: bytes, issuer: Issuer) -> _Metadata:
    try:
        metadata = msgspec.json.decode(body, type=_Metadata)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Blocked(Cause.TYPE, "the issuer's metadata is no JSON object with issuer and jwks_uri") from error
    if metadata.issuer != issuer.url:
        raise Blocked(
            Cause.TYPE, f"the metadata names the issuer {metadata.issuer[:200]!a}, not {issuer.url!a}",
            issuer=metadata.issuer[:200],
        )  # fmt: skip
    return metadata
