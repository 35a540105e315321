"""One decision on its way: what was asked, what is known so far, where it led. The gatehouse makes it, adds to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mattegate.vocabulary.facts import Facts

if TYPE_CHECKING:
    from mattegate.gate.rules import Rules
    from mattegate.ledger.protocols import Snapshot
    from mattegate.vocabulary.attempt import Attempt
    from mattegate.vocabulary.decision import Decision, Finding
    from mattegate.vocabulary.facts import (
        AuthorizerFact,
        ClaimFact,
        CredentialFact,
        FactName,
        FloodFact,
        KeyView,
        LimitAnswer,
        Outcome,
        ProofFact,
    )
    from mattegate.vocabulary.rulebook import Limit, Tier


@dataclass(slots=True)
class Walk:
    """One attempt under one rulebook."""

    attempt: Attempt
    rules: Rules
    address: str
    """The client's, through declared proxies."""
    facts: Facts
    findings: tuple[Finding, ...] = ()
    """Of the layers asked so far."""
    decision: Decision | None = None
    """Where it ended; ``None`` while the work behind the gate goes on."""
    caller: KeyView | None = None
    """Whoever proved themselves, or the anonymous identity; ``None`` before that and on public routes."""
    tier: Tier | None = None
    limits: tuple[Limit, ...] = ()
    stand: tuple[LimitAnswer, ...] = ()
    """Where the limits stand after something was given back or weighed; the record keeps what they said first."""
    keys: Snapshot | None = None
    """The keys to look up in; ``None``: look anew."""
    epoch: int = 0
    settled: bool = False
    """Whether what was reserved is charged."""
    begun: bool = False
    """Whether the engine works on it, so that leaving now wastes work."""

    def learn(
        self,
        *,
        flood: FloodFact | None = None,
        credential: CredentialFact | None = None,
        claim: ClaimFact | None = None,
        outcome: Outcome | None = None,
    ) -> None:
        """Put what became known in the place of what was known before."""
        known = self.facts
        self.facts = Facts(
            flood or known.flood,
            credential or known.credential,
            claim or known.claim,
            outcome or known.outcome,
            known.failed,
            known.signature,
            known.token,
            known.certificate,
            known.authorizer,
            known.payload,
        )

    def know(self, fact: FactName, value: ProofFact | AuthorizerFact) -> None:
        """Put what a prover found in its place."""
        known: dict[str, Any] = {fact.value: value}
        self.facts = replace(self.facts, **known)

    @property
    def key_id(self) -> str:
        """The id of the proven key."""
        return self.caller.id if self.caller else ""

    @property
    def identity(self) -> str:
        """The name of whoever pays."""
        return self.caller.identity.name if self.caller else ""

    @property
    def reserved(self) -> bool:
        """Whether units wait to be charged or given back."""
        return self.facts.claim is not None and self.facts.claim.reserved and not self.settled

    @property
    def replaying(self) -> bool:
        """Whether an answer is made again under its idempotency key, and the ledger waits to hear how that ends."""
        claim = self.facts.claim
        return claim is not None and claim.replay > 0 and not claim.conflict and not self.settled
