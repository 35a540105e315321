"""From settings to the rulebook that decisions go by; pure, and the same settings give the same revision everywhere.

A rulebook is stored with records and shown to operators, so nothing of a key may get into it but a brand that many
keys share: :func:`foreign_prefix` would rather know none than give away a part of a secret.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import fields
from typing import Final
from urllib.parse import urlsplit

from mattegate.config.issuers import issuer_of
from mattegate.config.networks import read_network, shown_network
from mattegate.config.origins import normal_origin
from mattegate.config.settings import (
    AuthorizerSettings,
    CorsSettings,
    HostSettings,
    NetworkSettings,
    RequireSettings,
    Settings,
)
from mattegate.config.tier_words import PROOFS
from mattegate.vocabulary.rulebook import (
    AuthorizerRules,
    CertificateRules,
    CorsRules,
    CredentialRules,
    HostRules,
    NetworkRule,
    NetworkRules,
    PolicyText,
    Rulebook,
    TransportRules,
)
from mattegate.vocabulary.rulebook_of_tokens import OwnTokens

_BRANDED: Final = re.compile(r"(?P<brand>(?:[A-Za-z]{2,8}[-_]){1,2})(?P<rest>[A-Za-z0-9]{8,})")


def build_rulebook(
    settings: Settings,
    *,
    foreign_keys: bool = False,
    foreign_prefixes: Collection[str] = (),
    policies: tuple[PolicyText, ...] = (),
) -> Rulebook:
    """The rulebook of these settings.

    ``foreign_keys`` says whether the ledger holds keys that were brought from elsewhere, ``foreign_prefixes`` how
    those begin; the keys listed in the configuration join them. ``policies`` are those of the files in
    ``policies.folder``, which :mod:`mattegate.config.policies` reads.
    """
    return Rulebook(
        transport=TransportRules(settings.server.require_tls),
        host=_host(settings.hosts),
        network=_network(settings.network),
        flood=settings.flood,
        cors=_cors(settings.cors),
        credential=_credential(settings, foreign_keys, foreign_prefixes),
        tiers=settings.tiers,
        signature=settings.signatures,
        authorizer=_authorizer(settings.authorizer),
        certificate=CertificateRules(settings.certificates.mode, settings.certificates.header),
        require=tuple(_required(settings.require)),
        issuers=settings.tokens.issuers,
        tokens=_tokens(settings),
        policies=policies,
    )


def foreign_prefix(key: str) -> str:
    """How a key from elsewhere begins, as far as that is a brand and no secret; empty where it cannot be told.

    ``RMBG-PROD-abc123XYZ`` begins with ``RMBG-PROD-``. At most two words of letters are a brand, and only in front
    of one unbroken run that looks random; passphrases and UUIDs have none.
    """
    found = _BRANDED.fullmatch(key)
    if found is None or not _looks_random(found["rest"]):
        return ""
    return found["brand"]


def _looks_random(text: str) -> bool:
    return any(char.isdigit() for char in text) and any(char.isalpha() for char in text)


def _host(hosts: HostSettings) -> HostRules:
    return HostRules(
        names=_once(map(_host_name, hosts.names)),
        default_endpoint=hosts.default_endpoint,
        private_names=_once(map(_host_name, hosts.private_names)),
        private_networks=_networks(hosts.private_networks),
    )


def _host_name(name: str) -> str:
    return name.lower().removesuffix(".")


def _network(network: NetworkSettings) -> NetworkRules:
    """Denials before allowances, what is enforced before what is on trial."""
    ordered = (
        (network.deny, False, False),
        (network.allow, True, False),
        (network.shadow_deny, False, True),
        (network.shadow_allow, True, True),
    )
    rules = [NetworkRule(text, allow, shadow) for texts, allow, shadow in ordered for text in _networks(texts)]
    return NetworkRules(trusted_proxies=_networks(network.trusted_proxies), rules=tuple(rules))


def _cors(cors: CorsSettings) -> CorsRules:
    return CorsRules(
        origins=_once(map(normal_origin, cors.allowed_origins)),
        headers=_once(header.lower() for header in cors.allowed_headers),
        credentials=cors.credentials,
        max_age_s=cors.max_age_s,
        explain=cors.explain,
        public_urls=_once(normal_origin(url, patterns=False) for url in cors.public_urls),
        shadow=cors.shadow,
    )


def _credential(settings: Settings, foreign_keys: bool, foreign_prefixes: Collection[str]) -> CredentialRules:
    keys = settings.keys
    prefixes = ((keys.prefix_prod, "prod"), (keys.prefix_test, "test"))
    listed = {foreign_prefix(key) for key in settings.api_keys}
    return CredentialRules(
        prefixes=prefixes,
        foreign_prefixes=tuple(sorted({*foreign_prefixes, *listed} - {""})),
        foreign_keys=foreign_keys or "" in listed,
        environments=tuple(sorted(set(keys.environments))),
        unknown_status=keys.unknown_status,
        anonymous_tier=keys.unsafe_anonymous,
    )


def authorizer_name(authorizer: AuthorizerSettings) -> str:
    """What records call it: the callable, or the address without its path, which may be a secret; empty: none."""
    if not authorizer.url:
        return authorizer.callable
    parts = urlsplit(authorizer.url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()


def _authorizer(authorizer: AuthorizerSettings) -> AuthorizerRules:
    return AuthorizerRules(
        name=authorizer_name(authorizer),
        sources=_once(map(str.lower, authorizer.sources)),
        most_ttl_s=authorizer.ttl_s,
        timeout_s=authorizer.timeout_s,
        except_routes=_once(authorizer.except_routes),
    )


_ROUTES: Final = {"keys": ("keys", "key", "key_rotate")}
"""Settings that are for several routes."""


def _required(require: RequireSettings) -> Iterator[tuple[str, tuple[str, ...]]]:
    """By the names of routes; those of which nothing is required are left out."""
    for field in fields(require):
        if proofs := getattr(require, field.name):
            ordered = tuple(proof for proof in PROOFS if proof in proofs)
            yield from ((route, ordered) for route in _ROUTES.get(field.name, (field.name,)))


def _tokens(settings: Settings) -> OwnTokens:
    tokens = settings.tokens
    return OwnTokens(
        issuer=issuer_of(settings) if tokens.enabled or tokens.issuers else "",
        binding=tokens.binding,
        scopes=_once(tokens.scopes),
        proof_nonce=tokens.proof_nonce,
    )


def _networks(texts: Iterable[str]) -> tuple[str, ...]:
    return _once(shown_network(read_network(text)) for text in texts)


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
