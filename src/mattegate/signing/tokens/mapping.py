"""Whom a verified token belongs to here, and what it gives: the issuer's words turned into ours by the issuer's rules.

Nothing of the issuer's passes through untranslated, so an issuer cannot make up a scope, a tier or an identity of ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mattegate.signing.tokens.causes import Cause, Refused, answering
from mattegate.signing.tokens.claims import TokenClaims, text
from mattegate.signing.tokens.rules import IdentityRules


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who a token belongs to, and what it gives."""

    identity_id: str
    tier: str
    scopes: tuple[str, ...]
    """Ours, in order, each once."""
    roles: tuple[str, ...] = ()
    """Theirs, for policies."""


@answering
def bearer_of(claims: TokenClaims, rules: IdentityRules) -> Bearer:
    """Whom ``claims`` belong to; ``token.identity`` where the rules know nobody."""
    roles = tuple(_words(claims.members, rules.role_claims))
    theirs = (*_words(claims.members, rules.scope_claims), *roles)
    scopes = dict.fromkeys(scope for word in theirs for scope in rules.scopes.get(word, ()))
    tier = next((tier for role, tier in rules.tiers if role in roles), rules.default_tier)
    return Bearer(_identity(claims, rules), tier, tuple(scopes), roles)


def _identity(claims: TokenClaims, rules: IdentityRules) -> str:
    value = text({rules.claim: _claim(claims.members, rules.claim) or ""}, rules.claim)
    if value in rules.known:
        return rules.known[value]
    if value and (rules.prefix or rules.own):
        return rules.prefix + value
    raise Refused(Cause.IDENTITY, claim=rules.claim, value=value)


def _words(members: Mapping[str, object], names: tuple[str, ...]) -> Iterator[str]:
    """Every word of the claims ``names``, which are lists or texts with spaces."""
    for name in names:
        value = _claim(members, name)
        if isinstance(value, str):
            yield from value.split()
        elif isinstance(value, list):
            yield from (word for word in value if isinstance(word, str))


def _claim(members: Mapping[str, object], name: str) -> object:
    """The claim of that name, or at that path."""
    if name in members:
        return members[name]
    first, dot, rest = name.partition(".")
    inner = members.get(first)
    return _claim(inner, rest) if dot and isinstance(inner, dict) else None
