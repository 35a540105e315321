"""What if: an attempt, its facts and its rulebook with something changed, judged by the very same ``decide``.

A changed attempt keeps the facts that were looked up for the unchanged one. Facts that nobody has looked up yet can be
assumed to be good, so that the walk goes on to what really refuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from mattegate.gate.changing import changed
from mattegate.gate.decide import decide
from mattegate.gate.rules import Rules
from mattegate.vocabulary.attempt import Attempt
from mattegate.vocabulary.decision import Needs
from mattegate.vocabulary.facts import (
    AuthorizerFact,
    ClaimFact,
    CredentialFact,
    FactName,
    Facts,
    FloodFact,
    IdentityView,
    KeyView,
    Outcome,
    ProofFact,
)
from mattegate.vocabulary.rulebook import Rulebook

ROOTS: Final = ("attempt", "facts", "rulebook")
"""What a path begins with."""


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything that a decision goes by."""

    attempt: Attempt
    facts: Facts
    rules: Rules


def supposed(now: Situation, changes: Mapping[str, str], *, assume: bool) -> tuple[Situation, tuple[FactName, ...]]:
    """The situation with ``changes``, each a dotted path such as ``attempt.origin`` and a text; the facts assumed.

    A path that ends in ``+`` adds to a list, in ``-`` takes from it. ``assume``: take facts to be good that are not
    known. Raises ``ValueError`` naming the path, or the value that a rulebook cannot have.
    """
    attempt, facts, rulebook = now.attempt, now.facts, now.rules.rulebook
    for path, text in changes.items():
        root, _, rest = path.partition(".")
        if root not in ROOTS or not rest:
            raise ValueError(f"{path}: a path begins with one of {', '.join(f'{root}.' for root in ROOTS)}")
        if root == "attempt":
            attempt = changed(attempt, Attempt, rest, text)
        elif root == "facts":
            facts = changed(facts, Facts, rest, text)
        else:
            rulebook = changed(rulebook, Rulebook, rest, text)
    rules = now.rules if rulebook == now.rules.rulebook else Rules.of(rulebook)
    then = Situation(attempt, facts, rules)
    return _assuming(then) if assume else (then, ())


def _assuming(then: Situation) -> tuple[Situation, tuple[FactName, ...]]:
    assumed: list[FactName] = []
    while True:
        step = decide(then.attempt, then.facts, then.rules)
        if not isinstance(step, Needs) or step.fact in assumed:
            return then, tuple(assumed)
        assumed.append(step.fact)
        then = replace(then, facts=_good(step.fact, then))


def _good(fact: FactName, then: Situation) -> Facts:
    key = good_key(then)
    good: dict[FactName, Any] = {
        FactName.FLOOD: FloodFact("assumed"),
        FactName.CREDENTIAL: CredentialFact(key, proven=True),
        FactName.SIGNATURE: ProofFact(key),
        FactName.TOKEN: ProofFact(key),
        FactName.CERTIFICATE: ProofFact(key),
        FactName.AUTHORIZER: AuthorizerFact("assumed", allowed=True),
        FactName.CLAIM: ClaimFact(reserved=True),
        FactName.OUTCOME: Outcome(),
    }
    return replace(then.facts, **{fact.value: good[fact]})


def good_key(then: Situation) -> KeyView:
    """A key that nothing is wrong with, of the first tier that there is."""
    tier = next(iter(then.rules.tiers), "")
    environment = next(iter(then.rules.rulebook.credential.environments), "")
    identity = IdentityView("assumed", "assumed", tier, scopes=("*",))
    return KeyView("assumed", identity, environment=environment)
