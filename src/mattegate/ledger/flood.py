"""How address prefixes behave before they prove anything: three rates a prefix, in memory, bounded.

* *unproven*: requests without a credential.
* *failures*: credentials that did not prove good. A prefix whose failures are used up is **penalised**.
* *verifications*: credentials of a penalised prefix that are still looked at, so that somebody who shares it with an
  attacker is slowed down instead of locked out. Beyond them a pair of prefix and key that proved good within the last
  hour is *spared*, whatever its neighbours do. As long as there are any it takes one like all the others, so that
  counting them tells nobody which pairs those are.

Each is a GCRA whose burst is a minute's worth, so everything about a prefix is forgotten by itself a minute after it
stops; nothing that is still being counted is ever evicted. When the table is full of live prefixes, newcomers share
the count of a coarser network (``/16`` of IPv4, ``/32`` of IPv6) in a table of its own; when that is full as well,
all further newcomers share one. So flooding from many networks can make strangers share an allowance for as long as it
lasts, and wins the attacker nothing: an old penalty stays until it has run out, and fresh prefixes come without a
fresh allowance.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from threading import Lock
from typing import Final

from mattegate.vocabulary.facts import FloodFact
from mattegate.vocabulary.rulebook import FloodRules

PROVED_S: Final = 3600.0
"""How long a pair of prefix and key that proved good is spared."""
_MINUTE: Final = 60.0
_SLACK: Final = 5.0
"""How far ahead of a whole burst a count may lie before the clock must have been turned back."""
_ROUNDING: Final = 1e-4
"""What adding up seconds since 1970 as floats may be wrong by."""
_COARSE: Final = {4: 16, 6: 32}
_EVERYBODY: Final = "everybody else"


@dataclass(slots=True)
class _Count:
    """When each of the three is full again."""

    unproven: float = 0.0
    failures: float = 0.0
    verifications: float = 0.0

    def idle(self, at: float) -> bool:
        """Whether there is nothing to remember."""
        return max(self.unproven, self.failures, self.verifications) <= at

    def mend(self, at: float) -> None:
        """Cut what lies further ahead than a whole burst: a clock left it behind that was turned back since."""
        latest = at + _MINUTE
        too_late = latest + _SLACK
        if self.unproven > too_late or self.failures > too_late or self.verifications > too_late:
            self.unproven = min(self.unproven, latest)
            self.failures = min(self.failures, latest)
            self.verifications = min(self.verifications, latest)


class MemoryFloodMeter:
    """A :class:`~mattegate.ledger.protocols.FloodMeter` of at most ``prefixes`` prefixes and as many proved pairs."""

    def __init__(self, *, prefixes: int = 65_536) -> None:
        self._most = prefixes
        self._fine: dict[str, _Count] = {}
        self._coarse: dict[str, _Count] = {}
        self._proved: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._swept_at = 0.0
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._fine) + len(self._coarse)

    def look(self, address: str, rules: FloodRules, *, presented: bool, key_id: str, at: float) -> FloodFact:
        """Count one request that has proved nothing yet."""
        prefix = network_of(address, rules.ipv4_prefix, rules.ipv6_prefix)
        if not rules.enabled:
            return _calm(prefix)
        with self._lock:
            if presented:
                return self._look_at_credential(prefix, address, rules, key_id, at)
            count = self._count(prefix, address, at)
            wait = _wait(count.unproven, rules.unproven_per_minute, at)
            if wait > 0:
                return FloodFact(prefix, unproven_left=False, retry_after_s=wait)
            count.unproven = max(count.unproven, at) + _step(rules.unproven_per_minute)
        return _calm(prefix)

    def proved(self, address: str, rules: FloodRules, *, key_id: str, good: bool, at: float, counted: bool) -> None:
        """What the look-up of the credential said."""
        if not rules.enabled:
            return
        prefix = network_of(address, rules.ipv4_prefix, rules.ipv6_prefix)
        with self._lock:
            if good:
                self._proved_good(prefix, address, rules, key_id, at, counted=counted)
            else:
                count = self._count(prefix, address, at)
                step = _step(rules.failures_per_minute)
                count.failures = min(max(count.failures, at) + step, at + _MINUTE)

    def _look_at_credential(self, prefix: str, address: str, rules: FloodRules, key_id: str, at: float) -> FloodFact:
        count = self._fine.get(prefix) or self._known_coarse(address)
        if count is None:
            return _calm(prefix)
        count.mend(at)
        failing = _wait(count.failures, rules.failures_per_minute, at)
        if failing <= 0:
            return _calm(prefix)
        wait = _wait(count.verifications, rules.verifications_per_minute, at)
        if wait > 0:
            return FloodFact(
                prefix,
                failures_left=False,
                verification_left=False,
                spared=self._is_proved(prefix, key_id, at),
                retry_after_s=min(wait, failing),
            )
        count.verifications = max(count.verifications, at) + _step(rules.verifications_per_minute)
        return FloodFact(prefix, failures_left=False, retry_after_s=failing)

    def _proved_good(
        self, prefix: str, address: str, rules: FloodRules, key_id: str, at: float, *, counted: bool
    ) -> None:
        """Give back what looking took, and remember the pair."""
        if counted and (count := self._fine.get(prefix) or self._known_coarse(address)):
            count.verifications -= _step(rules.verifications_per_minute)
        if key_id:
            self._proved[prefix, key_id] = at + PROVED_S
            self._proved.move_to_end((prefix, key_id))
            if len(self._proved) > self._most:
                self._proved.popitem(last=False)

    def _is_proved(self, prefix: str, key_id: str, at: float) -> bool:
        until = self._proved.get((prefix, key_id), 0.0) if key_id else 0.0
        return at < until <= at + PROVED_S + _SLACK

    def _known_coarse(self, address: str) -> _Count | None:
        """The count that a prefix without one of its own is under now, if there is one."""
        if not self._coarse:
            return None
        return self._coarse.get(coarse_network_of(address)) or self._coarse.get(_EVERYBODY)

    def _count(self, prefix: str, address: str, at: float) -> _Count:
        """The count that a prefix is to be under from now on."""
        count = self._fine.get(prefix) or self._new(prefix, address, at)
        count.mend(at)
        return count

    def _new(self, prefix: str, address: str, at: float) -> _Count:
        self._sweep(at)
        if len(self._fine) < self._most:
            return self._fine.setdefault(prefix, _Count())
        coarse = coarse_network_of(address)
        if coarse not in self._coarse and len(self._coarse) >= self._most:
            coarse = _EVERYBODY
        return self._coarse.setdefault(coarse, _Count())

    def _sweep(self, at: float) -> None:
        """Forget what has run out, when the table is full, and at most every five seconds of either direction."""
        if len(self._fine) < self._most or abs(at - self._swept_at) < 5.0:
            return
        self._swept_at = at
        self._fine = {prefix: count for prefix, count in self._fine.items() if not count.idle(at)}
        self._coarse = {prefix: count for prefix, count in self._coarse.items() if not count.idle(at)}


@lru_cache(maxsize=4_096)
def _calm(prefix: str) -> FloodFact:
    """The fact of a prefix that nothing speaks against, which is the fact of most."""
    return FloodFact(prefix)


def _step(per_minute: int) -> float:
    return _MINUTE / per_minute if per_minute else _MINUTE


def _wait(full_at: float, per_minute: int, at: float) -> float:
    """Seconds until one more fits; at most 0 where it does now."""
    if not per_minute:
        return _MINUTE
    return (max(at, full_at)) + _MINUTE / per_minute - at - _MINUTE - _ROUNDING


@lru_cache(maxsize=65_536)
def network_of(address: str, ipv4_prefix: int, ipv6_prefix: int) -> str:
    """The network an address counts under; what is no address (a Unix socket has none) counts as itself."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return address or "local"
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    bits = ipv4_prefix if ip.version == 4 else ipv6_prefix
    return str(ip_network((ip, bits), strict=False))


def coarse_network_of(address: str) -> str:
    """The network that newcomers share when the table is full."""
    return network_of(address, _COARSE[4], _COARSE[6])
