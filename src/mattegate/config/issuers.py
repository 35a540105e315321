"""Issuers of tokens as people write them, under ``[tokens.issuers.NAME]``; pure.

Every word becomes a field of :class:`~mattegate.vocabulary.rulebook_of_tokens.TokenIssuer`. What would make a token
mean more than an operator may intend is refused: every scope at once, and the scope ``keys``, because what it makes
outlives every token.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from mattegate.config.networks import is_loopback
from mattegate.config.tier_words import NAME
from mattegate.vocabulary.rulebook_of_tokens import TokenIssuer

if TYPE_CHECKING:
    from mattegate.config.document import Steps
    from mattegate.config.settings import Settings

ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
)  # fmt: skip
"""What can be verified (:mod:`mattegate.signing.tokens.algorithms`); nothing with a shared secret."""
BINDINGS: Final = ("none", "dpop", "mtls", "any")
UNTOKENED: Final = frozenset({"*", "keys"})
"""Scopes that no token gives."""

KEYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "issuer": "What its tokens name as `iss`, letter by letter: `https://id.example.com`. Required.",
        "audiences": 'One of these must be in `aud`: `["https://api.example.com"]`. Required.',
        "algorithms": "What its tokens may be signed with. Left out: RS256, PS256, ES256, EdDSA, Ed25519.",
        "types": 'What `typ` may be: `["at+jwt"]`, which is the default; `""` stands for none.',
        "leeway_s": "How far its clock and ours may be apart: `60`.",
        "lifetime_s": "How long a token may live at most: `86400`.",
        "binding": "What tokens must be bound to: `dpop`, `mtls`, `any`, or `none`.",
        "claim": "The claim that tells who: `sub`; inner ones as `realm_access.name`.",
        "identities": 'Values of that claim and whose they are: `{ "8f3a…" = "alice" }`.',
        "prefix": "Whoever else is an identity named by this and the value: `NAME:`, which is the default; "
        "empty: nobody else.",
        "tier": "The tier of whoever else: `free`.",
        "roles": 'Claims that hold roles: `["roles"]`.',
        "tiers": 'Roles and their tiers, the first that fits: `{ "image-team" = "enterprise" }`.',
        "scope_claims": 'Claims that hold scopes: `["scope", "scp"]`.',
        "scopes": 'What its scopes and roles give here: `{ "images.write" = "cutout" }`. Left out: `cutout`, `self` '
        "and `usage` each give what they say.",
        "jwks_uri": "Where its keys lie. Left out: where its metadata says.",
        "inner_hosts": "Host names that may lead to addresses of an inner network when its keys are fetched.",
        "stale_s": "How long its last keys go on serving while new ones cannot be had: `3600`.",
    }
)
"""What may stand under ``[tokens.issuers.NAME]``, and what it means."""

_SCOPE: Final = re.compile(r"[!#-\[\]-~]{1,64}")
_HOST: Final = re.compile(r"(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_PREFIX: Final = re.compile(r"([A-Za-z0-9._-]{1,40}:)?")
_LONGEST_S: Final = 366 * 86_400


class IssuerSpellingError(ValueError):
    """Something under ``[tokens.issuers.NAME]`` cannot be used; ``at`` leads from the table to it."""

    def __init__(self, problem: str, at: Steps = (), fix: str = "") -> None:
        self.problem = problem
        self.at = at
        self.fix = fix
        super().__init__(problem)


def read_issuer(name: str, table: Mapping[str, Any]) -> TokenIssuer:
    """The issuer of that name from what stands under it.

    Raises an :class:`ExceptionGroup` of :class:`IssuerSpellingError`, one for everything that is wrong.
    """
    faults: list[IssuerSpellingError] = list(_strangers(table))
    if not NAME.fullmatch(name):
        faults.append(IssuerSpellingError("its name may hold a-z, 0-9 and - only", fix="such as [tokens.issuers.okta]"))
    parts: dict[str, Any] = {"prefix": f"{name}:"}
    for word, (field, read) in _READERS.items():
        if word in table:
            try:
                parts[field] = read(table[word])
            except IssuerSpellingError as bad:
                faults.append(IssuerSpellingError(bad.problem, (word, *bad.at), bad.fix))
        elif word in _REQUIRED:
            faults.append(IssuerSpellingError(f"{word} is missing", fix=_REQUIRED[word]))
    if not faults:
        faults += _insecure(parts)
    if faults:
        raise ExceptionGroup("an issuer with faults", faults)
    return TokenIssuer(name, **parts)


def spell_issuer(issuer: TokenIssuer) -> dict[str, object]:
    """What stands under ``[tokens.issuers.NAME]`` to get this issuer."""
    usual = TokenIssuer(issuer.name, "", (), prefix=f"{issuer.name}:")
    words = {word: getattr(issuer, field) for word, (field, _) in _READERS.items()}
    changed = {word: value for word, value in words.items() if value != getattr(usual, _READERS[word][0])}
    return {word: _plain(word, value) for word, value in changed.items()}


def issuer_of(settings: Settings) -> str:
    """What our own tokens name as issuer and audience; empty where that is not known."""
    first = next(iter(settings.cors.public_urls), "")
    return settings.tokens.issuer or (first and first.rstrip("/") + settings.server.prefix)


def _plain(word: str, value: Any) -> object:
    if word in {"identities", "tiers"}:
        return dict(value)
    if word == "scopes":
        return {theirs: list(ours) if len(ours) != 1 else ours[0] for theirs, ours in value}
    return list(value) if isinstance(value, tuple) else value


# --- reading words ------------------------------------------------------------------------------------------------


_REQUIRED: Final = {
    "issuer": 'issuer = "https://id.example.com"',
    "audiences": 'audiences = ["https://api.example.com"]',
}


def _strangers(table: Mapping[str, Any]) -> Iterator[IssuerSpellingError]:
    for word in table:
        if word not in KEYS:
            yield IssuerSpellingError("no such word for an issuer", (word,), "use " + ", ".join(KEYS))


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.isprintable() or len(value) > 256 or value != value.strip():
        raise IssuerSpellingError("not a text", fix="a text in quotes, of at most 256 printable characters")
    return value


def _filled(value: object) -> str:
    if not (text := _text(value)):
        raise IssuerSpellingError("it must not be empty")
    return text


def _address(value: object) -> str:
    text = _filled(value)
    try:
        parts = urlsplit(text)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.username is None
        sound = sound and (parts.port is None or parts.port > 0)
    except ValueError:
        sound = False
    if not sound or re.search(r"[\s?#]", text):
        raise IssuerSpellingError("not an address without query and fragment", fix="https://id.example.com")
    return text


def _each(read: Callable[[object], str], *, empty: bool = False) -> Callable[[object], tuple[str, ...]]:
    def read_all(value: object) -> tuple[str, ...]:
        if not isinstance(value, list | tuple):
            raise IssuerSpellingError("not a list", fix="a list: [ … ]")
        if not value and not empty:
            raise IssuerSpellingError("it must not be empty")
        return tuple(_at(index, read, item) for index, item in enumerate(value))

    return read_all


def _at(step: str | int, read: Callable[[object], Any], value: object) -> Any:
    try:
        return read(value)
    except IssuerSpellingError as bad:
        raise IssuerSpellingError(bad.problem, (step, *bad.at), bad.fix) from None


def _table(read: Callable[[object], Any]) -> Callable[[object], tuple[tuple[str, Any], ...]]:
    def read_all(value: object) -> tuple[tuple[str, Any], ...]:
        if not isinstance(value, Mapping):
            raise IssuerSpellingError("not a table", fix='{ "theirs" = "ours" }')
        return tuple(
            (_at(str(theirs), _filled, str(theirs)), _at(str(theirs), read, ours)) for theirs, ours in value.items()
        )

    return read_all


def _one_of(*choices: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if value not in choices:
            raise IssuerSpellingError("not one of " + ", ".join(choices), fix=f'"{choices[0]}"')
        return str(value)

    return read


def _like(pattern: re.Pattern[str], problem: str, fix: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if not pattern.fullmatch(text := _text(value)):
            raise IssuerSpellingError(problem, fix=fix)
        return text

    return read


def _scopes(value: object) -> tuple[str, ...]:
    listed = (value,) if isinstance(value, str) else value
    return _each(_scope)(listed)


def _scope(value: object) -> str:
    text = _like(_SCOPE, "not a scope", '"cutout", "self" or "usage"')(value)
    if text in UNTOKENED:
        raise IssuerSpellingError(f"a token cannot give {text}", fix='name what it gives: "cutout", "self", "usage"')
    return text


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LONGEST_S:
        raise IssuerSpellingError("not a number of seconds", fix="60")
    return float(value)


_READERS: Final[Mapping[str, tuple[str, Callable[[object], Any]]]] = MappingProxyType(
    {
        "issuer": ("issuer", _address),
        "audiences": ("audiences", _each(_filled)),
        "algorithms": ("algorithms", _each(_one_of(*ALGORITHMS))),
        "types": ("types", _each(_text)),
        "leeway_s": ("leeway_s", _seconds),
        "lifetime_s": ("most_lifetime_s", _seconds),
        "binding": ("binding", _one_of(*BINDINGS)),
        "claim": ("identity_claim", _filled),
        "identities": ("identities", _table(_filled)),
        "prefix": ("prefix", _like(_PREFIX, "not a name and a colon", '"okta:"')),
        "tier": ("tier", _filled),
        "roles": ("role_claims", _each(_filled, empty=True)),
        "tiers": ("tiers", _table(_filled)),
        "scope_claims": ("scope_claims", _each(_filled, empty=True)),
        "scopes": ("scopes", _table(_scopes)),
        "jwks_uri": ("jwks_uri", _address),
        "inner_hosts": ("inner_hosts", _each(_like(_HOST, "not a host name", '"id.internal"'), empty=True)),
        "stale_s": ("stale_s", _seconds),
    }
)
"""Each word with its field, and its reader."""


def _insecure(parts: Mapping[str, Any]) -> Iterator[IssuerSpellingError]:
    """Keys that come without TLS from anywhere but this machine or a named inner host could be anybody's."""
    for word in ("issuer", "jwks_uri"):
        place = urlsplit(parts.get(word, ""))
        host = place.hostname or ""
        if place.scheme == "http" and not (is_loopback(host) or host in parts.get("inner_hosts", ())):
            yield IssuerSpellingError(
                "without TLS anybody on the way could give the keys", (word,), "begin with https://"
            )
    if not parts.get("most_lifetime_s", 1.0) > 0:
        yield IssuerSpellingError("no token could be so short", ("lifetime_s",), "86400")
    if "dpop+jwt" in (typ.lower().removeprefix("application/") for typ in parts.get("types", ())):
        yield IssuerSpellingError("a proof of possession is no token", ("types",), '["at+jwt"]')
