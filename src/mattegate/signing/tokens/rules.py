"""What is asked of the tokens of one trusted issuer. Closed by default: no scope, role or subject means anything here
until a rule says what.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from mattegate.signing.tokens.algorithms import USUAL, unknown
from mattegate.signing.tokens.compact import media_type

ACCESS_TOKEN: Final = "at+jwt"  # noqa: S105 - a media type
"""RFC 9068, section 2.1."""
BROWSER_TOKEN: Final = "mattegate-browser+jwt"  # noqa: S105 - a media type
PROOF: Final = "dpop+jwt"
"""RFC 9449, section 4.2."""


class Binding(StrEnum):
    """What a token has to be bound to. A token that is bound is held to it whatever the rule."""

    NONE = "none"
    DPOP = "dpop"
    """A key of the client's (RFC 9449)."""
    MTLS = "mtls"
    """A client certificate (RFC 8705)."""
    ANY = "any"


@dataclass(frozen=True, slots=True)
class IdentityRules:
    """Whom a token belongs to, and what that one may.

    Claims are named as they are (``https://id.example/roles``) or by a path (``realm_access.roles``).
    """

    claim: str = "sub"
    """The claim that tells who."""
    known: Mapping[str, str] = field(default_factory=dict)
    """Its values, and the identity of each."""
    prefix: str = ""
    """Whoever else: the identity is this and the value; empty: refused. Ends with ``:``, which no id of ours holds."""
    own: bool = False
    """Whether whoever else is an identity of ours by that very id: only for tokens that we minted."""
    default_tier: str = ""
    scope_claims: tuple[str, ...] = ("scope", "scp")
    """Lists, or texts with spaces."""
    scopes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What each of their scopes and roles gives here."""
    role_claims: tuple[str, ...] = ("roles",)
    tiers: tuple[tuple[str, str], ...] = ()
    """Role and tier; the first that fits."""

    def __post_init__(self) -> None:
        if self.prefix and not (self.prefix.endswith(":") and len(self.prefix) > 1):
            raise ValueError(f"the prefix {self.prefix!r} of foreign identities must be a name and a colon")


@dataclass(frozen=True, slots=True)
class TokenRules:
    """How the tokens of one issuer are verified.

    Raises ``ValueError`` for rules that would verify nothing: no issuer, audience, type or algorithm, or unknown ones.
    """

    issuer: str
    """Compared letter by letter."""
    audiences: tuple[str, ...]
    """At least one of them must be named."""
    algorithms: tuple[str, ...] = USUAL
    types: tuple[str, ...] = (ACCESS_TOKEN,)
    """Media types without ``application/``. ``JWT`` and the empty one (no type) are for issuers that know no better."""
    leeway_s: float = 60
    max_lifetime_s: float = 86_400
    """From ``iat`` to ``exp``."""
    binding: Binding = Binding.NONE
    identity: IdentityRules = field(default_factory=IdentityRules)

    def __post_init__(self) -> None:
        if not (self.issuer and self.audiences and all(self.audiences) and self.types and self.algorithms):
            raise ValueError("an issuer, an audience, a type and an algorithm must be named")
        if unfit := unknown(self.algorithms):
            raise ValueError(f"no signature algorithms that are verified here: {', '.join(unfit)}")
        if PROOF in map(media_type, self.types):
            raise ValueError("a proof of possession is no access token")
        if not (self.leeway_s >= 0 and self.max_lifetime_s > 0):
            raise ValueError("leeway and lifetime cannot be negative")

    def takes(self, typ: str) -> bool:
        """Whether ``typ``, a media type in lower case, is one of its types."""
        return typ in {media_type(named) for named in self.types}
