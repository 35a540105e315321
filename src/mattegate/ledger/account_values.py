"""What identities and keys may be given: every value is checked here before it is stored, and refused with its fault.

All functions raise :class:`Refusal` ``account.invalid`` with ``what``, ``value`` and ``problem``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

from mattegate.signing.key_material import Algorithm
from mattegate.vocabulary.facts import LimitKind
from mattegate.vocabulary.refusal import Refusal
from mattegate.vocabulary.rulebook import Limit

SCOPES: Final = ("cutout", "self", "keys", "usage", "*")
"""Every scope there is; ``*`` stands for all of them, those to come included."""

REQUIRABLE: Final = ("key", "signature", "certificate")
"""What a request may have to show at once."""

RESERVED: Final = frozenset({"config", "anonymous"})
"""Names of identities that are not stored."""

_LONGEST: Final = 100
_LAST_SECOND: Final = 253_402_300_799.0  # the year 9999
_MODEL: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_LIMIT: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_ACTOR: Final = re.compile(r"(cli|admin|key|task):[^\s\x00-\x1f\x7f]{1,100}")
_ORIGIN: Final = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<below>\*\.)?"
    r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)(?::(?P<port>[1-9][0-9]{0,4}|\*))?"
)
_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_DEFAULT_PORTS: Final = {("http", "80"), ("https", "443")}


def invalid(what: str, value: object, problem: str) -> Refusal:
    """The refusal of one value."""
    return Refusal("account.invalid", what=what, value=value, problem=problem)


def checked_text(what: str, text: str, *, empty: bool = False) -> str:
    """A name or a contact: up to 100 printable characters, without space around it."""
    if not text and not empty:
        raise invalid(what, text, "it is empty")
    if len(text) > _LONGEST:
        raise invalid(what, text[:_LONGEST] + "…", f"it has more than {_LONGEST} characters")
    if not text.isprintable() or text != text.strip():
        raise invalid(
            what, text.encode("ascii", "backslashreplace").decode(), "only printable characters, no space at the ends"
        )
    return text


def checked_name(name: str) -> str:
    """The name of an identity or an admin, which must not be taken for an id."""
    if name in RESERVED or re.match(r"id_|cfg_|imp_", name):
        raise invalid("name", name, "this name is used by the service itself")
    return checked_text("name", name)


def checked_actor(actor: str) -> str:
    """Who acts: ``cli:USER``, ``admin:ID``, ``key:ID``, ``task:NAME``. A wrong one is a bug: ``ValueError``."""
    if not _ACTOR.fullmatch(actor) or not actor.isprintable():
        raise ValueError(f"not an actor: {actor!r}")
    return actor


def checked_tier(tier: str, tiers: Collection[str]) -> str:
    """A tier of the configuration."""
    if tier not in tiers:
        raise invalid("tier", tier, f"there is no such tier; there are {', '.join(sorted(tiers)) or 'none'}")
    return tier


def checked_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """Known scopes, each once, at least one."""
    given = _once("scopes", scopes)
    for scope in given:
        if scope not in SCOPES:
            raise invalid("scopes", scope, f"known scopes are {', '.join(SCOPES)}")
    if not given:
        raise invalid("scopes", "", "at least one is needed; disable what must do nothing")
    if len(given) > 1 and "compat-hmac" in given:
        raise invalid("schemes", "compat-hmac", "it is so weak that it needs a secret of its own: make another key")
    return given


def checked_require(proofs: Iterable[str]) -> tuple[str, ...]:
    """Proofs that a request must bring at once, in one order."""
    given = _once("require", proofs)
    for proof in given:
        if proof not in REQUIRABLE:
            raise invalid("require", proof, f"what can be required is {', '.join(REQUIRABLE)}")
    return tuple(proof for proof in REQUIRABLE if proof in given)


SCHEMES: Final = ("hmac", "rfc9421", "sigv4", "compat-hmac")
"""How requests are signed; the last one only where it is named."""


def checked_schemes(schemes: Iterable[str], algorithm: str) -> tuple[str, ...]:
    """Signing schemes that suit ``algorithm``; none given: every one that does, but the last."""
    if algorithm not in set(Algorithm):
        raise invalid("algorithm", algorithm, f"signing keys are made for {', '.join(Algorithm)}")
    given = _once("schemes", schemes)
    for scheme in given:
        if scheme not in SCHEMES:
            raise invalid("schemes", scheme, f"known schemes are {', '.join(SCHEMES)}")
        if scheme != "rfc9421" and algorithm != Algorithm.HMAC_SHA256:
            raise invalid("schemes", scheme, f"it is made with a shared secret, and {algorithm} has none")
    if "compat-hmac" in given and len(given) > 1:
        raise invalid("schemes", "compat-hmac", "it is so weak that it needs a secret of its own: make another key")
    return given


def checked_models(models: Iterable[str]) -> tuple[str, ...]:
    """Names of models, by their form: which ones are installed changes."""
    given = _once("models", models)
    for model in given:
        if not _MODEL.fullmatch(model):
            raise invalid("models", model, "a model's name is small letters, digits, '.', '_' and '-'")
    return given


def checked_networks(networks: Iterable[str]) -> tuple[str, ...]:
    """Addresses and networks, spelled in one way (RFC 4632, RFC 5952)."""
    return _once("addresses", (str(network_of(network)) for network in _once("addresses", networks)))


def network_of(network: str) -> IPv4Network | IPv6Network:
    """One address or network."""
    if "%" in network:
        raise invalid("addresses", network, "a zone has no meaning to other machines")
    try:
        parsed = ip_network(network)
    except ValueError as error:
        raise invalid("addresses", network, _network_problem(network, error)) from None
    if isinstance(parsed, IPv6Network) and parsed.subnet_of(_MAPPED):
        raise invalid("addresses", network, "it is an IPv4 network; write it as one")
    return parsed


def _network_problem(network: str, error: ValueError) -> str:
    try:
        return f"it has bits beyond its mask; {ip_network(network, strict=False)} is the network"
    except ValueError:
        return str(error)


@dataclass(frozen=True, slots=True)
class OriginPattern:
    """An origin, or several: ``http://localhost:*``, ``https://*.example.com``."""

    scheme: str
    below: bool
    """Every name below ``host``, not ``host`` itself."""
    host: str
    port: str
    """Empty for the scheme's own, ``*`` for any."""

    def covers(self, other: OriginPattern) -> bool:
        """Whether every origin of ``other`` is one of these."""
        if self.scheme != other.scheme or self.port not in ("*", other.port):
            return False
        if self.below:
            return other.host.endswith("." + self.host) or (other.below and other.host == self.host)
        return not other.below and other.host == self.host


def origin_of(origin: str) -> OriginPattern:
    """One origin pattern (RFC 6454, section 6.2, with ``*`` for the lowest names or the port)."""
    found = _ORIGIN.fullmatch(origin)
    if found is None:
        raise invalid("origins", origin, "an origin reads https://www.example.com, in small letters, without a path")
    scheme, port = found["scheme"], found["port"] or ""
    if (scheme, port) in _DEFAULT_PORTS:
        raise invalid("origins", origin, f"browsers leave out the port {port} of {scheme}")
    if port.isdigit() and int(port) > 65_535:
        raise invalid("origins", origin, "a port is at most 65535")
    return OriginPattern(scheme, bool(found["below"]), found["host"], port)


def checked_origins(origins: Iterable[str]) -> tuple[str, ...]:
    """Origin patterns, as written."""
    given = _once("origins", origins)
    for origin in given:
        origin_of(origin)
    return given


def checked_expiry(expires_at: float | None, now: float) -> float | None:
    """A time to come, in Unix seconds; ``None``: never."""
    if expires_at is None:
        return None
    if not (math.isfinite(expires_at) and expires_at <= _LAST_SECOND):
        raise invalid("expiry", str(expires_at), "it is not a time before the year 10000")
    if expires_at <= now:
        raise invalid("expiry", _date_text(expires_at), "it is not in the future")
    return float(expires_at)


def _date_text(at: float) -> str:
    """A time gone by as people write it; before 1970 the number itself."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at >= 0 else str(at)


def checked_limits(limits: Sequence[Limit]) -> tuple[Limit, ...]:
    """Limits of one identity, each name once."""
    if len({limit.name for limit in limits}) < len(limits):
        raise invalid("limits", ", ".join(limit.name for limit in limits), "a name stands there twice")
    for limit in limits:
        if problem := _limit_problem(limit):
            raise invalid("limits", limit.name, problem)
    return tuple(limits)


def _limit_problem(limit: Limit) -> str:
    faults = (
        (not _LIMIT.fullmatch(limit.name), "a limit's name is small letters, digits, '_' and '-'"),
        (limit.kind not in set(LimitKind), f"the kind {limit.kind!r} is none of {', '.join(LimitKind)}"),
        (limit.unit not in ("images", "megapixels", "bytes"), f"the unit {limit.unit!r} is not known"),
        (limit.kind != LimitKind.CREDITS and limit.amount < 1, "its amount must be at least 1"),
        (limit.kind != LimitKind.CREDITS and limit.window_s < 1, "its window must be at least 1 s"),
        (limit.amount < 0 or limit.burst < 0 or limit.amount > 10**15, "its amounts are out of range"),
    )
    return next((problem for wrong, problem in faults if wrong), "")


def checked_foreign(text: str) -> str:
    """A key from elsewhere: 8 to 512 visible ASCII characters, which a header can carry. The refusal never shows it."""
    shown = f"({len(text)} characters)"
    if not 8 <= len(text) <= 512:
        raise invalid("key", shown, "a key has 8 to 512 characters")
    if not re.fullmatch(r"[!-~]+", text):
        raise invalid("key", shown, "it has spaces or characters that are not ASCII in it")
    return text


def _once(what: str, values: Iterable[str]) -> tuple[str, ...]:
    if isinstance(values, str):
        raise invalid(what, values, "it must be a list")
    return tuple(dict.fromkeys(values))
