"""Verifying an access token (RFC 9068, section 4; RFC 8725), with keys and rules that were chosen beforehand."""

from __future__ import annotations

from mattegate.signing.tokens.binding import NOTHING, Possession, check_binding
from mattegate.signing.tokens.causes import answering
from mattegate.signing.tokens.claims import TokenClaims, check_claims, read_claims
from mattegate.signing.tokens.compact import allow_algorithm, allow_type, prove, unpack
from mattegate.signing.tokens.key_set import KeySet
from mattegate.signing.tokens.rules import TokenRules


@answering
def verify(text: str, keys: KeySet, rules: TokenRules, *, at: float, possession: Possession = NOTHING) -> TokenClaims:
    """What the token ``text`` says at ``at`` (Unix seconds), or why it is refused; never raises.

    1. Three segments, read strictly. 2. An algorithm and a type of the rules. 3. The key it means. 4. Its signature.
    5. Its claims, each of its type. 6. Issuer, audience, subject, times, lifetime. 7. What it is bound to.

    ``token.unknown_key`` is the one refusal that new keys of the issuer may turn (:func:`~.key_set.needs_refresh`).
    """
    token = unpack(text)
    allow_algorithm(token, rules.algorithms)
    allow_type(token, rules.types)
    prove(token, keys.pick(token.algorithm, token.key_id))
    claims = read_claims(token)
    check_claims(claims, rules, at)
    check_binding(claims.confirmation, rules.binding, possession)
    return claims
