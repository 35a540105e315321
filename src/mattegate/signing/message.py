"""What signatures are made over and what they say of themselves: the values that every signing scheme shares.

A scheme is one module beside this one. It reads what a head *states* without any secret (:class:`Stated`, which may be
kept), and verifies that statement with the secret (:class:`Verdict`). Neither ever raises for anything a caller sent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256

from mattegate.vocabulary.facts import Plain
from mattegate.vocabulary.proofs import BodyCover, Stated

__all__ = ["VERIFIED", "BodyCover", "Message", "Stated", "Verdict", "one_time"]


@dataclass(frozen=True, slots=True)
class Message:
    """The head of a request as it came over the wire."""

    method: str
    """As sent; methods are case-sensitive (RFC 9110, section 9.1)."""
    path: bytes
    """As sent, percent-encoded."""
    query: bytes
    """As sent, without the question mark."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    """In their order, names in lower case."""
    scheme: str = "https"
    """``http`` or ``https``, as the client used it."""
    authority: str = ""
    """``Host``, as sent."""

    def values(self, name: bytes) -> tuple[bytes, ...]:
        """Every value of the header ``name`` (lower case), in order."""
        return tuple(value for given, value in self.headers if given == name)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of reading or verifying a signature or a token."""

    code: str = ""
    """A reason of the catalogue; empty: it is good."""
    facts: dict[str, Plain] = field(default_factory=dict)
    """What fills the reason's sentences."""
    told: str = ""
    """Our canonical text, as far as whoever holds the key may see it."""

    @property
    def good(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.code


VERIFIED = Verdict()


def one_time(signature: str) -> str:
    """What stands for a signature that is its own nonce.

    What is stated is kept with the decision, and a presigned address is good to whoever reads its signature.
    """
    return sha256(signature.encode()).hexdigest()
