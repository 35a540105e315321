"""``Accept-Signature`` (RFC 9421, section 5): what a refused caller is asked to sign, for the head of our 401."""

from __future__ import annotations

from typing import Final

from mattegate.signing.message import Message
from mattegate.signing.message_signature.rules import SignatureRules
from mattegate.signing.structured_fields import Bare, InnerList, Item, serialize_member

DEFAULT_LABEL: Final = "sig1"


def accept_signature(rules: SignatureRules, message: Message, *, nonce: str = "") -> str:
    """The value of the header for the request that was refused: its components and the parameters that are wanted.

    ``nonce`` is one of ours that the caller shall sign; empty: the caller chooses one where it needs one.
    """
    items = tuple(Item(name, {}) for name in rules.components_for(message))
    wanted: dict[str, Bare | None] = {
        "created": True if rules.window_s is not None else None,
        "nonce": nonce or None,
        "tag": rules.tag,
    }
    params = {name: value for name, value in wanted.items() if value is not None}
    return f"{rules.label or DEFAULT_LABEL}={serialize_member(InnerList(items, params))}"
