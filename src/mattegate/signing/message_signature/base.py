"""The signature base: the text that is signed (RFC 9421, section 2.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mattegate.signing.canonical import told_query, told_value
from mattegate.signing.message import Message
from mattegate.signing.message_signature.component import Component
from mattegate.signing.message_signature.values import Values
from mattegate.signing.refused import ambiguous
from mattegate.signing.structured_fields import InnerList, Params, serialize_member

_LAST: Final = '"@signature-params": '


@dataclass(frozen=True, slots=True)
class SignatureInput:
    """What one signature says it is over, and how (one member of ``Signature-Input``)."""

    components: tuple[Component, ...]
    params: Params
    serialized: str
    """Components and parameters in strict form: the last line of the base."""

    def text(self, name: str) -> str:
        """A parameter that is a string; empty where it is not there."""
        value = self.params.get(name)
        return value if isinstance(value, str) else ""

    def seconds(self, name: str) -> int | None:
        """A parameter that is a time."""
        value = self.params.get(name)
        return value if type(value) is int else None


def signature_input(components: tuple[Component, ...], params: Params) -> SignatureInput:
    """Raises :class:`~mattegate.signing.refused.Refused` where a component is there twice."""
    if len({component.identity for component in components}) < len(components):
        raise ambiguous("component of that name among the covered ones")
    parameters = serialize_member(InnerList((), params)).removeprefix("()")
    return SignatureInput(components, params, f"({' '.join(each.identifier for each in components)}){parameters}")


@dataclass(frozen=True, slots=True)
class SignatureBase:
    """The lines of the text: identifier and value of each component, and the parameters."""

    values: tuple[tuple[Component, str], ...]
    serialized: str

    @property
    def text(self) -> bytes:
        """What is signed; ASCII."""
        lines = [f"{component.identifier}: {value}" for component, value in self.values]
        return "\n".join([*lines, _LAST + self.serialized]).encode("ascii")

    @property
    def told(self) -> str:
        """The same with what may be told of header values."""
        lines = (f"{component.identifier}: {_told(component, value)}" for component, value in self.values)
        return "\n".join([*lines, _LAST + self.serialized])


def signature_base(made: SignatureInput, message: Message, *, status: int | None = None) -> SignatureBase:
    """The base of ``made`` over ``message``; ``status`` makes that a response.

    Raises :class:`~mattegate.signing.refused.Refused` where a component has no value that could be signed.
    """
    values = Values(message, status)
    return SignatureBase(tuple((each, values.value(each)) for each in made.components), made.serialized)


def _told(component: Component, value: str) -> str:
    if not component.name.startswith("@"):
        return told_value(component.name, value)
    if component.parameter is not None:
        return f"<present, {len(value)} bytes>"
    address, mark, query = value.partition("?")
    return f"{address}?{told_query(query)}" if mark else value
