"""The rulebook compiled: networks parsed, patterns built, constants of the wire encoded, once for all decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mattegate.gate.hosts import Hosts
from mattegate.gate.networks import Networks
from mattegate.gate.origins import Origins
from mattegate.gate.policies.compiled import Policies
from mattegate.gate.tokens import Trusted
from mattegate.vocabulary.facts import IdentityView, KeyView, LimitKind
from mattegate.vocabulary.rulebook import CorsRules, CredentialRules, Limit, NetworkRules, Rulebook, Tier

ANONYMOUS: Final = "anonymous"
"""The id of the identity, and of its key, that callers without a credential are served as where that is allowed."""

UNIX_SOCKET: Final = "unix"
"""Stands in ``network.trusted_proxies`` for whatever speaks over a Unix socket."""

_PRIORITIES: Final = frozenset({"vip", "standard", "bulk"})


@dataclass(frozen=True, slots=True)
class AddressRules:
    """Which addresses are heard: the rules of the network layer, parted by what they do."""

    denied: Networks
    allowed: Networks
    shadow_denied: Networks
    shadow_allowed: Networks

    def __bool__(self) -> bool:
        return bool(self.denied or self.allowed or self.shadow_denied or self.shadow_allowed)


@dataclass(frozen=True, slots=True)
class Rules:
    """A rulebook, ready to decide by."""

    rulebook: Rulebook
    revision: str
    trusted: Networks
    trusts_socket: bool
    """Whether the far end of a Unix socket is a declared proxy."""
    addresses: AddressRules
    names: Hosts
    private_names: Hosts
    private_networks: Networks
    origins: Origins
    home: Origins
    """The origins of this service itself."""
    page_headers: frozenset[str]
    """What a page may send."""
    tiers: Mapping[str, Tier]
    environments: frozenset[str]
    anonymous: KeyView | None
    """Whom callers without a credential are served as; ``None``: nobody."""
    any_network: bool
    """Whether nothing is said of addresses or proxies at all."""
    any_host: bool
    """Whether nothing is said of hosts at all."""
    required_on: Mapping[str, tuple[str, ...]]
    """What must be shown at once, by the name of the route."""
    tokens: Trusted
    policies: Policies | None
    """``None``: there are none, and scopes and bindings alone decide."""

    @classmethod
    def of(cls, rulebook: Rulebook) -> Rules:
        """Compile a rulebook. Raises ``ValueError`` naming the setting and the bad value."""
        tiers = _tiers(rulebook.tiers)
        network, host = rulebook.network, rulebook.host
        return cls(
            rulebook=rulebook,
            revision=rulebook.revision(),
            trusted=_trusted(network.trusted_proxies),
            trusts_socket=UNIX_SOCKET in network.trusted_proxies,
            addresses=_addresses(network),
            names=Hosts.of(host.names, "hosts.names"),
            private_names=Hosts.of(host.private_names, "hosts.private_names"),
            private_networks=Networks.of(host.private_networks, "hosts.private_networks"),
            origins=_origins(rulebook.cors),
            home=Origins.of(rulebook.cors.public_urls, "cors.public_urls"),
            page_headers=_page_headers(rulebook.cors),
            tiers=tiers,
            environments=frozenset(rulebook.credential.environments),
            anonymous=_anonymous(rulebook.credential, tiers),
            any_network=not (network.rules or network.trusted_proxies),
            any_host=not (host.names or host.private_names) and host.default_endpoint,
            required_on=dict(rulebook.require),
            tokens=Trusted.of(rulebook),
            policies=Policies(rulebook.policies) if rulebook.policies else None,
        )


def _trusted(proxies: tuple[str, ...]) -> Networks:
    trusted = Networks.of((text for text in proxies if text != UNIX_SOCKET), "network.trusted_proxies")
    for network in trusted.members:
        if network.mask == 0:
            raise ValueError(
                f"network.trusted_proxies: {network.text!r} would believe everybody, so that any caller could choose "
                "an address; name the proxies"
            )
    return trusted


def _addresses(network: NetworkRules) -> AddressRules:
    def part(*, allow: bool, shadow: bool) -> Networks:
        chosen = (rule.network for rule in network.rules if rule.allow is allow and rule.shadow is shadow)
        return Networks.of(chosen, "network.allow" if allow else "network.deny")

    return AddressRules(
        denied=part(allow=False, shadow=False),
        allowed=part(allow=True, shadow=False),
        shadow_denied=part(allow=False, shadow=True),
        shadow_allowed=part(allow=True, shadow=True),
    )


def _origins(cors: CorsRules) -> Origins:
    origins = Origins.of(cors.origins, "cors.allowed_origins")
    if origins.every and cors.credentials:
        raise ValueError("cors.allowed_origins: '*' cannot stand together with cors.credentials = true; name the pages")
    return origins


def _page_headers(cors: CorsRules) -> frozenset[str]:
    for name in cors.headers:
        if not is_token(name):
            raise ValueError(f"cors.allowed_headers: {name!r} is not the name of a header")
    return frozenset(name.lower() for name in cors.headers)


def is_token(name: str) -> bool:
    """Whether a text can be the name of a header (RFC 9110, section 5.6.2); ``*`` is one."""
    return bool(name) and name.isascii() and all(char.isalnum() or char in "!#$%&'*+-.^_`|~" for char in name)


def _tiers(tiers: tuple[Tier, ...]) -> dict[str, Tier]:
    known: dict[str, Tier] = {}
    for tier in tiers:
        if tier.name in known:
            raise ValueError(f"tiers: {tier.name!r} stands there twice")
        if tier.priority not in _PRIORITIES:
            raise ValueError(f"tiers.{tier.name}.priority: {tier.priority!r} is none of vip, standard, bulk")
        _check_limits(tier)
        known[tier.name] = tier
    return known


def _check_limits(tier: Tier) -> None:
    names = [limit.name for limit in tier.limits]
    for limit in tier.limits:
        if problem := _problem(limit) or ("it stands there twice" if names.count(limit.name) > 1 else ""):
            raise ValueError(f"tiers.{tier.name}: the limit {limit.name!r} cannot be used: {problem}")


def _problem(limit: Limit) -> str:
    if limit.kind not in set(LimitKind):
        return f"the kind {limit.kind!r} is none of {', '.join(LimitKind)}"
    if limit.amount < 0 or limit.burst < 0:
        return "a count below zero"
    if limit.kind != LimitKind.CREDITS and limit.window_s <= 0:
        return f"a window of {limit.window_s} s"
    return ""


def _anonymous(credential: CredentialRules, tiers: Mapping[str, Tier]) -> KeyView | None:
    if credential.unknown_status not in {401, 403}:
        raise ValueError(f"keys.unknown_status: {credential.unknown_status} is neither 401 nor 403")
    tier = credential.anonymous_tier
    if not tier:
        return None
    if tier not in tiers:
        raise ValueError(f"keys.unsafe_anonymous: there is no tier {tier!r}")
    return KeyView(ANONYMOUS, IdentityView(ANONYMOUS, ANONYMOUS, tier), name=ANONYMOUS)
