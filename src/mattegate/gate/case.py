"""One attempt on its way through the layers: what they share, and what is worked out once for all of them."""

from __future__ import annotations

from mattegate.gate.address import Client, client_of
from mattegate.gate.rules import Rules
from mattegate.vocabulary.attempt import Attempt
from mattegate.vocabulary.facts import Facts, KeyView


class Case:
    """What a layer judges. Lives for one call of ``decide`` and is seen by nobody else."""

    __slots__ = ("_client", "attempt", "facts", "rules")

    def __init__(self, attempt: Attempt, facts: Facts, rules: Rules) -> None:
        self.attempt = attempt
        self.facts = facts
        self.rules = rules
        self._client: Client | None = None

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

    Public routes act for nobody, whatever was presented.
    """
    if attempt.route.public:
        return None
    if not attempt.credentials:
        return rules.anonymous
    credential = facts.credential
    return credential.key if credential is not None and credential.proven else None
