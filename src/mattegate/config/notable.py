"""What is allowed and yet worth knowing about a configuration: each note says what follows from it and what would help.

Rules of this file: a note is no fault, nothing is refused for it here, and nothing of a secret is in it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from mattegate.config.networks import is_everybody, is_loopback, read_network
from mattegate.config.settings import Settings

_SHORT_KEY: Final = 24
"""Characters below which a brand leaves too little for 128 random bits."""

_PUBLISHED: Final = frozenset({"RMBG-PROD-abc123XYZ", "ACME-20-random-characters"})
"""Keys that everybody has read somewhere."""

_BROWSERS_REMEMBER_S: Final = 7_200


@dataclass(frozen=True, slots=True)
class Note:
    """One thing worth knowing."""

    setting: str
    what: str
    remedy: str
    code: str
    """Names this one thing, whatever the sentence says."""


def notable(settings: Settings, *, given: Collection[str] = (), file: Path | None = None) -> tuple[Note, ...]:
    """Everything notable; ``given`` names what is no default (``tiers.NAME`` too), ``file`` is where it was read."""
    notes = [note for check in _CHECKS for note in check(settings)]
    notes += _unlimited_tiers(settings, given)
    notes += _open_file(settings, file) if file else ()
    return tuple(notes)


def exposed(settings: Settings) -> bool:
    """Whether other machines reach the API over plain HTTP without a declared proxy in between."""
    server = settings.server
    return not (is_loopback(server.host) or server.tls_certificate or settings.network.trusted_proxies)


def _exposure(settings: Settings) -> Iterator[Note]:
    if not exposed(settings):
        return
    remedy = "set server.tls_certificate and server.tls_key, or declare the proxy in network.trusted_proxies"
    if settings.server.insecure:
        yield Note("server.insecure", "keys and images cross the network in the clear", remedy, "insecure_listener")
    else:
        yield Note(
            "server.host",
            f"serve refuses to listen on {settings.server.host}: no TLS and no declared proxy",
            f"{remedy}, or say --insecure",
            "listener_refused",
        )


def _origins(settings: Settings) -> Iterator[Note]:
    cors = settings.cors
    if "*" in cors.allowed_origins:
        sent = " and send a key that its visitor has given it" if _has(cors.allowed_headers, "authorization") else ""
        yield Note(
            "cors.allowed_origins", f"any web page may call this server{sent}", "list your own origins", "cors_star"
        )
    for origin in cors.allowed_origins:
        host = urlsplit(origin.replace(":*", "")).hostname or ""
        if host.startswith("*.") and host.count(".") == 1 and host != "*.localhost":
            yield Note(
                "cors.allowed_origins",
                f"{origin} is every site of a whole top-level domain",
                "name your domain",
                "cors_top_level_domain",
            )
    if cors.shadow:
        yield Note(
            "cors.shadow",
            "origins are judged and recorded, and none is refused",
            "set it to false when done",
            "cors_shadow",
        )
    if cors.max_age_s > _BROWSERS_REMEMBER_S:
        yield Note("cors.max_age_s", "Chromium remembers a preflight for 7200 s at most", "", "cors_max_age")


def _anonymous(settings: Settings) -> Iterator[Note]:
    name = settings.keys.unsafe_anonymous
    if name:
        yield Note(
            "keys.unsafe_anonymous",
            f"callers without a key are served as tier {name}",
            "remove it to ask for keys",
            "anonymous_open",
        )


def _signatures(settings: Settings) -> Iterator[Note]:
    signatures = settings.signatures
    if signatures.unsafe_unsigned_payload:
        yield Note(
            "signatures.unsafe_unsigned_payload",
            "whoever is between a signer and this server may send another body under a good signature",
            "remove it, and have clients sign the hash of the body",
            "payload_unsigned",
        )
    if signatures.unsafe_body_timestamp_hmac:
        yield Note(
            "signatures.unsafe_body_timestamp_hmac",
            "signatures over body and timestamp fit every path and method",
            "remove it once no client needs it; mattegate keys create-signing makes keys for better schemes",
            "body_timestamp_hmac",
        )
    if signatures.aws_exact:
        yield Note(
            "signatures.aws_exact",
            "anybody can find out which ids of signing keys exist",
            "remove it unless a client depends on AWS's answers",
            "signing_ids_told",
        )


def _unlimited_tiers(settings: Settings, given: Collection[str]) -> Iterator[Note]:
    used = {settings.keys.unsafe_anonymous: "keys.unsafe_anonymous"}
    if settings.api_keys:
        used[settings.keys.import_tier] = "keys.import_tier"
    for tier in settings.tiers:
        if not tier.limits and (tier.name in used or f"tiers.{tier.name}" in given):
            setting = used.get(tier.name, f"tiers.{tier.name}")
            yield Note(
                setting,
                f"tier {tier.name} has no limit",
                'give it a rate and a quota, such as "100/hour"',
                "tier_unlimited",
            )


def _proxies(settings: Settings) -> Iterator[Note]:
    network = settings.network
    if any(is_everybody(read_network(text)) for text in network.trusted_proxies):
        yield Note(
            "network.trusted_proxies",
            "everybody's X-Forwarded-For is believed: addresses in records and flood limits can be forged",
            "name the proxies alone",
            "trusts_everyone",
        )
    rules = (*network.allow, *network.deny)
    if rules and not network.trusted_proxies and is_loopback(settings.server.host):
        yield Note(
            "network.allow" if network.allow else "network.deny",
            "address rules judge who connects; behind a proxy on this machine that is always the proxy",
            'trusted_proxies = ["127.0.0.1", "::1"] under [network]',
            "proxy_undeclared",
        )
    if network.allow and all(read_network(text).version == 4 for text in network.allow):
        yield Note(
            "network.allow", "no IPv6 address is let in, not even ::1", "add ::1 and your IPv6 networks", "ipv4_only"
        )


def _limits(settings: Settings) -> Iterator[Note]:
    if not settings.flood.enabled:
        yield Note("flood.enabled", "callers who prove nothing are not limited", "set it to true", "flood_off")
    if settings.limits.store == "memory":
        yield Note("limits.store", "quotas begin anew with every start", 'use "sqlite"', "quotas_in_memory")
    if settings.limits.store == "redis" and settings.limits.on_loss == "local":
        yield Note(
            "limits.on_loss", "while redis is away every process counts rates for itself", "", "limits_local_on_loss"
        )


def _clear_text(settings: Settings) -> Iterator[Note]:
    for setting, url, schemes in (
        ("limits.redis_url", settings.limits.redis_url, {"redis"}),
        ("notices.webhook_url", settings.notices.webhook_url, {"http"}),
        ("authorizer.url", settings.authorizer.url, {"http"}),
    ):
        parts = urlsplit(url)
        if parts.scheme in schemes and not is_loopback(parts.hostname or ""):
            secure = {"redis": "rediss://", "http": "https://"}[parts.scheme]
            yield Note(
                setting, "it crosses the network in the clear", f"use {secure} where the other side can", "clear_text"
            )


def _listed_keys(settings: Settings) -> Iterator[Note]:
    keys = settings.api_keys
    if not keys:
        return
    yield Note(
        "api_keys",
        f"{len(keys)} key{'s' * (len(keys) != 1)} in plain text, of tier {settings.keys.import_tier}",
        "mattegate keys import takes them in, and the list can go",
        "keys_listed",
    )
    if published := sum(key in _PUBLISHED for key in keys):
        yield Note(
            "api_keys",
            f"{published} of them is printed in a guide: everybody knows it",
            "make keys of your own",
            "keys_published",
        )
    if short := sum(len(key) < _SHORT_KEY for key in keys):
        yield Note(
            "api_keys",
            f"{short} of {len(keys)} are shorter than {_SHORT_KEY} characters",
            "use random ones",
            "keys_short",
        )


def _open_file(settings: Settings, file: Path) -> Iterator[Note]:
    urls = (settings.limits.redis_url, settings.notices.webhook_url, settings.authorizer.url)
    secrets = settings.api_keys or any(urls)
    if secrets and file.exists() and os.stat(file).st_mode & (stat.S_IRGRP | stat.S_IROTH):  # noqa: PTH116
        yield Note(
            "(file)",
            "it holds secrets, and other users of this machine may read it",
            f"chmod 600 {file}",
            "file_readable",
        )


def _has(names: tuple[str, ...], name: str) -> bool:
    return name in {each.lower() for each in names}


_CHECKS: Final[tuple[Callable[[Settings], Iterator[Note]], ...]] = (
    _exposure,
    _origins,
    _anonymous,
    _signatures,
    _proxies,
    _limits,
    _clear_text,
    _listed_keys,
)
