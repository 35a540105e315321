"""Structured fields (RFC 9651) with two rules of our own: doubled keys are refused, and reading never fails silently.

The RFC lets the last of two equal keys win. A proxy that takes the first would then see another message than we do, so
a field with doubled keys is malformed here. The parser is that of ``http-sf``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, cast

import http_sf
from http_sf.innerlist import ser_innerlist
from http_sf.retrofit import retrofit

from mattegate.signing.canonical import field_value
from mattegate.signing.refused import malformed

Bare: TypeAlias = http_sf.types.BareItemType
Params: TypeAlias = Mapping[str, Bare]

LONGEST: Final = 8192
"""Bytes of one field; longer ones are not parsed."""

_KINDS: Final[Mapping[str, Literal["dictionary", "list", "item"]]] = {
    **dict.fromkeys(("accept-signature", "content-digest", "repr-digest", "want-content-digest"), "dictionary"),
    **dict.fromkeys(("want-repr-digest", "signature", "signature-input"), "dictionary"),
    **dict.fromkeys(("client-cert-chain", "ratelimit", "ratelimit-policy", "accept-query"), "list"),
    **dict.fromkeys(("client-cert", "idempotency-key", "capsule-protocol", "deprecation"), "item"),
}
"""Registered structured fields that ``http-sf`` does not list (IANA HTTP Field Name Registry)."""


@dataclass(frozen=True, slots=True)
class Item:
    """One value with its parameters."""

    value: Bare
    params: Params


@dataclass(frozen=True, slots=True)
class InnerList:
    """Several items with parameters of their own."""

    items: tuple[Item, ...]
    params: Params


Member: TypeAlias = Item | InnerList


def parse_dictionary(lines: Sequence[bytes], part: str) -> dict[str, Member]:
    """The members of the field ``part``; raises :class:`~mattegate.signing.refused.Refused` where it is malformed."""
    parsed = _parse(field_value(lines), part, "dictionary")
    return {key: _member(member) for key, member in cast("dict[str, object]", parsed).items()}


def parse_item(text: str, part: str) -> Item:
    """One item; raises :class:`~mattegate.signing.refused.Refused` where it is malformed."""
    return cast(Item, _member(_parse(text.encode(), part, "item")))


def reserialize(name: str, value: bytes, part: str) -> str:
    """The strict serialization of the whole field (RFC 9421, section 2.1.1).

    Raises :class:`~mattegate.signing.refused.Refused` where its type is not known or the value is malformed.
    """
    kind = _KINDS.get(name) or retrofit.get(name)
    if kind is None:
        raise malformed(part, "is not known to be a structured field")
    try:
        return http_sf.ser(_parse(value, part, kind))
    except ValueError as error:  # an empty dictionary has no serialization
        raise malformed(part, "is empty") from error


def serialize_member(member: Member) -> str:
    """An item or inner list with its parameters."""
    if isinstance(member, Item):
        return http_sf.ser((member.value, dict(member.params)))
    items: list[http_sf.ItemType] = [(item.value, dict(item.params)) for item in member.items]
    params: dict[str, Bare] = dict(member.params)
    return ser_innerlist((items, params))


def _parse(value: bytes, part: str, kind: str) -> http_sf.StructuredType:
    if len(value) > LONGEST:
        raise malformed(part, f"is longer than {LONGEST} bytes", value)

    def doubled(key: str, _: str) -> None:
        raise malformed(part, f"has {key[:64]!r} twice")

    try:
        return http_sf.parse(value, tltype=kind, on_duplicate_key=doubled)
    except http_sf.StructuredFieldError as error:
        raise malformed(part, f"is no structured field: {error}", value) from error


def _member(parsed: object) -> Member:
    value, params = cast("tuple[object, Params]", parsed)
    if isinstance(value, list):
        return InnerList(tuple(Item(*item) for item in value), params)
    return Item(cast(Bare, value), params)
