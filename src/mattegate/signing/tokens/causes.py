"""Why a token is refused: the codes, and how a refusal travels inside this package.

Facts hold our own words, numbers, and texts of the token that went through :func:`shown`; never a signature or a token.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from mattegate.signing.message import Verdict
from mattegate.vocabulary.facts import Plain

SHOWN: Final = 256
"""The most characters of an unverified text that are kept."""

_Asked = ParamSpec("_Asked")
_Answer = TypeVar("_Answer")


class Cause(StrEnum):
    """Reasons of the catalogue that this package gives."""

    MALFORMED = "token.malformed"
    UNSIGNED = "token.unsigned"
    SYMMETRIC = "token.symmetric"
    ALGORITHM = "token.algorithm"
    TYP = "token.typ"
    CRITICAL = "token.critical"
    UNENCODED = "token.unencoded"
    EMBEDDED_KEY = "token.embedded_key"
    NESTED = "token.nested"
    UNKNOWN_KEY = "token.unknown_key"
    SIGNATURE = "token.signature"
    ISSUER = "token.issuer"
    AUDIENCE = "token.audience"
    SUBJECT = "token.subject"
    EXPIRED = "token.expired"
    NOT_YET_VALID = "token.not_yet_valid"
    ISSUED_IN_FUTURE = "token.issued_in_future"
    LIFETIME = "token.lifetime"
    BINDING_REQUIRED = "token.binding_required"
    """Only bound tokens are taken here, and this one is bound to nothing."""
    BINDING_MISSING = "token.binding_missing"
    """It is bound to a key or certificate that was not shown."""
    BINDING_MISMATCH = "token.binding_mismatch"
    PROOF_MISSING = "token.proof_missing"
    PROOF_MALFORMED = "token.proof_malformed"
    PROOF_ALGORITHM = "token.proof_algorithm"
    PROOF_SIGNATURE = "token.proof_signature"
    PROOF_METHOD = "token.proof_method"
    PROOF_ADDRESS = "token.proof_address"
    PROOF_STALE = "token.proof_stale"
    PROOF_TOKEN = "token.proof_token"  # noqa: S105 - a code
    PROOF_NONCE = "token.proof_nonce"
    REPLAYED = "token.replayed"
    """For whoever keeps the values that may be used once."""
    INSUFFICIENT_SCOPE = "token.insufficient_scope"
    IDENTITY = "token.identity"
    """The token is good and belongs to nobody here."""
    ORIGIN = "token.origin"
    CLIENT = "token.client"
    """The client at the token endpoint cannot be read, or authenticates in two ways at once."""


class Refused(Exception):  # noqa: N818 - an outcome, not an error
    """A refusal on its way to the edge of this package."""

    def __init__(self, cause: Cause, **facts: Plain) -> None:
        super().__init__(cause)
        self.verdict = Verdict(cause, facts)


def answering(steps: Callable[_Asked, _Answer]) -> Callable[_Asked, _Answer | Verdict]:
    """Turn a refusal raised within ``steps`` into its answer."""

    @wraps(steps)
    def answer(*args: _Asked.args, **kwargs: _Asked.kwargs) -> _Answer | Verdict:
        try:
            return steps(*args, **kwargs)
        except Refused as refused:
            return refused.verdict

    return answer


def shown(value: object) -> str:
    """What may be kept of something a token states: cut, and without characters that do not print."""
    text = value if isinstance(value, str) else ""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text[:SHOWN])
