"""Why each policy applies to a question or does not: every part of it, asked by itself.

A part is a piece of the scope (principal, action, resource), a member of the conjunction under ``when``, or a member of
the disjunction under ``unless``. A policy applies when every part holds. A part that cannot be evaluated by itself
stands behind the guard that it needs, such as ``context has address``, and says nothing on its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mattegate.gate.policies.compiled import SHADOW
from mattegate.gate.policies.faults import read_policy
from mattegate.gate.policies.library import PolicyError, Tree, cedar, set_of, text_of
from mattegate.gate.policies.question import Question
from mattegate.vocabulary.rulebook import PolicyText

_ALL: Final[Tree] = {
    "effect": "permit",
    "principal": {"op": "All"},
    "action": {"op": "All"},
    "resource": {"op": "All"},
    "conditions": [],
}
"""A policy that applies to everything."""

_SCOPE: Final = {
    "principal": re.compile(r"permit\((.*), action, resource\);", re.DOTALL),
    "action": re.compile(r"permit\(principal, (.*), resource\);", re.DOTALL),
    "resource": re.compile(r"permit\(principal, action, (.*)\);", re.DOTALL),
}
_CONDITION: Final = re.compile(r"permit\(principal, action, resource\) when \{ (.*) \};", re.DOTALL)
_BRACKETED: Final = re.compile(r"\(((?:principal|resource|context)\.\w+)\)")
"""Brackets that Cedar writes and nobody needs."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a policy."""

    text: str
    """In Cedar; a member of ``unless`` stands behind that word."""
    holds: bool | None
    """``None`` where it cannot be evaluated by itself."""
    seen: str
    """What it goes by, as it is in this question."""


@dataclass(frozen=True, slots=True)
class Explained:
    """One policy beside one question."""

    policy: str
    effect: str
    """``permit`` or ``forbid``."""
    applies: bool | None
    """``None`` where it cannot be evaluated."""
    on_trial: bool
    parts: tuple[Part, ...]

    @property
    def missing(self) -> tuple[Part, ...]:
        """What keeps it from applying."""
        return tuple(part for part in self.parts if part.holds is False)


def explained(texts: Sequence[PolicyText], question: Question) -> tuple[Explained, ...]:
    """Every policy. Raises :class:`~mattegate.gate.policies.library.PolicyError`."""
    return tuple(_explained(text, question) for text in texts)


def nearest(policies: Sequence[Explained]) -> tuple[Explained, ...]:
    """The ``permit`` policies in force that lack the fewest parts."""
    short = [policy for policy in policies if policy.effect == "permit" and not policy.applies and not policy.on_trial]
    least = min((len(policy.missing) for policy in short), default=0)
    return tuple(policy for policy in short if len(policy.missing) == least)


def _explained(text: PolicyText, question: Question) -> Explained:
    tree, faults = read_policy(text)
    if tree is None or faults:
        raise PolicyError(faults)
    return Explained(
        policy=text.id,
        effect=str(tree["effect"]),
        applies=_holds(tree, question),
        on_trial=SHADOW in tree.get("annotations", {}),
        parts=(*_scope_parts(tree, question), *_condition_parts(tree, question)),
    )


def _scope_parts(tree: Tree, question: Question) -> Iterator[Part]:
    for name, pattern in _SCOPE.items():
        if tree[name]["op"] != "All":
            alone = {**_ALL, name: tree[name]}
            found = pattern.fullmatch(text_of(alone))
            yield Part(found[1] if found else name, _holds(alone, question), _scope_seen(name, question))


def _condition_parts(tree: Tree, question: Question) -> Iterator[Part]:
    for condition in tree["conditions"]:
        kind = condition["kind"]
        for member in _members(condition["body"], "&&" if kind == "when" else "||"):
            alone = {**_ALL, "conditions": [{"kind": "when", "body": member}]}
            holds, text, seen = _holds(alone, question), _text(alone), _seen(member, question)
            if kind == "when":
                yield Part(text, holds, seen)
            else:
                yield Part(f"unless {text}", None if holds is None else not holds, seen)


def _members(body: Any, operator: str) -> Iterator[Any]:
    """The members of a chain of one operator, from left to right."""
    if isinstance(body, dict) and operator in body:
        yield from _members(body[operator]["left"], operator)
        yield from _members(body[operator]["right"], operator)
    else:
        yield body


def _holds(tree: Tree, question: Question) -> bool | None:
    """Whether a policy applies; its effect does not matter."""
    alone = set_of({"alone": {**tree, "effect": "permit"}})
    result = cedar().is_authorized(question.request(), alone, question.entities())
    return None if result.diagnostics.errors else bool(result.allowed)


def _text(alone: Tree) -> str:
    found = _CONDITION.fullmatch(text_of(alone))
    assert found is not None
    return _BRACKETED.sub(r"\1", found[1])


def _scope_seen(name: str, question: Question) -> str:
    if name == "action":
        return f"it is {question.action}"
    if name == "resource":
        model = f", model {question.model}" if question.model else ", no model known"
        return f"it is {question.surface}{model}"
    roles = ", ".join(question.roles) or "none"
    groups = f", groups {', '.join(question.groups)}" if question.groups else ""
    return f"it is {question.identity} ({question.name}), tier {question.tier}, roles {roles}{groups}"


def _seen(member: Any, question: Question) -> str:
    known = {
        "principal": {"name": question.name, "tier": question.tier},
        "resource": question.resource()["attrs"],
        "context": question.context(),
    }
    named = dict.fromkeys(_named(member))
    return "; ".join(f"{owner}.{attr} {_shown(known.get(owner, {}), attr)}" for owner, attr in named)


def _named(member: Any) -> Iterator[tuple[str, str]]:
    """Every attribute of principal, resource and context that an expression goes by."""
    if isinstance(member, dict):
        for operator, operand in member.items():
            left = operand.get("left") if isinstance(operand, dict) else None
            if operator in {".", "has"} and isinstance(left, dict) and "Var" in left:
                yield left["Var"], operand["attr"]
            else:
                yield from _named(operand)
    elif isinstance(member, list):
        for value in member:
            yield from _named(value)


def _shown(known: dict[str, Any], attribute: str) -> str:
    if attribute not in known:
        return "is absent"
    value = known[attribute]
    match value:
        case {"__extn": {"arg": text}}:
            return f"is {text}"
        case bool():
            return f"is {str(value).lower()}"
        case list():
            return f"is [{', '.join(map(str, value))}]"
    return f"is {value}"
