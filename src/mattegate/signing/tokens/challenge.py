"""What a refused caller is told in ``WWW-Authenticate`` (RFC 6750, section 3; RFC 9449, 7.1; RFC 9728, 5.1).

The table below is the whole of it: every cause has its status, its error of the standard, and one sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from mattegate.signing.message import Verdict
from mattegate.signing.tokens.causes import Cause

_UNTELLABLE: Final = re.compile(r"[^ !#-\[\]-~]")
"""What may not stand in ``error_description`` (RFC 6750, section 3)."""


@dataclass(frozen=True, slots=True)
class Told:
    """How a cause is told by the standards."""

    status: int
    error: str
    description: str
    """A template over the facts of the verdict."""


def _token(description: str) -> Told:
    return Told(401, "invalid_token", description)


def _proof(description: str) -> Told:
    return Told(401, "invalid_dpop_proof", description)


TOLD: Final[Mapping[Cause, Told]] = MappingProxyType(
    {
        Cause.MALFORMED: _token("The token cannot be read: {problem}."),
        Cause.UNSIGNED: _token("The token is not signed (alg none)."),
        Cause.SYMMETRIC: _token("The token is signed with a shared secret ({algorithm}); use a key pair."),
        Cause.ALGORITHM: _token("The algorithm {algorithm} is not taken here; taken: {allowed}."),
        Cause.TYP: _token("The token is of another type ({typ}): {problem}."),
        Cause.CRITICAL: _token("The token asks for extensions (crit); none is understood here."),
        Cause.UNENCODED: _token("The payload of the token is not encoded (b64)."),
        Cause.EMBEDDED_KEY: _token("The token brings or names its own key ({header}); keys come from the issuer only."),
        Cause.NESTED: _token("The token holds another token."),
        Cause.UNKNOWN_KEY: _token("The issuer publishes no key that this token can mean ({problem})."),
        Cause.SIGNATURE: _token("The signature of the token is not right."),
        Cause.ISSUER: _token("The issuer of the token is not trusted here."),
        Cause.AUDIENCE: _token("The token is for another audience; asked for: {asked}."),
        Cause.SUBJECT: _token("The token does not say whom it is about (sub)."),
        Cause.EXPIRED: _token("The token expired at {expired}; it is {now}."),
        Cause.NOT_YET_VALID: _token("The token is valid from {valid_from} on; it is {now}."),
        Cause.ISSUED_IN_FUTURE: _token("The token was issued at {issued}, and it is {now}; compare the clocks."),
        Cause.LIFETIME: _token("The token lives for {lifetime_s} s; at most {limit_s} s are taken."),
        Cause.BINDING_REQUIRED: _token("Only tokens bound to a key or certificate are taken here ({required})."),
        Cause.BINDING_MISSING: _token("The token is bound to {binding}, which was not shown."),
        Cause.BINDING_MISMATCH: _token("The token is bound to {binding}."),
        Cause.PROOF_MISSING: _proof("The scheme DPoP needs a proof in the header DPoP."),
        Cause.PROOF_MALFORMED: _proof("The proof cannot be read: {problem}."),
        Cause.PROOF_ALGORITHM: _proof("The algorithm of the proof is not taken here."),
        Cause.PROOF_SIGNATURE: _proof("The signature of the proof is not right."),
        Cause.PROOF_METHOD: _proof("The proof is for another method than {method}."),
        Cause.PROOF_ADDRESS: _proof("The proof is for another address than {address}."),
        Cause.PROOF_STALE: _proof("The proof was made at {issued}; it is {now}."),
        Cause.PROOF_TOKEN: _proof("The proof is for another token (ath)."),
        Cause.PROOF_NONCE: Told(401, "use_dpop_nonce", "The proof must hold the nonce of the header DPoP-Nonce."),
        Cause.REPLAYED: _proof("The proof was used before."),
        Cause.INSUFFICIENT_SCOPE: Told(403, "insufficient_scope", "The token does not give the scope {scope}."),
        Cause.IDENTITY: Told(403, "", "The token is good, and nobody here is known by it."),
        Cause.ORIGIN: Told(403, "", "The token may be used from pages of {asked} only."),
        Cause.CLIENT: Told(401, "invalid_client", "The client cannot be told: {problem}."),
    }
)


def description_of(verdict: Verdict) -> str:
    """The sentence of a refusal, fit for ``error_description``."""
    return described(TOLD[Cause(verdict.code)].description.format_map(verdict.facts))


def described(sentence: str) -> str:
    """``sentence`` without the characters that may not stand in ``error_description``."""
    return _UNTELLABLE.sub("'", sentence)


def token_challenge(
    verdict: Verdict | None = None, *, scheme: str = "Bearer", resource_metadata: str = "", algorithms: str = ""
) -> str:
    """A value of ``WWW-Authenticate``; without a verdict (nothing was presented) it names no error.

    ``algorithms``: those of proofs, with blanks between them, where ``scheme`` is ``DPoP``.
    """
    told = TOLD[Cause(verdict.code)] if verdict is not None else None
    scope = verdict.facts.get("scope") if verdict is not None else None
    parameters = {
        "realm": "mattegate",
        "error": told.error if told else "",
        "error_description": description_of(verdict) if told and told.error and verdict else "",
        "scope": scope if isinstance(scope, str) else "",
        "algs": algorithms,
        "resource_metadata": resource_metadata,
    }
    return challenge(scheme, {name: value for name, value in parameters.items() if value})


def challenge(scheme: str, parameters: Mapping[str, str]) -> str:
    """``scheme`` and its parameters, each in quotation marks (RFC 9110, section 11.6.1)."""
    return f"{scheme} " + ", ".join(f'{name}="{described(value)}"' for name, value in parameters.items())
