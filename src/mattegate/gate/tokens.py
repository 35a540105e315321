"""Whose tokens are trusted, compiled from the rulebook: how those of each issuer are verified, and where its keys lie.

Our own come first: tokens of their types and of our issuer are ours, whatever else the configuration says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

from mattegate.signing.tokens.own import browser_rules, own_rules
from mattegate.signing.tokens.rules import Binding, IdentityRules, TokenRules

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mattegate.vocabulary.rulebook import Rulebook
    from mattegate.vocabulary.rulebook_of_tokens import OwnTokens, TokenIssuer


@dataclass(frozen=True, slots=True)
class Trusted:
    """How tokens are verified."""

    rules: tuple[TokenRules, ...] = ()
    """Of every issuer; one that gives several types stands there once for each."""
    issuers: Mapping[str, TokenIssuer] = field(default_factory=dict)
    """The others, by what their tokens name as ``iss``."""
    own: str = ""
    """What our own tokens name as ``iss`` and ``aud``; empty where we give none."""

    @classmethod
    def of(cls, rulebook: Rulebook) -> Self:
        """Compile the rules of tokens. Raises ``ValueError`` naming the issuer."""
        own = rulebook.tokens.issuer
        rules = (*_own_rules(rulebook.tokens), *_rules(rulebook.issuers))
        return cls(rules, MappingProxyType({issuer.issuer: issuer for issuer in rulebook.issuers}), own)

    @property
    def asks_for_proofs(self) -> bool:
        """Whether any token must be bound to a key, so that callers should hear of proofs (RFC 9449)."""
        return any(rules.binding in {Binding.DPOP, Binding.ANY} for rules in self.rules)


def _own_rules(tokens: OwnTokens) -> Iterable[TokenRules]:
    if not tokens.issuer:
        return ()
    access = own_rules(tokens.issuer, tokens.issuer, tokens.scopes, binding=_binding(tokens.binding, "tokens"))
    return access, browser_rules(tokens.issuer, tokens.issuer)


def _rules(issuers: tuple[TokenIssuer, ...]) -> Iterable[TokenRules]:
    for issuer in issuers:
        try:
            yield _rules_of(issuer)
        except ValueError as error:
            raise ValueError(f"tokens.issuers.{issuer.name}: {error}") from None


def _rules_of(issuer: TokenIssuer) -> TokenRules:
    identity = IdentityRules(
        claim=issuer.identity_claim,
        known=dict(issuer.identities),
        prefix=issuer.prefix,
        default_tier=issuer.tier,
        scope_claims=issuer.scope_claims,
        scopes=dict(issuer.scopes),
        role_claims=issuer.role_claims,
        tiers=issuer.tiers,
    )
    return TokenRules(
        issuer=issuer.issuer,
        audiences=issuer.audiences,
        algorithms=issuer.algorithms,
        types=issuer.types,
        leeway_s=issuer.leeway_s,
        max_lifetime_s=issuer.most_lifetime_s,
        binding=_binding(issuer.binding, f"tokens.issuers.{issuer.name}"),
        identity=identity,
    )


def _binding(text: str, where: str) -> Binding:
    try:
        return Binding(text)
    except ValueError:
        raise ValueError(f"{where}.binding: {text!r} is none of {', '.join(Binding)}") from None
