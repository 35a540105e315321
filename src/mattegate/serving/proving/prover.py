"""What a prover is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mattegate.ledger.protocols import Snapshot
    from mattegate.serving.evidence import Evidence
    from mattegate.serving.walk import Walk
    from mattegate.vocabulary.facts import AuthorizerFact, ProofFact


class Prover(Protocol):
    """Finds one fact about a request, after everything cheaper has let it pass."""

    async def prove(self, walk: Walk, evidence: Evidence, keys: Snapshot) -> ProofFact | AuthorizerFact:
        """The fact. Raises :class:`~mattegate.ledger.protocols.Unavailable` where it cannot be had."""
