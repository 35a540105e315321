"""``POST /v1/browser-tokens``: a token that may lie open in one web page, so that no secret key has to.

Only who holds a key gets one, and it is the key narrowed: to an origin, to cut-outs, to a number of images of a size,
to minutes. What it is used for is paid by the key's account.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Final

from pydantic import Field

from mattegate.config.origins import OriginSpellingError, normal_origin
from mattegate.gate.origins import bound_origins
from mattegate.serving.account import caller_of, json_response, timestamp
from mattegate.serving.oauth.granting import lifetime_s, new_token_id
from mattegate.serving.proving.tokens import MEGAPIXEL
from mattegate.serving.small_body import SmallBodies, Strict, decode
from mattegate.signing.tokens.mint import BrowserGrant, mint_browser
from mattegate.vocabulary.refusal import Refusal

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from mattegate.config.settings import Settings
    from mattegate.serving.proving.own_keys import OwnKeys
    from mattegate.serving.walk import Walk
    from mattegate.vocabulary.facts import KeyView

_LONGEST_ORIGIN: Final = 256


class Wanted(Strict):
    """The body."""

    origin: str
    """The page's, as browsers send it."""
    images: int = Field(default=1, ge=1)
    megapixels: int | None = Field(default=None, ge=1)
    """Of each image at most; left out: as the server has it."""
    minutes: int = Field(default=5, ge=1)


@dataclass(frozen=True, slots=True)
class BrowserTokens:
    """The endpoint and what it rests on."""

    settings: Settings
    keys: OwnKeys
    bodies: SmallBodies

    async def mint(self, request: Request) -> Response:
        """Answer one request. Raises :class:`Refusal` ``token.minting``, ``account.*`` and what reading bodies does."""
        walk, key = caller_of(request)
        body = await self.bodies.read(request.scope, request.receive)
        wanted = decode(body, Wanted, request.headers.get("content-type", ""))
        _require_key(walk, key)
        origin = _origin(wanted.origin, key, walk)
        megapixels = self._bounded(wanted)
        at = walk.attempt.at
        life_s = lifetime_s(key, wanted.minutes, at)
        issuer, pixels = walk.rules.tokens.own, megapixels * MEGAPIXEL
        grant = BrowserGrant(issuer, issuer, key.identity.id, key.id, origin, wanted.images, pixels, life_s)
        token = mint_browser(self.keys.signing, grant, at=at, token_id=new_token_id())
        document = {
            "token": token,
            "token_type": "Bearer",
            "expires_at": timestamp(int(at) + life_s),
            "expires_in": life_s,
            "origin": origin,
            "images": wanted.images,
            "megapixels": megapixels,
        }
        return json_response(document, 201)

    def _bounded(self, wanted: Wanted) -> int:
        """The megapixels of an image. Raises :class:`Refusal` for more of anything than the operator has set."""
        tokens, most = self.settings.tokens, ceil(self.settings.upload.max_megapixels)
        _require("images", wanted.images, tokens.browser_images)
        _require("minutes", wanted.minutes, tokens.browser_minutes)
        _require("megapixels", wanted.megapixels or most, most)
        return wanted.megapixels or most


def _require(what: str, value: int, most: int) -> None:
    if value > most:
        raise Refusal("account.invalid", what=what, value=str(value)[:20], problem=f"it is {most} at most")


def _require_key(walk: Walk, key: KeyView) -> None:
    """A key of the ledger, shown itself: a token could otherwise prolong itself for ever."""
    keys = walk.keys.keys if walk.keys else {}
    if walk.facts.token is not None or key.id not in keys:
        raise Refusal("token.minting")
    if key.addresses:
        raise _invalid("the key", key.id, "its tokens would be bound to its addresses; use a key without any")
    if "signature" in key.require:
        raise _invalid("the key", key.id, "its requests must be signed, which no page can do")


def _origin(text: str, key: KeyView, walk: Walk) -> str:
    """The origin of pages that may call, and that the key may be used from. Raises :class:`Refusal`."""
    try:
        origin = normal_origin(text[:_LONGEST_ORIGIN], patterns=False)
    except OriginSpellingError as error:
        raise _invalid("origin", text, str(error)) from None
    rules = walk.rules
    if not (rules.origins.hold(origin) or rules.home.hold(origin) or rules.rulebook.cors.shadow):
        raise _invalid("origin", text, "its pages may not call; the operator lists it in cors.allowed_origins")
    if key.origins and not bound_origins(key.origins).hold(origin):
        raise Refusal("account.wider", what="the origin", value=origin, owner=f"the key {key.id}")
    return origin


def _invalid(what: str, value: str, problem: str) -> Refusal:
    return Refusal("account.invalid", what=what, value=value[:80], problem=problem)
