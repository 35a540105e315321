"""What Cedar says against a policy, as a fault with what to write instead.

Cedar objects once for every action that a policy may meet; a person is told once. Its messages are read for the word
that they quote and nothing is decided by them: an unknown message is passed on as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from typing import Final

from mattegate.gate.policies.depth import halved, too_deep
from mattegate.gate.policies.library import PolicyError, PolicyFault, Tree, cedar, schema, set_of, trees_of
from mattegate.gate.policies.schema import ACTIONS, SCHEMA
from mattegate.vocabulary.rulebook import PolicyText

ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:/@+-]{0,79}")
"""What may be an id: it stands in sentences, in lists with commas, and between Cedar's back quotes."""

_DEEP: Final = "it is nested too deeply"
_SHALLOWER: Final = 'make several policies of it; a long list of texts reads ["a", "b"].contains(context.key)'
_SHAPE: Final = "a policy reads: permit (principal, action, resource) when { context.tls };"
_FOR_ID: Final = re.compile(r"^for policy `[^`]*`, ")
_PER_ACTION: Final = re.compile(r' for Action::"\w+"')
_QUOTED: Final = re.compile(r"`([^`]*)`")
_LAST_WORD: Final = re.compile(r": (\w+)$")
_CONSEQUENCE: Final = "unable to find an applicable action"
"""Said beside the real fault of a scope, which names the word."""

_KINDS: Final = tuple(re.findall(r"^entity (\w+)", SCHEMA, re.MULTILINE))
_OWNERS: Final = {"name": "principal"} | dict.fromkeys(("surface", "model", "bytes", "megapixels"), "resource")
"""Whose attributes those are that the context does not have."""
_ATTRIBUTES: Final = tuple(re.findall(r"^  (\w+)\??: [A-Zid]\w+[<,]?", SCHEMA, re.MULTILINE))


def read_policy(policy: PolicyText) -> tuple[Tree | None, tuple[PolicyFault, ...]]:
    """One policy as Cedar's JSON, and everything that is wrong with it.

    Raises :class:`~mattegate.gate.policies.library.PolicyError` where the library is not there.
    """
    if not ID.fullmatch(policy.id):
        fix = "use letters, digits, spaces and ._:/@+-, at most 80"
        return None, (PolicyFault(policy.id, "this cannot be the id of a policy", fix, policy.id),)
    library = cedar()
    try:
        tree = _tree(policy)
    except PolicyError as error:
        return None, error.faults
    validated = library.validate_policies(policy.text, schema())
    return tree, tuple(_objections(policy.id, map(str, (error.error for error in validated.errors))))


def _tree(policy: PolicyText) -> Tree:
    """The one policy of a text, as deep as it may be. Raises :class:`~mattegate.gate.policies.library.PolicyError`."""
    if problem := too_deep(policy.text):
        raise PolicyError([PolicyFault(policy.id, problem, _SHALLOWER)])
    try:
        trees, templates = trees_of(policy.text)
    except ValueError as error:
        raise PolicyError([_unreadable(policy.id, _first_line(error))]) from None
    except RecursionError:
        raise PolicyError([PolicyFault(policy.id, _DEEP, _SHALLOWER)]) from None
    if templates or len(trees) != 1:
        problem = "it is a template" if templates else f"it must be one policy, and here are {len(trees)}"
        raise PolicyError([PolicyFault(policy.id, problem, _SHAPE)])
    try:
        tree: Tree = halved(trees[0])
        set_of({policy.id: tree})
    except (ValueError, RecursionError):
        raise PolicyError([PolicyFault(policy.id, _DEEP, _SHALLOWER)]) from None
    return tree


def _unreadable(policy: str, problem: str) -> PolicyFault:
    quoted = _QUOTED.search(problem) or _LAST_WORD.search(problem)
    return PolicyFault(policy, f"it cannot be read: {problem}", _SHAPE, quoted[1] if quoted else "")


def _objections(policy: str, errors: Iterable[str]) -> Iterator[PolicyFault]:
    told = list(dict.fromkeys(_PER_ACTION.sub("", _FOR_ID.sub("", _first_line(error))) for error in errors))
    real = [problem for problem in told if not problem.startswith(_CONSEQUENCE)]
    for problem in real or told:
        quoted = _QUOTED.search(problem)
        word = quoted[1] if quoted else ""
        yield PolicyFault(policy, problem, _fix(problem, word), word)


def _fix(problem: str, word: str) -> str:
    return next((fix(word) for part, fix in _FIXES if part in problem), "'mattegate policy schema' shows what there is")


def _guard(word: str) -> str:
    owner = _OWNERS.get(word, "context")
    return f"it may be absent: write {owner} has {word} && {owner}.{word} …"


def _attribute(word: str) -> str:
    close = get_close_matches(word, _ATTRIBUTES, n=1)
    meant = f"did you mean {_OWNERS.get(close[0], 'context')}.{close[0]}? " if close else ""
    return f"{meant}'mattegate policy schema' shows what there is"


def _action(_: str) -> str:
    return "the actions are " + ", ".join(f'Action::"{name}"' for name in ACTIONS)


def _kind(_: str) -> str:
    return "there are " + ", ".join(_KINDS)


_FIXES: Final[tuple[tuple[str, Callable[[str], str]], ...]] = (
    ("optional attribute", _guard),
    ("attribute", _attribute),
    ("unrecognized action", _action),
    ("unrecognized entity type", _kind),
)


def _first_line(error: object) -> str:
    return str(error).strip().partition("\n")[0][:300]
