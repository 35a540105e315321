"""A whole AWS-style resource policy in Cedar: a policy for each statement, or everything that cannot be mapped.

Nothing is left out silently: what a statement holds beyond ``Sid``, ``Effect``, ``Principal``, ``Action``,
``Resource``, their negations and ``Condition`` is a fault, and so is a member that stands twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from mattegate.gate.policies.aws.conditions import conditions_of
from mattegate.gate.policies.aws.principals import notes_on, principal_of
from mattegate.gate.policies.aws.resources import actions_of, resource_of
from mattegate.gate.policies.aws.unmapped import Unmapped, any_of, listed
from mattegate.gate.policies.faults import ID
from mattegate.gate.policies.literals import quoted
from mattegate.gate.policies.schema import ACTIONS
from mattegate.vocabulary.rulebook import PolicyText

_EFFECTS: Final = {"Allow": "permit", "Deny": "forbid"}
_VERSIONS: Final = ("2012-10-17", "2008-10-17")
_WHOLE: Final = frozenset({"Version", "Id", "Statement"})
_MEMBERS: Final = frozenset({"Sid", "Effect", "Condition"}) | {
    f"{negation}{name}" for name in ("Principal", "Action", "Resource") for negation in ("", "Not")
}


@dataclass(frozen=True, slots=True)
class ImportFault:
    """What cannot be imported."""

    statement: str
    """Its Sid, or its number; empty for the document itself."""
    problem: str

    def __str__(self) -> str:
        return f"statement {self.statement}: {self.problem}" if self.statement else self.problem


class NotImported(ValueError):  # noqa: N818 - the state of a document
    """A document that cannot be imported whole; ``faults`` names every statement that is to blame."""

    def __init__(self, faults: tuple[ImportFault, ...]) -> None:
        self.faults = faults
        super().__init__("; ".join(map(str, faults)))


@dataclass(frozen=True, slots=True)
class Imported:
    """Policies, one a statement, and what an operator should know of how they came to be."""

    policies: tuple[PolicyText, ...]
    notes: tuple[str, ...]


def imported(document: str) -> Imported:
    """The document in Cedar. Raises :class:`NotImported` with everything that cannot be mapped."""
    statements = _statements(_parsed(document))
    faults: list[ImportFault] = []
    policies: dict[str, PolicyText] = {}
    notes: list[str] = []
    for number, statement in enumerate(statements, 1):
        name = _name(statement, number)
        if name in policies:
            faults.append(ImportFault(name, "another statement has this Sid"))
        if not ID.fullmatch(name):
            faults.append(ImportFault(name, "the Sid cannot be an id here: use letters, digits, spaces and ._:/@+-"))
        problems: list[str] = []
        text, told = _statement(statement, name, problems)
        faults += [ImportFault(name, problem) for problem in problems]
        policies[name] = PolicyText(name, text)
        notes += told
    if faults:
        raise NotImported(tuple(faults))
    return Imported(tuple(policies.values()), tuple(dict.fromkeys(notes)))


def _parsed(document: str) -> dict[str, Any]:
    try:
        parsed = _unwrapped(document)
    except Unmapped as error:
        raise _not(str(error)) from None
    except (ValueError, RecursionError) as error:
        raise _not(f"it is not JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise _not("a policy is a JSON object with a Statement")
    if strange := sorted(parsed.keys() - _WHOLE):
        raise _not(f"{', '.join(strange)} cannot be mapped; a policy has {', '.join(sorted(_WHOLE))}")
    if parsed.get("Version", _VERSIONS[0]) not in _VERSIONS:
        raise _not(f"the Version must be {' or '.join(_VERSIONS)}")
    return parsed


def _unwrapped(document: str) -> Any:
    """The value of a JSON text, or of the text in a JSON string: API Gateway hands policies out escaped."""
    parsed = json.loads(document, object_pairs_hook=_once)
    for _ in range(2):
        if isinstance(parsed, str):
            text = parsed if parsed[:2] != "{\\" else json.loads(f'"{parsed}"')
            parsed = json.loads(text, object_pairs_hook=_once)
    return parsed


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Unmapped(f"{twice!r} stands twice in one object, so that one of them would be lost")
    return members


def _statements(document: dict[str, Any]) -> list[dict[str, Any]]:
    found = document.get("Statement")
    listed_ones = found if isinstance(found, list) else [found]
    statements = [statement for statement in listed_ones if isinstance(statement, dict)]
    if not statements or len(statements) != len(listed_ones):
        raise _not("Statement must be an object or a list of objects, and not empty")
    return statements


def _not(problem: str) -> NotImported:
    return NotImported((ImportFault("", problem),))


def _name(statement: dict[str, Any], number: int) -> str:
    sid = statement.get("Sid")
    return sid if isinstance(sid, str) and sid else f"statement-{number}"


def _statement(statement: dict[str, Any], name: str, problems: list[str]) -> tuple[str, list[str]]:
    """The policy of one statement and notes on it; what cannot be mapped is added to ``problems``."""
    if strange := sorted(statement.keys() - _MEMBERS):
        problems.append(f"{', '.join(strange)} cannot be mapped")
    effect = statement.get("Effect")
    if effect not in _EFFECTS:
        problems.append("Effect must be Allow or Deny")
    notes: list[str] = []
    actions = _tried(lambda: _actions(statement), problems) or ACTIONS
    conditions = [
        *(_tried(lambda: _principal(statement, notes), problems) or []),
        *(_tried(lambda: _resource(statement), problems) or []),
        *(_tried(lambda: list(conditions_of(statement.get("Condition", {}))), problems) or []),
    ]
    return _written(name, _EFFECTS.get(str(effect), ""), actions, conditions), notes


_Result = TypeVar("_Result")


def _tried(act: Callable[[], _Result], problems: list[str]) -> _Result | None:
    try:
        return act()
    except Unmapped as error:
        problems.append(str(error))
        return None


def _either(statement: dict[str, Any], name: str) -> tuple[Any, bool]:
    """A member or its negation, whichever is there."""
    there = [key for key in (name, f"Not{name}") if key in statement]
    if len(there) != 1:
        raise Unmapped(f"it needs {name} or Not{name}" + (", not both" if there else ""))
    return statement[there[0]], there[0] != name


def _actions(statement: dict[str, Any]) -> tuple[str, ...]:
    value, negated = _either(statement, "Action")
    named = actions_of(listed(value, "Action"))
    actions = tuple(action for action in ACTIONS if (action in named) is not negated)
    if not actions:
        raise Unmapped("NotAction leaves no action, so that the statement never applies")
    return actions


def _principal(statement: dict[str, Any], notes: list[str]) -> list[str]:
    value, negated = _either(statement, "Principal")
    expression = principal_of(value)
    notes += notes_on(value)
    return _negated(expression, "NotPrincipal", negated=negated)


def _resource(statement: dict[str, Any]) -> list[str]:
    value, negated = _either(statement, "Resource")
    expressions = [resource_of(name) for name in listed(value, "Resource")]
    return _negated("" if "" in expressions else any_of(expressions), "NotResource", negated=negated)


def _negated(expression: str, name: str, *, negated: bool) -> list[str]:
    if not negated:
        return [expression] if expression else []
    if not expression:
        raise Unmapped(f"{name} leaves nothing, so that the statement never applies")
    return [f"!({expression})"]


def _written(name: str, effect: str, actions: tuple[str, ...], conditions: list[str]) -> str:
    named = ", ".join(f'Action::"{action}"' for action in actions)
    scope = {len(ACTIONS): "action", 1: f"action == {named}"}.get(len(actions), f"action in [{named}]")
    head = f"@id({quoted(name)})\n{effect} (principal, {scope}, resource)"
    return f"{head}\nwhen {{\n  {_AND.join(conditions)}\n}};" if conditions else f"{head};"


_AND: Final = " &&\n  "
