"""Reads the credentials out of the head of a request, and parts what may be kept from what may not.

Rules of this file: every credential becomes one :class:`Presented`, which is stored and shown and so holds nothing of
what was presented but a public id under a right checksum, and words of our own lists; the text itself goes to
``secrets``, and only where it may be a key. One header is one credential: two of them are two, even when alike.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote_to_bytes

from mattegate.signing.request_signatures import SIGV4, signed_by
from mattegate.signing.shape import QUERY_NAMES, QUOTES, Known, judge
from mattegate.signing.tokens.stated import looks_like_token
from mattegate.vocabulary.attempt import Channel, Flaw, Presented
from mattegate.vocabulary.rulebook import CredentialRules


@dataclass(frozen=True, slots=True)
class Presentation:
    """What a request presents, at most :data:`MOST` credentials of it."""

    presented: tuple[Presented, ...] = ()
    """Without secrets; may be stored."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """The text to look up, one for each of ``presented``; empty where it cannot be a key."""


MOST: Final = 8
"""More credentials than these are not told apart: what is stored of a request stays small."""

NOTHING: Final = Presentation()

_SCHEMES: Final = frozenset(
    {
        *("bearer", "basic", "token", "apikey", "api-key", "api_key", "key", "x-api-key", "auth", "authorization"),
        *("digest", "negotiate", "ntlm", "oauth", "jwt", "dpop", "hawk", "hmac", "hmac-sha256", "signature"),
        *("aws4-hmac-sha256", "aws", "mutual", "privatetoken", "gnap", "vapid", "hoba", "bot"),
        *("bearertoken", "bearer-token", "bearer_token", "bear", "beare", "baerer", "barer", "bearar", "berer"),
        *("bearers", "beaer", "bearre", "breaer", "beareer", "bearear"),
    }
)
"""What may be shown of an Authorization header that begins otherwise: a word in this list cannot be a secret."""
_AWS4: Final = "aws4-hmac-sha256"
_SCHEME: Final = re.compile(r"([0-9A-Za-z_-]{2,20})([:=,]?)")
_AFTER_SCHEME: Final = ("%20", "+")


def present(headers: Sequence[tuple[bytes, bytes]], query: bytes, rules: CredentialRules) -> Presentation:
    """Every credential in ``headers`` (lower-case names, as in ASGI) and in the raw query string; never raises.

    RFC 9110, section 11 (scheme without regard to case, one space); RFC 6750, section 2.1; RFC 7617. Signatures and
    tokens are told by where they stand; what they state is read by others.
    """
    carriers = [header for header in headers if header[0] in _READERS]
    found = [_READERS[name](_text(value), rules) for name, value in carriers[:MOST]]
    found += [(Presented(channel, scheme=scheme), "") for channel, scheme in signed_by(headers, query)]
    if query:
        found.extend(islice(_in_query(query, rules), MOST))
    if not found:
        return NOTHING
    presented, secrets = zip(*found[:MOST], strict=True)
    return Presentation(presented, secrets)


def _x_api_key(text: str, rules: CredentialRules) -> tuple[Presented, str]:
    return _key(text, Channel.API_KEY, "", rules)


def _authorization(text: str, rules: CredentialRules) -> tuple[Presented, str]:
    scheme = text[:7]
    if scheme.lower() == "bearer " and not text[7:14].lower().startswith("bearer "):
        if text.count(".") == 2 and looks_like_token(text[7:]):
            return Presented(Channel.TOKEN, scheme=scheme[:6], length=len(text) - 7), text[7:]
        return _key(text[7:], Channel.BEARER, scheme[:6], rules)
    if text[:5].lower() == "dpop " and text[5:].strip():
        return Presented(Channel.DPOP, scheme=text[:4], length=len(text) - 5), text[5:]
    if text[: len(_AWS4)].lower() == _AWS4:
        return Presented(Channel.SIGNATURE, scheme=SIGV4, length=len(text)), ""
    if text[:6].lower() == "basic " and text[6:].strip():
        return _basic(text, rules)
    return _flawed_authorization(text, rules), ""


_READERS: Final = MappingProxyType({b"authorization": _authorization, b"x-api-key": _x_api_key})
"""The headers that carry a credential."""


def _key(text: str, channel: Channel, scheme: str, rules: CredentialRules) -> tuple[Presented, str]:
    look = judge(text, rules)
    one = Presented(channel, look.flaw, look.prefix, look.environment, look.key_id, scheme, len(text))
    return one, "" if look.flaw else text


def _basic(text: str, rules: CredentialRules) -> tuple[Presented, str]:
    """The key as password, or as user where the password is empty (``curl -u KEY:``)."""
    scheme, encoded = text[:5], text[6:]
    if len(encoded.split()) > 1 or encoded != encoded.strip():
        return Presented(Channel.BASIC, Flaw.SPACES, scheme=scheme, length=len(encoded)), ""
    try:
        user, colon, password = _text(b64decode(encoded, validate=True)).partition(":")
    except (Error, ValueError):  # ValueError: not ASCII
        colon = ""
    if not colon:
        return Presented(Channel.BASIC, Flaw.MALFORMED, scheme=scheme, length=len(encoded)), ""
    return _key(password or user, Channel.BASIC, scheme, rules)


def _flawed_authorization(text: str, rules: CredentialRules) -> Presented:
    """An Authorization header that is not one scheme, one space and a credential."""
    first, *others = text.split(maxsplit=2)[:3] or [""]
    channel = {"bearer": Channel.BEARER, "basic": Channel.BASIC}.get(first.lower(), Channel.AUTHORIZATION)
    scheme = first if channel is not Channel.AUTHORIZATION else ""
    length = max(0, len(text.strip()) - len(scheme) - bool(scheme and others))
    if not others and (not first or scheme):
        return Presented(channel, Flaw.EMPTY, scheme=scheme, length=0)
    if first.lower().startswith(QUOTES):
        return Presented(channel, Flaw.QUOTES, length=length)
    if scheme and others[0].lower() != first.lower():
        return Presented(channel, Flaw.SPACES, scheme=scheme, length=length)
    if _glued(text, rules):
        return Presented(Channel.BEARER, Flaw.SPACES, scheme=text[:6], length=len(text) - 6)
    told = f"{first} {others[0]}" if scheme else _scheme(first)
    return Presented(Channel.AUTHORIZATION, Flaw.SCHEME, scheme=told[:32], length=length)


def _glued(text: str, rules: CredentialRules) -> bool:
    """``BearerKEY`` or ``Bearer%20KEY``: the space is missing, or was encoded."""
    return text[:6].lower() == "bearer" and text[6:].startswith((*Known.of(rules).prefixes, *_AFTER_SCHEME))


def _scheme(first: str) -> str:
    """The first word of the header where it is one of the list; any other could be the key, or part of it."""
    found = _SCHEME.match(first)
    known = found is not None and found[1].lower() in _SCHEMES and (found[2] or found.end() == len(first))
    return found[0] if found and known else ""


def _in_query(query: bytes, rules: CredentialRules) -> Iterator[tuple[Presented, str]]:
    """Keys in the address: whatever goes by the name of one, and known prefixes under any name."""
    known = Known.of(rules)
    if not known.in_query.search(unquote_to_bytes(query) if b"%" in query else query):
        return
    for part in query.split(b"&"):
        name, _, value = part.partition(b"=")
        text = _unquoted(value or name)
        if text.startswith(known.prefixes) or (value and _unquoted(name).lower() in QUERY_NAMES):
            one, _ = _key(text, Channel.QUERY, "", rules)
            yield replace(one, flaw=Flaw.IN_QUERY), text


def _unquoted(value: bytes) -> str:
    return _text(unquote_to_bytes(value.replace(b"+", b" ")) if b"%" in value or b"+" in value else value)


def _text(value: bytes) -> str:
    """Headers are Latin-1 by the letter and UTF-8 in practice; one of both always reads them."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
