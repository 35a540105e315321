"""Which signature of a request is ours (RFC 9421, sections 3.2 and 4).

A request may carry signatures of others, of a crawler or a proxy. Those without our tag or label are passed over; of
what is left there must be exactly one, since whoever verifies any of several lets the caller choose the weakest.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mattegate.signing.message import Message
from mattegate.signing.message_signature.base import SignatureInput, signature_input
from mattegate.signing.message_signature.component import component_of
from mattegate.signing.message_signature.rules import SignatureRules
from mattegate.signing.refused import ambiguous, incomplete, malformed
from mattegate.signing.structured_fields import InnerList, Item, Member, parse_dictionary

MOST_COMPONENTS: Final = 32
_INPUT, _SIGNATURE = b"signature-input", b"signature"


@dataclass(frozen=True, slots=True)
class Selected:
    """The one signature, as it was presented."""

    label: str
    made: SignatureInput
    signature: bytes


def select(message: Message, rules: SignatureRules) -> Selected | None:
    """``None`` where there is no signature, or none with our tag and label.

    Raises :class:`~mattegate.signing.refused.Refused` where it is unreadable, half there, or one of several.
    """
    inputs, signatures = message.values(_INPUT), message.values(_SIGNATURE)
    if not (inputs or signatures):
        return None
    if not inputs:
        raise incomplete("Signature-Input")
    if not signatures:
        raise incomplete("Signature")
    ours = _ours(parse_dictionary(inputs, "Signature-Input"), rules)
    if not ours:
        return None
    if len(ours) > 1:
        raise ambiguous(f"signature ({', '.join(ours)[:128]})")
    [(label, member)] = ours.items()
    return Selected(label, _made(member), _signature(signatures, label))


def _ours(members: Mapping[str, Member], rules: SignatureRules) -> dict[str, Member]:
    return {
        label: member
        for label, member in members.items()
        if rules.label in {None, label} and rules.tag in {None, member.params.get("tag")}
    }


def _made(member: Member) -> SignatureInput:
    if not isinstance(member, InnerList):
        raise malformed("Signature-Input", "is a list of components in parentheses for each label")
    if len(member.items) > MOST_COMPONENTS:
        raise malformed("Signature-Input", f"covers more than {MOST_COMPONENTS} components")
    return signature_input(tuple(component_of(item) for item in member.items), member.params)


def _signature(lines: Sequence[bytes], label: str) -> bytes:
    member = parse_dictionary(lines, "Signature").get(label)
    if member is None:
        raise incomplete(f"Signature {label[:64]}")
    if not isinstance(member, Item) or not isinstance(member.value, bytes):
        raise malformed("Signature", "is base 64 between colons for each label")
    # Base 64 has several spellings of the same bytes; a signature that can be respelled is not one of a kind.
    if not any(b":%s:" % b64encode(member.value) in line for line in lines):
        raise malformed("Signature", "is not base 64 in its one canonical spelling (RFC 4648, section 3.5)")
    return member.value
