"""Tokens: whose they are and what they give, of other issuers, of this server, and of web pages.

1. The rules of the issuer that the token names; without any, nothing is fetched.
2. The proof of possession, where one came: it costs one signature and no look-up.
3. The keys: our own, or the issuer's; an outage there is a failed dependency.
4. The token itself, with what it is bound to.
5. What it comes to here. A token of our own is the key that it was minted with, narrowed once more: whatever ends or
   narrows that key does so to its tokens, on the next request.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from mattegate.gate.address import host_of, proto_of
from mattegate.ledger.meter_idempotency import REPLAYS
from mattegate.signing.message import Verdict
from mattegate.signing.tokens import stated as tokens
from mattegate.signing.tokens.binding import Possession, thumbprint_of
from mattegate.signing.tokens.causes import Cause
from mattegate.signing.tokens.dpop import Proof, ProofRules, verify_proof
from mattegate.signing.tokens.mapping import Bearer, bearer_of
from mattegate.signing.tokens.own import BrowserAllowance, browser_allowance, check_origin
from mattegate.signing.tokens.rules import BROWSER_TOKEN
from mattegate.signing.tokens.verify import verify
from mattegate.vocabulary.attempt import Channel
from mattegate.vocabulary.facts import IdentityView, KeyView, ProofFact, Uses

if TYPE_CHECKING:
    from mattegate.ledger.protocols import Snapshot
    from mattegate.serving.evidence import Evidence
    from mattegate.serving.proving.issuer_keys import IssuerKeys
    from mattegate.serving.proving.own_keys import OwnKeys
    from mattegate.serving.walk import Walk
    from mattegate.signing.tokens.claims import TokenClaims
    from mattegate.signing.tokens.key_set import KeySet
    from mattegate.signing.tokens.rules import TokenRules

MEGAPIXEL: Final = 1_000_000
PROOF_RULES: Final = ProofRules()
_LATER_S: Final = 10.0
"""For how much longer than its own leeway a value is remembered."""
_MOST_TOLD: Final = 64
_LONGEST: Final = 100
"""How many roles that no policy speaks of are kept with a decision, and of how many characters."""


class TokenProver:
    """Judges the token of a request; ``gives``: whether tokens of our own are given, and so taken."""

    def __init__(self, own: OwnKeys, issuers: IssuerKeys, *, gives: bool) -> None:
        self._own, self._issuers, self._gives = own, issuers, gives

    async def prove(self, walk: Walk, evidence: Evidence, keys: Snapshot) -> ProofFact:
        """Whose token it is, or why it proves nothing. Raises :class:`Unavailable` ``keyset``."""
        text = evidence.token_of(walk.attempt)
        stated = tokens.read(text)
        if isinstance(stated, Verdict):
            return _refused(stated)
        rules = self._rules(stated, walk)
        if isinstance(rules, Verdict):
            return _refused(rules)
        proof = self._proof(walk, evidence, text)
        if isinstance(proof, Verdict):
            return _refused(proof)
        claims = await self._verified(text, stated, rules, walk, possession_of(walk, proof))
        if isinstance(claims, Verdict):
            return _refused(claims)
        fact = _found(claims, rules, walk, keys)
        return fact if fact.code else replace(fact, uses=(*_proof_uses(proof), *fact.uses))

    def _rules(self, stated: tokens.StatedToken, walk: Walk) -> TokenRules | Verdict:
        trusted = walk.rules.tokens
        if stated.issuer == trusted.own and not self._gives:
            return Verdict(Cause.ISSUER, {"issuer": stated.issuer})
        return tokens.rules_for(stated, trusted.rules)

    async def _verified(
        self, text: str, stated: tokens.StatedToken, rules: TokenRules, walk: Walk, possession: Possession
    ) -> TokenClaims | Verdict:
        at, key_set = walk.attempt.at, await self._key_set(rules, stated, walk)
        claims = verify(text, key_set, rules, at=at, possession=possession)
        if not isinstance(claims, Verdict) or claims.code != Cause.SIGNATURE or rules.issuer == walk.rules.tokens.own:
            return claims
        newer = await self._issuers.newer(walk.rules.tokens.issuers[rules.issuer], key_set)
        return claims if newer is None else verify(text, newer, rules, at=at, possession=possession)

    async def _key_set(self, rules: TokenRules, stated: tokens.StatedToken, walk: Walk) -> KeySet:
        trusted = walk.rules.tokens
        if rules.issuer == trusted.own:
            return self._own.verifying(walk.attempt.at)
        return await self._issuers.of(trusted.issuers[rules.issuer], stated)

    def _proof(self, walk: Walk, evidence: Evidence, text: str) -> Proof | Verdict | None:
        """The proof that goes with the scheme ``DPoP`` (RFC 9449, section 7.1), for the address that was asked for."""
        attempt, rules = walk.attempt, walk.rules
        if not any(presented.channel is Channel.DPOP for presented in attempt.credentials):
            return None
        assert evidence.message is not None
        nonces = self._own.nonces(attempt.at) if rules.rulebook.tokens.proof_nonce else None
        message = replace(evidence.message, scheme=proto_of(attempt, rules), authority=host_of(attempt, rules))
        proof = verify_proof(message, text, PROOF_RULES, at=attempt.at, nonces=nonces)
        if isinstance(proof, Verdict) and nonces and proof.code == Cause.PROOF_NONCE:
            return replace(proof, facts={**proof.facts, "nonce": nonces[0]})
        return proof


def possession_of(walk: Walk, proof: Proof | None) -> Possession:
    """What a caller showed beside a token: a client certificate that is good, and the key of a proof."""
    certificate = walk.attempt.certificate
    shown = thumbprint_of(certificate.fingerprint) if certificate and not certificate.problem else ""
    return Possession(proof.thumbprint if proof else "", shown)


def _proof_uses(proof: Proof | None) -> tuple[Uses, ...]:
    return (proof_use(proof),) if proof else ()


def proof_use(proof: Proof) -> Uses:
    """A proof is good once (RFC 9449, section 11.1)."""
    return Uses(f"proof:{proof.thumbprint}", proof.replay_key, proof.keep_until + _LATER_S, reason=Cause.REPLAYED.value)


# --- what a verified token comes to -------------------------------------------------------------------------------


def _found(claims: TokenClaims, rules: TokenRules, walk: Walk, keys: Snapshot) -> ProofFact:
    if rules.issuer != walk.rules.tokens.own:
        return _foreign(claims, rules, walk, keys)
    stored = keys.keys.get(claims.client_id)
    if stored is None or stored.view.identity.id != claims.subject:
        return _refused(Verdict(Cause.IDENTITY, {"claim": "client_id", "value": claims.client_id}))
    if claims.typ == BROWSER_TOKEN:
        return _browser(claims, stored.view, walk)
    bearer = bearer_of(claims, rules.identity)
    if isinstance(bearer, Verdict):
        return _refused(bearer)
    given = tuple(scope for scope in bearer.scopes if stored.view.allows_scope(scope))
    return ProofFact(replace(stored.view, scopes=given))


def _browser(claims: TokenClaims, minted_by: KeyView, walk: Walk) -> ProofFact:
    allowance = browser_allowance(claims)
    if isinstance(allowance, Verdict):
        return _refused(allowance)
    verdict = check_origin(allowance, walk.attempt.origin or "")
    if not verdict.good:
        return _refused(verdict)
    scopes = ("cutout",) if minted_by.allows_scope("cutout") else ()
    key = replace(minted_by, scopes=scopes, megapixels=max(allowance.pixels // MEGAPIXEL, 1))
    return ProofFact(key, uses=(_image(allowance),))


def _image(allowance: BrowserAllowance) -> Uses:
    subject, until = f"browser:{allowance.client_id}", allowance.expires + _LATER_S
    return Uses(
        subject, allowance.token_id, until, most=allowance.images, reason="token.used_up",
        repeats=allowance.images * REPLAYS,
    )  # fmt: skip


def _foreign(claims: TokenClaims, rules: TokenRules, walk: Walk, keys: Snapshot) -> ProofFact:
    """A stored identity by the issuer's rules, or one that is made for this request and named alike every time.

    It is of an environment that is served here: issuers are named by server.
    """
    bearer = bearer_of(claims, rules.identity)
    if isinstance(bearer, Verdict):
        return _refused(bearer)
    identity = keys.identity(bearer.identity_id) or _made(bearer, rules)
    if identity is None:
        facts = {"claim": rules.identity.claim, "value": bearer.identity_id}
        return _refused(Verdict(Cause.IDENTITY, dict(facts)))
    issuer, environment = walk.rules.tokens.issuers[rules.issuer].name, min(walk.rules.environments, default="")
    policies = walk.rules.policies
    groups = _groups(issuer, bearer.roles, policies.groups if policies else frozenset())
    return ProofFact(KeyView(f"token:{issuer}", identity, issuer, environment, scopes=bearer.scopes, groups=groups))


def _groups(issuer: str, roles: tuple[str, ...], spoken_of: frozenset[str]) -> tuple[str, ...]:
    """The roles as policies name them: all that any policy speaks of, and of the others as many as a record may hold.

    What the issuer calls a role is none of ours, so that it cannot make up a scope or the role of another issuer.
    """
    named = dict.fromkeys(f"{issuer}:{role}" for role in roles)
    others = [group for group in named if group not in spoken_of and group.isprintable() and len(group) <= _LONGEST]
    return (*(group for group in named if group in spoken_of), *others[:_MOST_TOLD])


def _made(bearer: Bearer, rules: TokenRules) -> IdentityView | None:
    prefix = rules.identity.prefix
    if not prefix or not bearer.identity_id.startswith(prefix):
        return None
    return IdentityView(bearer.identity_id, bearer.identity_id, bearer.tier, bearer.scopes)


def _refused(verdict: Verdict) -> ProofFact:
    return ProofFact(None, verdict.code, dict(verdict.facts))
