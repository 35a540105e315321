"""What a verified token says (RFC 7519, section 4; RFC 9068, section 2.2), and the checks every claim has to pass.

A claim of the wrong type makes the token malformed: what one reader would convert, another would not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isfinite
from types import MappingProxyType
from typing import Final

from mattegate.signing.tokens.causes import SHOWN, Cause, Refused, shown
from mattegate.signing.tokens.compact import Compact
from mattegate.signing.tokens.json_object import read_object
from mattegate.signing.tokens.rules import TokenRules

LATEST: Final = 253_402_300_800
"""The year 10000 in Unix seconds: no date lies behind it."""
_OTHER_TOKENS: Final = ("nonce", "at_hash", "c_hash", "events")
"""Claims of ID tokens and security events (OpenID Connect Core, section 2; RFC 8417), which say ``JWT`` as well."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a token is bound to (``cnf``, RFC 7800): thumbprints as base64url, empty where there is none."""

    key: str = ""
    """``jkt``, RFC 9449, section 6."""
    certificate: str = ""
    """``x5t#S256``, RFC 8705, section 3.1."""
    other: bool = False
    """Whether it is bound to something that is not checked here."""


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """What a token of a trusted issuer says. Times are Unix seconds; texts print and have at most 256 characters."""

    issuer: str
    subject: str
    audiences: tuple[str, ...]
    expires: float
    issued: float
    not_before: float | None = None
    token_id: str = ""
    """``jti``"""
    client_id: str = ""
    """``client_id``, or ``azp``."""
    confirmation: Confirmation = field(default_factory=Confirmation)
    typ: str = ""
    algorithm: str = ""
    key_id: str = ""
    members: Mapping[str, object] = field(default_factory=dict, repr=False)
    """All of them, as they came."""


def read_claims(token: Compact) -> TokenClaims:
    """Read the claims of a token whose signature was verified; raises ``Refused``."""
    members = read_object(token.payload, "payload")
    issued, expires = moment(members, "iat"), moment(members, "exp")
    if issued is None or expires is None:
        raise Refused(Cause.MALFORMED, problem=f"{'iat' if issued is None else 'exp'} is missing")
    return TokenClaims(
        text(members, "iss"),
        text(members, "sub"),
        _audiences(members),
        expires,
        issued,
        moment(members, "nbf"),
        text(members, "jti"),
        text(members, "client_id") or text(members, "azp"),
        _confirmation(members),
        token.typ,
        token.algorithm,
        shown(token.key_id),
        MappingProxyType(members),
    )


def check_claims(claims: TokenClaims, rules: TokenRules, at: float) -> None:
    """Raise ``Refused`` for the first rule that ``claims`` break at the time ``at``."""
    for check in _CHECKS:
        check(claims, rules, at)


def text(members: Mapping[str, object], name: str) -> str:
    """A text, empty where it is missing; raises ``Refused`` for other values and texts that are not kept whole."""
    value = members.get(name, "")
    if not isinstance(value, str):
        raise Refused(Cause.MALFORMED, problem=f"{name} is not a text")
    if shown(value) != value:
        raise Refused(Cause.MALFORMED, problem=f"{name} has more than {SHOWN} characters, or some that do not print")
    return value


def moment(members: Mapping[str, object], name: str) -> float | None:
    """A date in Unix seconds (RFC 7519, section 2), ``None`` where it is missing; raises ``Refused`` for the rest."""
    if name not in members:
        return None
    value = members[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < LATEST:
        raise Refused(Cause.MALFORMED, problem=f"{name} is not a date in seconds")
    return float(value)


def stamp(moment_s: float) -> str:
    """A date as people read it, in UTC."""
    if not (isfinite(moment_s) and 0 <= moment_s < LATEST):
        return f"{moment_s:g}"
    return datetime.fromtimestamp(moment_s, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def check_times(expires: float, not_before: float | None, issued: float | None, leeway_s: float, at: float) -> None:
    """Raise ``Refused`` unless ``at`` lies between the dates, give or take the leeway (RFC 7519, section 4.1)."""
    now = stamp(at)
    if at >= expires + leeway_s:
        raise Refused(Cause.EXPIRED, expired=stamp(expires), now=now, late_s=round(at - expires, 1))
    if not_before is not None and at < not_before - leeway_s:
        raise Refused(Cause.NOT_YET_VALID, valid_from=stamp(not_before), now=now, early_s=round(not_before - at, 1))
    if issued is not None and at < issued - leeway_s:
        raise Refused(Cause.ISSUED_IN_FUTURE, issued=stamp(issued), now=now, early_s=round(issued - at, 1))


def _audiences(members: Mapping[str, object]) -> tuple[str, ...]:
    value = members.get("aud", [])
    named = [value] if isinstance(value, str) else value
    if not isinstance(named, list) or not all(isinstance(one, str) for one in named):
        raise Refused(Cause.MALFORMED, problem="aud is neither a text nor a list of texts")
    return tuple(named)


def _confirmation(members: Mapping[str, object]) -> Confirmation:
    if "cnf" not in members:
        return Confirmation()
    confirmation = members["cnf"]
    if not isinstance(confirmation, dict):
        raise Refused(Cause.MALFORMED, problem="cnf is not an object")
    key, certificate = text(confirmation, "jkt"), text(confirmation, "x5t#S256")
    return Confirmation(key, certificate, other=not (key or certificate))


def _other_token(claims: TokenClaims, _rules: TokenRules, _at: float) -> None:
    other = next((name for name in _OTHER_TOKENS if name in claims.members), "")
    if other and claims.typ in {"", "jwt"}:
        raise Refused(Cause.TYP, typ=claims.typ, problem=f"{other} stands in no access token")


def _issuer(claims: TokenClaims, rules: TokenRules, _at: float) -> None:
    if claims.issuer != rules.issuer:
        raise Refused(Cause.ISSUER, issuer=claims.issuer)


def _audience(claims: TokenClaims, rules: TokenRules, _at: float) -> None:
    if not set(claims.audiences) & set(rules.audiences):
        raise Refused(Cause.AUDIENCE, audience=shown(" ".join(claims.audiences)), asked=" ".join(rules.audiences))


def _subject(claims: TokenClaims, _rules: TokenRules, _at: float) -> None:
    if not claims.subject:
        raise Refused(Cause.SUBJECT)


def _times(claims: TokenClaims, rules: TokenRules, at: float) -> None:
    check_times(claims.expires, claims.not_before, claims.issued, rules.leeway_s, at)


def _lifetime(claims: TokenClaims, rules: TokenRules, _at: float) -> None:
    lifetime_s = claims.expires - claims.issued
    if lifetime_s > rules.max_lifetime_s:
        raise Refused(Cause.LIFETIME, lifetime_s=round(lifetime_s), limit_s=round(rules.max_lifetime_s))


_CHECKS: Final[tuple[Callable[[TokenClaims, TokenRules, float], None], ...]] = (
    _other_token,
    _issuer,
    _audience,
    _subject,
    _times,
    _lifetime,
)
"""In the order in which they are told."""
