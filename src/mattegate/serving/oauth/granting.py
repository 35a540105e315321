"""What the token endpoint and the endpoint for web pages share: refusing in the words of OAuth, and minting.

A refusal has two faces: the error that the standard has for the client, and the reason of the catalogue for the record.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from mattegate.signing.tokens.causes import Cause
from mattegate.signing.tokens.challenge import TOLD, description_of
from mattegate.signing.tokens.oauth import OAuthError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mattegate.signing.message import Verdict
    from mattegate.vocabulary.facts import KeyView, Plain

_PROOF_ERRORS: Final = frozenset({OAuthError.INVALID_DPOP_PROOF, OAuthError.USE_DPOP_NONCE})


class Denied(Exception):  # noqa: N818 - an outcome
    """A token that is not given."""

    def __init__(self, error: OAuthError, description: str, code: str, facts: Mapping[str, Plain]) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
        """For the client (RFC 6749, section 5.2)."""
        self.code = code
        """The reason, for the record."""
        self.facts = facts


def request_denied(error: OAuthError, problem: str) -> Denied:
    """Something about the request itself."""
    return Denied(error, problem, "token.request", {"error": error.value, "problem": problem})


def client_denied(problem: str, error: OAuthError = OAuthError.INVALID_CLIENT) -> Denied:
    """Something about the client; whoever has not proven to be one learns no more than that."""
    told = problem if error is not OAuthError.INVALID_CLIENT else "The client did not prove itself."
    return Denied(error, told, Cause.CLIENT.value, {"problem": problem})


def verdict_denied(verdict: Verdict, error: OAuthError = OAuthError.INVALID_CLIENT) -> Denied:
    """What is wrong with an assertion, or with a proof of possession."""
    told = OAuthError(TOLD[Cause(verdict.code)].error) if error in _PROOF_ERRORS else error
    return Denied(told, description_of(verdict), verdict.code, verdict.facts)


def new_token_id() -> str:
    """``jti``: 128 random bits."""
    return secrets.token_urlsafe(16)


def lifetime_s(key: KeyView, minutes: int, at: float) -> int:
    """How long a token of ``key`` lives: never longer than the key, and a second at least."""
    left = minutes * 60.0 if key.expires_at is None else min(minutes * 60.0, key.expires_at - at)
    return max(int(left), 1)
