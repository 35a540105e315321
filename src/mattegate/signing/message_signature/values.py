"""The values of covered components in one message (RFC 9421, sections 2.1 and 2.2).

Rules of this file:

1. Path, query and request target are the octets that were sent, before any decoding.
2. What would be ambiguous is refused: a field that is not there, a query parameter that is there twice or is not UTF-8.
3. ASGI does not tell an empty query from none, so an address that ends in ``?`` is signed without it.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from mattegate.signing.canonical import authority, field_value
from mattegate.signing.message import Message
from mattegate.signing.message_signature.component import Component, unusable
from mattegate.signing.structured_fields import Member, parse_dictionary, reserialize, serialize_member

_ABSENT: Final = "is covered and not there"


class Values:
    """The values of one message; the query, and a field that is read by its members, are parsed once.

    ``status`` makes it a response, which has no derived component but that (section 2.2.9).
    """

    __slots__ = ("_dictionaries", "_message", "_parameters", "_status")

    def __init__(self, message: Message, status: int | None = None) -> None:
        self._message = message
        self._status = status
        self._dictionaries: dict[str, dict[str, Member]] = {}
        self._parameters: dict[bytes, list[bytes]] | None = None

    def value(self, component: Component) -> str:
        """Raises :class:`~mattegate.signing.refused.Refused` where there is none that could be signed."""
        derived = component.name.startswith("@")
        value = self._derived(component) if derived else self._field(component)
        if not value.isascii() or not value.replace("\t", " ").isprintable():
            raise unusable(component.identifier, "has a value that is not printable ASCII; cover it with ;bs")
        return value

    def _derived(self, component: Component) -> str:
        if (component.name == "@status") is (self._status is None):
            raise unusable(component.identifier, "is not a component of this kind of message")
        if component.name == "@status":
            return str(self._status)
        if component.parameter is not None:
            return self._query_parameter(component, component.parameter)
        return _DERIVATIONS[component.name](self._message)

    def _query_parameter(self, component: Component, name: str) -> str:
        """Decoded as a form and encoded anew, space as ``%20`` (section 2.2.8)."""
        if self._parameters is None:
            self._parameters = _parameters(self._message.query)
        found = self._parameters.get(unquote_to_bytes(name), [])
        if len(found) != 1:
            raise unusable(component.identifier, f"is {len(found)} times in the query instead of once")
        try:
            return quote(unquote_to_bytes(found[0]).decode(), safe="*").replace("~", "%7E")
        except UnicodeDecodeError:
            raise unusable(component.identifier, "is not UTF-8") from None

    def _field(self, component: Component) -> str:
        lines = self._message.values(component.name.encode())
        if not lines:
            raise unusable(component.identifier, _ABSENT)
        if component.binary:
            return ", ".join(f":{b64encode(field_value([line])).decode()}:" for line in lines)
        if component.key is not None:
            return self._dictionary_member(component, component.key, lines)
        value = field_value(lines)
        if component.structured:
            return reserialize(component.name, value, component.identifier)
        return value.decode("latin-1")

    def _dictionary_member(self, component: Component, key: str, lines: tuple[bytes, ...]) -> str:
        parsed = self._dictionaries.get(component.name)
        if parsed is None:
            parsed = self._dictionaries[component.name] = parse_dictionary(lines, component.identifier)
        if key not in parsed:
            raise unusable(component.identifier, _ABSENT)
        return serialize_member(parsed[key])


def _parameters(query: bytes) -> dict[bytes, list[bytes]]:
    """The values by decoded name, with spaces for plus signs and still percent-encoded."""
    found: dict[bytes, list[bytes]] = {}
    for pair in query.replace(b"+", b" ").split(b"&"):
        name, _, value = pair.partition(b"=")
        found.setdefault(unquote_to_bytes(name), []).append(value)
    return found


def _path(message: Message) -> str:
    return message.path.decode("latin-1") or "/"


def _request_target(message: Message) -> str:
    return f"{_path(message)}?{message.query.decode('latin-1')}" if message.query else _path(message)


def _target_uri(message: Message) -> str:
    return f"{message.scheme.lower()}://{authority(message)}{_request_target(message)}"


def _method(message: Message) -> str:
    return message.method


def _scheme(message: Message) -> str:
    return message.scheme.lower()


def _query(message: Message) -> str:
    return "?" + message.query.decode("latin-1")


_DERIVATIONS: Final = {
    "@method": _method,
    "@target-uri": _target_uri,
    "@authority": authority,
    "@scheme": _scheme,
    "@request-target": _request_target,
    "@path": _path,
    "@query": _query,
}
