"""Signed text in compact form (RFC 7515, section 7.1): the one reader of every token, proof and assertion.

What it refuses although a signature may be right: headers that choose their own key (``jwk`` is read by proofs of
possession only, :mod:`.dpop`), extensions that must be understood, tokens within tokens, unencoded payloads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mattegate.signing.tokens import base64url
from mattegate.signing.tokens.algorithms import ALGORITHMS
from mattegate.signing.tokens.causes import Cause, Refused, shown
from mattegate.signing.tokens.json_object import read_object
from mattegate.signing.tokens.jwk import JsonWebKey

MOST_CHARACTERS: Final = 16 * 1024
"""Of a whole token."""
MOST_OF_HEADER: Final = 4 * 1024
"""Of its first segment."""

_KEYS_OF_ITS_OWN: Final = ("jku", "jwk", "x5u", "x5c")


@dataclass(frozen=True, slots=True)
class Compact:
    """A text in three segments, read and not yet verified."""

    header: Mapping[str, object]
    algorithm: str
    key_id: str
    """Empty where it states none."""
    typ: str
    """As a media type: lower case, without ``application/``; empty where it states none."""
    payload: bytes = field(repr=False)
    signed: bytes = field(repr=False)
    """The two segments that the signature is over."""
    signature: bytes = field(repr=False)


def unpack(text: str, *, brings_key: bool = False) -> Compact:
    """Read ``text``; raises ``Refused``. ``brings_key``: the header may, and then must, hold a ``jwk``."""
    first, payload, signature = _segments(text)
    header = read_object(_decoded(first, "header"), "header")
    algorithm = _algorithm(header)
    _refuse_extensions(header)
    _refuse_keys(header, brings_key=brings_key)
    return Compact(
        header,
        algorithm,
        _text(header, "kid"),
        media_type(_text(header, "typ")),
        _decoded(payload, "payload"),
        text[: -len(signature) - 1].encode("ascii"),
        _decoded(signature, "signature"),
    )


def allow_algorithm(token: Compact, allowed: tuple[str, ...]) -> None:
    """Raise ``Refused`` unless its algorithm, letter by letter, is one of ``allowed``."""
    if token.algorithm not in allowed:
        raise Refused(Cause.ALGORITHM, algorithm=shown(token.algorithm), allowed=" ".join(allowed))


def allow_type(token: Compact, allowed: tuple[str, ...]) -> None:
    """Raise ``Refused`` unless its type is one of ``allowed``; the empty one stands for none stated."""
    if token.typ not in map(media_type, allowed):
        asked = " or ".join(filter(None, allowed))
        raise Refused(Cause.TYP, typ=shown(token.typ), problem=f"{asked} is asked for")


def prove(token: Compact, key: JsonWebKey) -> None:
    """Raise ``Refused`` unless ``key`` made its signature."""
    algorithm = ALGORITHMS.get(token.algorithm)
    if algorithm is None or not algorithm.verifies(key.public, token.signature, token.signed):
        raise Refused(Cause.SIGNATURE, key_id=shown(token.key_id))


def media_type(text: str) -> str:
    """How types are compared (RFC 7515, section 4.1.9): without regard to case, ``application/`` left out."""
    return text.lower().removeprefix("application/")


def _segments(text: str) -> tuple[str, str, str]:
    if len(text) > MOST_CHARACTERS:
        raise Refused(Cause.MALFORMED, problem=f"it is longer than {MOST_CHARACTERS} characters")
    if not text.isascii():
        raise Refused(Cause.MALFORMED, problem="it holds characters beyond ASCII")
    segments = text.split(".", 5)
    if len(segments) == 5:
        raise Refused(Cause.MALFORMED, problem="it is encrypted (five segments); only signed tokens are read")
    if len(segments) != 3:
        raise Refused(Cause.MALFORMED, problem="it is not three segments with dots between them")
    if len(segments[0]) > MOST_OF_HEADER:
        raise Refused(Cause.MALFORMED, problem=f"its header is longer than {MOST_OF_HEADER} characters")
    return segments[0], segments[1], segments[2]


def _decoded(segment: str, part: str) -> bytes:
    data = base64url.decode(segment)
    if data is None:
        raise Refused(Cause.MALFORMED, problem=f"the {part} is not base64url")
    return data


def _algorithm(header: Mapping[str, object]) -> str:
    name = _text(header, "alg")
    if not name:
        raise Refused(Cause.MALFORMED, problem="the header has no alg")
    if name.strip().lower() == "none":
        raise Refused(Cause.UNSIGNED)
    if name.strip().upper().startswith("HS"):
        raise Refused(Cause.SYMMETRIC, algorithm=shown(name))
    return name


def _refuse_extensions(header: Mapping[str, object]) -> None:
    """RFC 7515, section 4.1.11; RFC 7797; RFC 7519, section 5.2."""
    if header.get("b64", True) is not True:
        raise Refused(Cause.UNENCODED)
    if "crit" in header:
        raise Refused(Cause.CRITICAL)
    if media_type(_text(header, "cty")) == "jwt":
        raise Refused(Cause.NESTED)


def _refuse_keys(header: Mapping[str, object], *, brings_key: bool) -> None:
    for name in _KEYS_OF_ITS_OWN:
        if name in header and not (brings_key and name == "jwk"):
            raise Refused(Cause.EMBEDDED_KEY, header=name)


def _text(header: Mapping[str, object], name: str) -> str:
    value = header.get(name, "")
    if not isinstance(value, str):
        raise Refused(Cause.MALFORMED, problem=f"the header's {name} is not a text")
    return value
