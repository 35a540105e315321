"""Policies compiled once and asked often.

1. An explicit ``forbid`` wins, no ``permit`` refuses: that is Cedar's own rule.
2. Cedar leaves a policy out that cannot be evaluated. Here an erring ``forbid`` refuses, because it might have
   forbidden; an erring ``permit`` has only not permitted.
3. Policies are validated against our schema before they are used, so that erring is rare.
4. What can be said before the body is read is said then: only policies that speak of the body wait for it.
5. A policy with the annotation ``@shadow`` is on trial: it is asked, and what it would change is told, not done.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from mattegate.gate.policies.faults import read_policy
from mattegate.gate.policies.library import PolicyError, PolicyFault, Tree, cedar, set_of
from mattegate.gate.policies.question import Question
from mattegate.gate.policies.schema import OF_THE_BODY
from mattegate.vocabulary.rulebook import PolicyText

if TYPE_CHECKING:
    from cedarpy import AuthzResult

SHADOW: Final = "shadow"
"""The annotation of policies on trial."""

_WHOLE: Final = "*"
_ERRING: Final = re.compile(r"error while evaluating policy `([^`]*)`")


class Answer(StrEnum):
    """What policies say together."""

    PERMIT = "permit"
    FORBID = "forbid"
    NO_PERMIT = "no permit"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The answer and the policies that made it."""

    answer: Answer
    policies: tuple[str, ...] = ()
    """Ids of those that decided; of those that could not be evaluated where the answer is an error."""
    problem: str = ""
    """Why they could not."""


UNASKED: Final = Judgement(Answer.PERMIT)
"""Where there is no policy, nothing is asked for."""


class Policies:
    """A set of validated policies. Raises :class:`PolicyError` with every fault at once."""

    def __init__(self, texts: Sequence[PolicyText]) -> None:
        trees = _trees(texts)
        enforced = {name: tree for name, tree in trees.items() if SHADOW not in tree.get("annotations", {})}
        self.waiting = frozenset(name for name, tree in trees.items() if _speaks_of_body(tree))
        """Those that speak of the body."""
        at_head = {name: tree for name, tree in enforced.items() if name not in self.waiting}
        self.effects = {name: str(tree["effect"]) for name, tree in trees.items()}
        """``permit`` or ``forbid``, by id."""
        self.on_trial = tuple(name for name in trees if name not in enforced)
        self.roles = tuple(sorted(set(_named(list(trees.values()), "Role"))))
        """The roles that are spoken of."""
        self.groups = frozenset(_named(list(trees.values()), "Group"))
        """The groups that are."""
        self.of_the_address = any(_mentions(tree, "address") for tree in trees.values())
        self.of_the_path = any(_mentions(tree, "path") for tree in trees.values())
        self._enforced = _Panel(enforced)
        self._at_head = self._enforced if at_head == enforced else _Panel(at_head)
        self._permits_later = any(self.effects[name] == "permit" for name in enforced.keys() - at_head.keys())
        self._trial = _Panel(trees) if self.on_trial else None

    def judge(self, question: Question) -> Judgement:
        """Ask all that are in force."""
        return self._enforced.ask(question)

    def judge_head(self, question: Question) -> Judgement | None:
        """What is certain before the body is known; ``None`` where that depends on it."""
        judgement = self._at_head.ask(question)
        if self._at_head is self._enforced:
            return judgement
        if judgement.answer is Answer.PERMIT or (judgement.answer is Answer.NO_PERMIT and self._permits_later):
            return None
        return judgement

    def judge_trial(self, question: Question) -> Judgement | None:
        """What all would say if those on trial were in force; ``None`` where none is on trial."""
        return self._trial.ask(question) if self._trial else None


class _Panel:
    """Policies that are asked together."""

    def __init__(self, trees: Mapping[str, Tree]) -> None:
        self._effects = {name: str(tree["effect"]) for name, tree in trees.items()}
        self._set = set_of(trees)
        spoken_of = frozenset(_of_the_context(list(trees.values())))
        self._spoken_of = None if _WHOLE in spoken_of else spoken_of

    def ask(self, question: Question) -> Judgement:
        if not self._effects:
            return UNASKED
        library = cedar()
        result: AuthzResult = library.is_authorized(question.request(self._spoken_of), self._set, question.entities())
        errors = [str(error) for error in result.diagnostics.errors]
        erring = self._erring_forbids(errors)
        if erring or result.decision is library.Decision.NoDecision:
            return Judgement(Answer.ERROR, erring or tuple(sorted(self._effects)), "; ".join(errors)[:300])
        reasons = tuple(sorted(result.diagnostics.reasons))
        if result.allowed:
            return Judgement(Answer.PERMIT, reasons)
        return Judgement(Answer.FORBID, reasons) if reasons else Judgement(Answer.NO_PERMIT)

    def _erring_forbids(self, errors: Sequence[str]) -> tuple[str, ...]:
        """An error that names no policy of ours could be of any, and so is one of every ``forbid``."""
        named = [found[1] if (found := _ERRING.match(error)) else "" for error in errors]
        suspects = self._effects if any(name not in self._effects for name in named) else named
        return tuple(sorted({name for name in suspects if self._effects[name] == "forbid"}))


def _trees(texts: Sequence[PolicyText]) -> dict[str, Tree]:
    trees: dict[str, Tree] = {}
    faults: list[PolicyFault] = []
    for text in texts:
        if text.id in trees:
            faults.append(PolicyFault(text.id, "two policies have this id", 'give one another: @id("NAME")', text.id))
            continue
        tree, found = read_policy(text)
        faults += found
        trees[text.id] = tree or {}
    if faults:
        raise PolicyError(faults)
    return trees


def _speaks_of_body(tree: object) -> bool:
    """Whether a policy mentions an attribute of the body, or asks for a model as a parent."""
    return _mentions(tree, *OF_THE_BODY) or any(part.get("type") == "Model" for part in _parts(tree))


def _mentions(tree: object, *attributes: str) -> bool:
    return any(part.get("attr") in attributes for part in _parts(tree))


def _named(tree: object, kind: str) -> Iterable[str]:
    """The ids of the entities of one kind that are spoken of."""
    return (str(part["id"]) for part in _parts(tree) if part.get("type") == kind and "id" in part)


def _of_the_context(tree: object) -> Iterable[str]:
    """The attributes of the context that are spoken of; ``_WHOLE`` where all of it is."""
    if isinstance(tree, list):
        for value in tree:
            yield from _of_the_context(value)
    elif isinstance(tree, dict):
        for operator, operand in tree.items():
            if isinstance(operand, dict) and operand.get("left") == {"Var": "context"} and "attr" in operand:
                yield operand["attr"]
            elif (operator, operand) == ("Var", "context"):
                yield _WHOLE
            else:
                yield from _of_the_context(operand)


def _parts(tree: object) -> Iterable[dict[str, Any]]:
    """Every object within a tree, the outermost first."""
    if isinstance(tree, dict):
        yield tree
        for value in tree.values():
            yield from _parts(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _parts(value)
