"""Covered components by their identifiers (RFC 9421, sections 2, 2.1 and 2.2), as far as requests have them.

Two identifiers with the same name and parameters are the same component whatever the order of the parameters, and may
not be there twice. ``req`` speaks of the request that a response answers, and ``tr`` of trailers, which are not read:
both are refused rather than passed over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mattegate.signing.refused import Refused
from mattegate.signing.structured_fields import Item, Params, parse_item, serialize_member

DERIVED: Final = frozenset(
    {"@method", "@target-uri", "@authority", "@scheme", "@request-target", "@path", "@query", "@query-param", "@status"}
)
_FIELD_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_REFUSED: Final = {
    "req": "has the parameter req, which only signatures of responses have",
    "tr": "has the parameter tr, and trailers are not read",
}


@dataclass(frozen=True, slots=True)
class Component:
    """One covered component."""

    name: str
    """A field name in small letters, or a derived one with ``@``."""
    identifier: str
    """As it stands in the signature base, with quotation marks and parameters."""
    key: str | None = None
    """``key``: one member of a dictionary field."""
    structured: bool = False
    """``sf``: the whole field, strictly serialized."""
    binary: bool = False
    """``bs``: every line of the field as bytes."""
    parameter: str | None = None
    """``name`` of ``@query-param``, percent-encoded."""

    @property
    def identity(self) -> tuple[str, str | None, bool, bool, str | None]:
        """What makes two identifiers the same component."""
        return self.name, self.key, self.structured, self.binary, self.parameter

    @property
    def whole(self) -> bool:
        """Whether it covers the whole field or value, and not a part of it."""
        return self.key is None and self.parameter is None


def unusable(identifier: str, problem: str) -> Refused:
    """A covered component from which no signature base can be made."""
    return Refused("signature.component", component=identifier[:128], problem=problem[:160])


def component_of(item: Item) -> Component:
    """One identifier of a ``Signature-Input``; raises :class:`~mattegate.signing.refused.Refused`."""
    if not isinstance(item.value, str):
        raise unusable(serialize_member(item), "is not a string")
    if not item.params:
        return _plain(item.value)
    identifier = serialize_member(item)
    if item.value.startswith("@"):
        return _query_param(item, identifier)
    return _field(item, identifier)


def component_named(text: str) -> Component:
    """From how a rule or a client writes it: ``@method``, ``content-type`` or ``"@query-param";name="Pet"``.

    Raises :class:`~mattegate.signing.refused.Refused`, which is a ``ValueError``.
    """
    return component_of(parse_item(text, "component") if text.startswith('"') else Item(text, {}))


def _plain(name: str) -> Component:
    identifier = f'"{name}"'
    if name == "@query-param":
        raise unusable(identifier, "has no parameter name")
    if name not in DERIVED and not _FIELD_NAME.fullmatch(name):
        raise unusable(repr(name), "is neither a field name in small letters nor a derived component")
    return Component(name, identifier)


def _query_param(item: Item, identifier: str) -> Component:
    name = item.params.get("name")
    if item.value != "@query-param" or set(item.params) != {"name"} or not isinstance(name, str):
        raise unusable(identifier, _REFUSED["req"] if "req" in item.params else "has parameters it does not take")
    return Component("@query-param", identifier, parameter=name)


def _field(item: Item, identifier: str) -> Component:
    _plain(str(item.value))
    params = item.params
    for name, problem in _REFUSED.items():
        if name in params:
            raise unusable(identifier, problem)
    if not _fitting(params):
        raise unusable(identifier, "has parameters that are unknown, contradict each other or are of the wrong type")
    key = params.get("key")
    return Component(
        str(item.value),
        identifier,
        key=key if isinstance(key, str) else None,
        structured="sf" in params,
        binary="bs" in params,
    )


def _fitting(params: Params) -> bool:
    """``sf`` with or without ``key``, ``key`` alone, or ``bs`` alone (RFC 9421, section 2.1)."""
    names = set(params)
    if names == {"bs"}:
        return params["bs"] is True
    return names <= {"sf", "key"} and params.get("sf", True) is True and isinstance(params.get("key", ""), str)
