"""What a request presented as proof: kept apart from the attempt, never recorded, forgotten with the request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mattegate.vocabulary.attempt import SIGNED, TOKENS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mattegate.serving.held_body import HeldBody
    from mattegate.signing.message import Message
    from mattegate.vocabulary.attempt import Attempt

_SCHEMES: Final = SIGNED | TOKENS


@dataclass(frozen=True, slots=True)
class Evidence:
    """The secrets of one request."""

    secrets: tuple[str, ...] = ()
    """The texts presented, in the order of ``attempt.credentials``; empty where a text cannot be a key."""
    message: Message | None = None
    """The head as it came over the wire, where something in it is signed or bound."""
    certificate: bytes = b""
    """DER of the client certificate that the handshake has proven, or a declared proxy passed on."""
    headers: Sequence[tuple[bytes, bytes]] = ()
    """Every header of the request, for an authorizer that goes by one; names in small letters."""
    body: HeldBody | None = None
    """The body, for proofs that cover it as a whole."""

    def __repr__(self) -> str:
        return f"Evidence({len(self.secrets)} credentials)"

    def key_of(self, attempt: Attempt) -> tuple[int, str]:
        """Where the API key stands among the credentials, and its text. Raises ``StopIteration`` where none is."""
        return next(
            (index, self.secrets[index])
            for index, presented in enumerate(attempt.credentials)
            if presented.channel not in _SCHEMES
        )

    def token_of(self, attempt: Attempt) -> str:
        """The token that was presented; empty where none was."""
        pairs = zip(attempt.credentials, self.secrets, strict=True)
        return next((text for presented, text in pairs if presented.channel in TOKENS), "")
