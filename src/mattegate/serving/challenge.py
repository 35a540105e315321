"""What a refused caller is told in ``WWW-Authenticate``: which proof would do, and what was wrong with the one shown.

RFC 9110, section 11.6.1 (a 401 must carry one); RFC 6750, section 3; RFC 9449, sections 7.1 and 8; RFC 9728, 5.1.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from mattegate.signing.message import Verdict
from mattegate.signing.tokens.causes import Cause
from mattegate.signing.tokens.challenge import TOLD, challenge, token_challenge
from mattegate.signing.tokens.dpop import ProofRules
from mattegate.signing.tokens.oauth import PROTECTED_RESOURCE, metadata_address
from mattegate.vocabulary.attempt import Channel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mattegate.serving.walk import Walk
    from mattegate.vocabulary.reason import Reason

Challenges = tuple[tuple[bytes, bytes], ...]

_NAME: Final = b"www-authenticate"
_CAUSES: Final = frozenset(Cause)
_PROOFS: Final = frozenset({cause for cause in Cause if cause.startswith("token.proof_")} | {Cause.REPLAYED})
_ALGORITHMS: Final = " ".join(ProofRules().algorithms)


def challenges(shown: Reason, status: int, facts: Mapping[str, Any], walk: Walk | None = None) -> Challenges:
    """The headers that go with a refusal; ``walk`` is the decision it comes from, where there is one."""
    if walk is not None and walk.attempt.administrative:
        walk = None  # no token of the data plane is any good there
    if shown.code in _CAUSES and status in {401, 403}:
        return _of_token(Cause(shown.code), facts, walk)
    if status != 401:
        return ()
    if shown.layer == "signature":
        return ((_NAME, b'AWS4-HMAC-SHA256 realm="mattegate"'),)  # of the schemes that sign, the one that HTTP knows
    trusted = walk.rules.tokens if walk is not None else None
    return _ordinary(shown, _described(walk), proofs=trusted is not None and trusted.asks_for_proofs)


@lru_cache(maxsize=512)
def _ordinary(shown: Reason, described: str, *, proofs: bool) -> Challenges:
    parameters = {"realm": "mattegate"}
    if shown.code != "credential.missing":  # no error code where nothing was shown (RFC 6750, section 3.1)
        parameters |= {"error": "invalid_token", "error_description": shown.title}
    parameters |= {"resource_metadata": described} if described else {}
    bearer = (_NAME, challenge("Bearer", parameters).encode())
    return (bearer, (_NAME, token_challenge(scheme="DPoP", algorithms=_ALGORITHMS).encode())) if proofs else (bearer,)


def _of_token(cause: Cause, facts: Mapping[str, Any], walk: Walk | None) -> Challenges:
    if not TOLD[cause].error:
        return ()
    proof = cause in _PROOFS or _bound(cause, facts) or _with_proof(walk)
    value = token_challenge(
        Verdict(cause, dict(facts)),
        scheme="DPoP" if proof else "Bearer",
        resource_metadata=_described(walk),
        algorithms=_ALGORITHMS if proof else "",
    )
    nonce = facts.get("nonce")
    told = ((b"dpop-nonce", nonce.encode()),) if isinstance(nonce, str) else ()
    return (_NAME, value.encode()), *told


def _bound(cause: Cause, facts: Mapping[str, Any]) -> bool:
    """Whether a token that is bound to a key was refused for want of it."""
    wants = facts.get("required") in {"dpop", "any"}
    return wants if cause is Cause.BINDING_REQUIRED else "DPoP" in str(facts.get("binding", ""))


def _with_proof(walk: Walk | None) -> bool:
    return walk is not None and any(one.channel is Channel.DPOP for one in walk.attempt.credentials)


def _described(walk: Walk | None) -> str:
    """Where it is written who gives tokens for this server; empty: nowhere."""
    own = walk.rules.tokens.own if walk is not None else ""
    return metadata_address(own, PROTECTED_RESOURCE) if own else ""
