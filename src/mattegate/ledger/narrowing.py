"""Whether a key keeps within what bounds it: its identity, the key as it was, or the key that asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

from mattegate.ledger.account_values import REQUIRABLE, origin_of
from mattegate.ledger.host_values import covers_host
from mattegate.vocabulary.facts import IdentityView, KeyKind, KeyView
from mattegate.vocabulary.refusal import Refusal

_SHOWN_BY: Final = {KeyKind.API: "key", KeyKind.SIGNING: "signature", KeyKind.CERTIFICATE: "certificate"}


def shown_at_once(key: KeyView) -> tuple[str, ...]:
    """Every proof that a request with this key brings: its own, and what it requires beside itself."""
    return tuple(proof for proof in REQUIRABLE if proof in key.require or proof == _SHOWN_BY[key.kind])


def require_scopes(scopes: tuple[str, ...] | None, identity: IdentityView) -> None:
    """A key's scopes are among its identity's. Raises :class:`Refusal` ``account.wider``."""
    for scope in scopes or ():
        if not _has(identity.scopes, scope):
            raise Refusal("account.wider", what="the scope", value=scope, owner=f"the identity {identity.name}")


def require_within(key: KeyView, bound: KeyView) -> None:
    """``key`` may do nothing that ``bound``, of the same identity, may not. Raises ``account.wider`` with the first."""
    for what, value in _beyond(key, bound):
        raise Refusal("account.wider", what=what, value=value, owner=f"the key {bound.id}")


def _beyond(key: KeyView, bound: KeyView) -> Iterator[tuple[str, object]]:
    """Everything that ``key`` has and ``bound`` has not."""
    if key.environment != bound.environment:
        yield "the environment", key.environment
    for scope in key.identity.scopes if key.scopes is None else key.scopes:
        if not _has(bound.identity.scopes if bound.scopes is None else bound.scopes, scope):
            yield "the scope", scope
    if bound.require:  # beside the proof of its own kind, which one of another kind must then bring too
        shown = shown_at_once(key)
        yield from (("the freedom from", proof) for proof in shown_at_once(bound) if proof not in shown)
    yield from _lists(key, bound)
    if bound.expires_at is not None and (key.expires_at is None or key.expires_at > bound.expires_at):
        yield "the expiry", "never" if key.expires_at is None else key.expires_at


def _lists(key: KeyView, bound: KeyView) -> Iterator[tuple[str, object]]:
    """Lists in which nothing means everything."""
    for what, has, may in (
        ("the addresses", key.addresses, bound.addresses),
        ("the origins", key.origins, bound.origins),
        ("the models", key.models, bound.models),
        ("the hosts of images", key.url_hosts, bound.url_hosts),
    ):
        if may and not has:
            yield what, "any"
    if bound.addresses:
        yield from (("the address", one) for one in key.addresses if not _in_networks(one, bound.addresses))
    if bound.origins:
        yield from (("the origin", one) for one in key.origins if not _in_origins(one, bound.origins))
    if bound.models:
        yield from (("the model", one) for one in key.models if one not in bound.models)
    if bound.url_hosts:
        yield from (("the host of images", one) for one in key.url_hosts if not covers_host(bound.url_hosts, one))


def _has(scopes: tuple[str, ...], scope: str) -> bool:
    return scope in scopes or "*" in scopes


def _in_networks(network: str, networks: tuple[str, ...]) -> bool:
    return any(_is_within(ip_network(network), ip_network(wide)) for wide in networks)


def _is_within(inner: IPv4Network | IPv6Network, outer: IPv4Network | IPv6Network) -> bool:
    if isinstance(inner, IPv4Network):
        return isinstance(outer, IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, IPv6Network) and inner.subnet_of(outer)


def _in_origins(origin: str, origins: tuple[str, ...]) -> bool:
    return any(origin_of(wide).covers(origin_of(origin)) for wide in origins)
