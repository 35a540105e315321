"""Tokens of our own: access tokens (RFC 9068), and browser tokens that one web page may use for so many images.

Every kind has its own media type, so none can be taken for another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mattegate.signing.tokens.binding import NOTHING, Possession
from mattegate.signing.tokens.rules import ACCESS_TOKEN, BROWSER_TOKEN
from mattegate.signing.tokens.signing_keys import SigningKey, sign_compact

LONGEST_ACCESS_S: Final = 3600
LONGEST_BROWSER_S: Final = 600

_ORIGIN: Final = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
MOST_COUNTED: Final = 2**53


@dataclass(frozen=True, slots=True)
class AccessGrant:
    """What an access token gives, and to whom."""

    issuer: str
    audience: str
    subject: str
    """The identity."""
    client_id: str
    scopes: tuple[str, ...]
    lifetime_s: int = 600
    bound_to: Possession = NOTHING
    """What whoever uses it has to show."""


@dataclass(frozen=True, slots=True)
class BrowserGrant:
    """What a browser token gives: it may lie open in a web page, so it is short, small, and of one origin."""

    issuer: str
    audience: str
    subject: str
    """The identity that pays."""
    client_id: str
    """The key that the token was bought with."""
    origin: str
    """As browsers send it: ``https://shop.example``."""
    images: int
    pixels: int
    """Of each of its images, at most."""
    lifetime_s: int = LONGEST_BROWSER_S


def mint_access(key: SigningKey, grant: AccessGrant, *, at: float, token_id: str) -> str:
    """An access token from ``at`` on; ``token_id`` must be unique. Raises ``ValueError`` for too long a lifetime."""
    _check_lifetime(grant.lifetime_s, LONGEST_ACCESS_S)
    bound = {"jkt": grant.bound_to.key, "x5t#S256": grant.bound_to.certificate}
    confirmation = {name: value for name, value in bound.items() if value}
    claims = {"scope": " ".join(grant.scopes), **({"cnf": confirmation} if confirmation else {})}
    return _mint(key, ACCESS_TOKEN, grant, claims, at, token_id)


def mint_browser(key: SigningKey, grant: BrowserGrant, *, at: float, token_id: str) -> str:
    """A browser token from ``at`` on; raises ``ValueError`` for bounds that bound nothing, and for no plain origin."""
    _check_lifetime(grant.lifetime_s, LONGEST_BROWSER_S)
    if not (0 < grant.images < MOST_COUNTED and 0 < grant.pixels < MOST_COUNTED):
        raise ValueError("a browser token is for at least one image and one pixel")
    if not _ORIGIN.fullmatch(grant.origin):
        raise ValueError(f"{grant.origin!r} is no origin as browsers send it, such as https://shop.example")
    claims = {"mg_origin": grant.origin, "mg_images": grant.images, "mg_pixels": grant.pixels}
    return _mint(key, BROWSER_TOKEN, grant, claims, at, token_id)


def _mint(
    key: SigningKey,
    typ: str,
    grant: AccessGrant | BrowserGrant,
    particulars: Mapping[str, object],
    at: float,
    token_id: str,
) -> str:
    common = {
        "iss": grant.issuer,
        "sub": grant.subject,
        "aud": grant.audience,
        "exp": int(at) + grant.lifetime_s,
        "iat": int(at),
        "jti": token_id,
        "client_id": grant.client_id,
    }
    return sign_compact(key, {"typ": typ, "kid": key.public.kid}, {**common, **particulars})


def _check_lifetime(lifetime_s: int, longest_s: int) -> None:
    if not 0 < lifetime_s <= longest_s:
        raise ValueError(f"a lifetime of {lifetime_s} s is not within 1 to {longest_s} s")
