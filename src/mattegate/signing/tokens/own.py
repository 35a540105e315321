"""Our own tokens when they come back: the rules they are verified by, and what a browser token allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mattegate.signing.message import VERIFIED, Verdict
from mattegate.signing.tokens.causes import Cause, Refused, answering, shown
from mattegate.signing.tokens.claims import TokenClaims, text
from mattegate.signing.tokens.mint import LONGEST_ACCESS_S, LONGEST_BROWSER_S, MOST_COUNTED
from mattegate.signing.tokens.rules import BROWSER_TOKEN, Binding, IdentityRules, TokenRules

_ALGORITHMS: Final = ("EdDSA", "Ed25519", "ES256")
_LEEWAY_S: Final = 5
"""Between machines that share our keys."""


@dataclass(frozen=True, slots=True)
class BrowserAllowance:
    """What a verified browser token allows; whoever counts its use does so under ``token_id`` until ``expires``."""

    token_id: str
    subject: str
    client_id: str
    origin: str
    images: int
    pixels: int
    expires: float


def own_rules(issuer: str, audience: str, scopes: tuple[str, ...], *, binding: Binding = Binding.NONE) -> TokenRules:
    """How our own access tokens are verified: their subject is an identity, their scopes are ours as they stand."""
    identity = IdentityRules(
        own=True, scope_claims=("scope",), scopes={scope: (scope,) for scope in scopes}, role_claims=()
    )
    return TokenRules(
        issuer,
        (audience,),
        algorithms=_ALGORITHMS,
        leeway_s=_LEEWAY_S,
        max_lifetime_s=LONGEST_ACCESS_S,
        binding=binding,
        identity=identity,
    )


def browser_rules(issuer: str, audience: str) -> TokenRules:
    """How our own browser tokens are verified."""
    return TokenRules(
        issuer,
        (audience,),
        _ALGORITHMS,
        (BROWSER_TOKEN,),
        leeway_s=_LEEWAY_S,
        max_lifetime_s=LONGEST_BROWSER_S,
        identity=IdentityRules(own=True),
    )


@answering
def browser_allowance(claims: TokenClaims) -> BrowserAllowance:
    """What the verified ``claims`` of a browser token allow, or why they allow nothing."""
    if claims.typ != BROWSER_TOKEN or not claims.token_id:
        raise Refused(Cause.TYP, typ=claims.typ, problem=f"{BROWSER_TOKEN} is asked for")
    return BrowserAllowance(
        claims.token_id,
        claims.subject,
        claims.client_id,
        text(claims.members, "mg_origin"),
        _count(claims, "mg_images"),
        _count(claims, "mg_pixels"),
        claims.expires,
    )


def check_origin(allowance: BrowserAllowance, origin: str) -> Verdict:
    """Whether the page that sends ``Origin`` (empty: none was sent) may use the token."""
    if origin and origin == allowance.origin:
        return VERIFIED
    return Verdict(Cause.ORIGIN, {"origin": shown(origin), "asked": allowance.origin})


def _count(claims: TokenClaims, name: str) -> int:
    value = claims.members.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < MOST_COUNTED:
        raise Refused(Cause.MALFORMED, problem=f"{name} is not a number of something")
    return value
