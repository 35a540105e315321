"""One attempt on its way through the layers: what they share, and what is worked out once for all of them."""

from __future__ import annotations

from mattegate.gate.address import Client, client_of
from mattegate.gate.rules import Rules
from mattegate.vocabulary.attempt import Attempt, Channel
from mattegate.vocabulary.facts import Facts, KeyView, Uses


class Case:
    """What a layer judges. Lives for one call of ``decide`` and is seen by nobody else."""

    __slots__ = ("_client", "_required", "attempt", "facts", "rules")

    def __init__(self, attempt: Attempt, facts: Facts, rules: Rules) -> None:
        self.attempt = attempt
        self.facts = facts
        self.rules = rules
        self._client: Client | None = None
        self._required: tuple[str, ...] | None = None

    def presents(self, channels: frozenset[Channel]) -> bool:
        """Whether a credential stands in one of ``channels``."""
        return any(presented.channel in channels for presented in self.attempt.credentials)

    @property
    def proven(self) -> tuple[KeyView, ...]:
        """Every key that this attempt has proven, so that each can narrow what it may do."""
        return proven_keys(self.facts)

    @property
    def shows_key(self) -> bool:
        """Whether an API key, or a token in its stead, was proven."""
        credential, token = self.facts.credential, self.facts.token
        return (credential is not None and credential.proven) or (token is not None and token.key is not None)

    @property
    def required(self) -> tuple[str, ...]:
        """What must be shown at once: by the keys that are used, by the tier, and on this route."""
        if self._required is None:
            self._required = self._all_required()
        return self._required

    def _all_required(self) -> tuple[str, ...]:
        caller = self.caller
        if caller is None:
            return ()
        tier = self.rules.tiers.get(caller.identity.tier)
        asked = {proof for key in self.proven for proof in key.require} | set(tier.require if tier else ())
        asked |= set(self.rules.required_on.get(self.attempt.route.name, ()))
        return tuple(proof for proof in ("key", "signature", "certificate") if proof in asked)

    @property
    def uses(self) -> tuple[Uses, ...]:
        """What the claim is to use up."""
        return uses_of(self.facts)

    @property
    def client(self) -> Client:
        """The client's address; found out when a layer asks for it first."""
        if self._client is None:
            self._client = client_of(self.attempt, self.rules)
        return self._client

    @property
    def caller(self) -> KeyView | None:
        """Whose attempt this is, once that is proven."""
        return caller_of(self.attempt, self.facts, self.rules)


def caller_of(attempt: Attempt, facts: Facts, rules: Rules) -> KeyView | None:
    """The key that an attempt acts with: the proven one, the anonymous one where that is allowed, otherwise none.

    Public routes act for nobody, whatever was presented. Of several proven keys, which are one identity's, the API key
    comes first.
    """
    if attempt.route.public:
        return None
    if proven := proven_keys(facts):
        return proven[0]
    if not attempt.credentials and attempt.certificate is None:
        return rules.anonymous
    return None


def proven_keys(facts: Facts) -> tuple[KeyView, ...]:
    """API key, token, signature, certificate, as far as each was proven."""
    credential = facts.credential
    shown = credential.key if credential is not None and credential.proven else None
    proofs = (facts.token, facts.signature, facts.certificate)
    keys = (shown, *(proof.key for proof in proofs if proof is not None and not proof.code))
    return tuple(key for key in keys if key is not None)


def uses_of(facts: Facts) -> tuple[Uses, ...]:
    """What the claim is to use up: the nonce of a signature, the images of a token."""
    return tuple(one for proof in (facts.token, facts.signature) if proof is not None for one in proof.uses)
