"""The published keys of other issuers, each kept by itself and fetched through the guard.

Where an issuer's keys cannot be had, nothing is known about its tokens: that is a failed dependency and never a refusal
of the token (:mod:`mattegate.outbound.jwks` has the rules of freshness).
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from mattegate.ledger.protocols import Unavailable
from mattegate.outbound.configured import host_names
from mattegate.outbound.discovery import Issuer, discovered_keys, published_keys
from mattegate.outbound.fetch import GuardedHttp
from mattegate.outbound.guard_rules import PUBLIC_WEB, OutboundRules
from mattegate.outbound.jwks import KeepingRules, KeysUnavailable, RemoteKeys
from mattegate.signing.tokens.key_set import KeySet, needs_refresh, read_key_set

if TYPE_CHECKING:
    from collections.abc import Callable

    from mattegate.outbound.fetch import Fetched
    from mattegate.signing.tokens.stated import StatedToken
    from mattegate.vocabulary.rulebook_of_tokens import TokenIssuer

_LOG: Final = logging.getLogger("mattegate.keys")
_LONGEST_S: Final = 5.0
"""Requests wait for the first fetch."""
_Place = tuple[str, str, tuple[str, ...], float]


class IssuerKeys:
    """Key sets by issuer; one for an event loop.

    ``rules`` are those for addresses that the operator set; ``clock`` gives seconds that never go back.
    """

    def __init__(
        self, http: GuardedHttp | None = None, *, rules: OutboundRules = PUBLIC_WEB,
        clock: Callable[[], float] = time.monotonic, keeping: KeepingRules | None = None,
    ) -> None:  # fmt: skip
        self._http = http or GuardedHttp()
        self._rules = replace(rules, total_s=min(rules.total_s, _LONGEST_S))
        self._clock = clock
        self._keeping = keeping or KeepingRules()
        self._kept: dict[str, tuple[_Place, RemoteKeys[KeySet]]] = {}
        """By the name of the issuer, with what they rest on: another configuration begins anew."""

    async def of(self, issuer: TokenIssuer, stated: StatedToken) -> KeySet:
        """The keys to judge ``stated`` by, asked for anew where none of them can be its own.

        Raises :class:`~mattegate.ledger.protocols.Unavailable` ``keyset``.
        """
        remote = self._remote(issuer)
        try:
            keys = await remote.current()
            return await remote.after_unknown() if needs_refresh(keys, stated) else keys
        except KeysUnavailable as error:
            raise Unavailable("keyset", f"{issuer.name}: {error.problem}") from error

    async def newer(self, issuer: TokenIssuer, than: KeySet) -> KeySet | None:
        """Other keys than those that a signature did not fit: some issuers rotate under one name, or under none.

        ``None`` where there are none, or it is too soon to ask, or nobody answers: then the last ones count.
        """
        try:
            keys = await self._remote(issuer).after_unknown()
        except KeysUnavailable:
            return None
        return keys if keys != than else None

    async def aclose(self) -> None:
        """Ask nobody any more."""
        for _, remote in self._kept.values():
            await remote.aclose()

    def _remote(self, issuer: TokenIssuer) -> RemoteKeys[KeySet]:
        place = (issuer.issuer, issuer.jwks_uri, issuer.inner_hosts, issuer.stale_s)
        known = self._kept.get(issuer.name)
        if known is not None and known[0] == place:
            return known[1]
        rules = replace(self._keeping, stale=issuer.stale_s)
        load, parse = partial(self._load, issuer), partial(_parse, issuer.name)
        remote = RemoteKeys(load, parse, clock=self._clock, rules=rules)
        self._kept[issuer.name] = (place, remote)
        return remote

    async def _load(self, issuer: TokenIssuer) -> Fetched:
        rules = replace(self._rules, allow_hosts=(*self._rules.allow_hosts, *host_names(issuer.inner_hosts)))
        if issuer.jwks_uri:
            return await published_keys(self._http, issuer.jwks_uri, rules.trusting(issuer.jwks_uri))
        return await discovered_keys(self._http, Issuer(issuer.issuer), rules)


def _parse(name: str, document: bytes) -> KeySet:
    keys = read_key_set(document)
    for note in keys.notes:
        _LOG.warning("keys of %s: %s", name, note)
    return keys
