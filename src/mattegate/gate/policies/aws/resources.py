"""``Action`` and ``Resource`` of a statement: what it is about.

Resources of API Gateway end in ``STAGE/METHOD/PATH``, and their ``*`` stands for any text, slashes among it. The API
and its stage say which deployment is meant, which here is this server; method and path become conditions. Ours are
``surface/NAME`` and ``model/NAME``.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Final

from mattegate.gate.policies.aws.unmapped import Unmapped, all_of, any_of, star_pattern
from mattegate.gate.policies.literals import quoted
from mattegate.gate.policies.schema import ACTIONS

_EVERY: Final = frozenset({"*", "execute-api:*", "execute-api:invoke", "mattegate:*"})
_API: Final = re.compile(r"(?:arn:[\w-]+:execute-api:[\w*-]*:[\d*]*:([\w*-]+)|execute-api:)/(.+)", re.DOTALL)
_OURS: Final = re.compile(r"(?:mattegate:)?(surface|model)/(.+)", re.DOTALL)
_STAGE: Final = re.compile(r"[\w$-]+|\*")
_METHOD: Final = re.compile(r"[A-Z]+|\*")


def actions_of(names: list[str]) -> tuple[str, ...]:
    """The actions here that patterns of actions name. Raises :class:`Unmapped` for one that names none."""
    found: set[str] = set()
    for name in names:
        pattern = star_pattern(name, "the Action").lower()
        ours = set(ACTIONS) if pattern in _EVERY else _matching(pattern.removeprefix("mattegate:"))
        if not ours:
            raise Unmapped(
                f"the Action {name!r} cannot be mapped; execute-api:Invoke is everything here, "
                f"and {', '.join(f'mattegate:{action}' for action in ACTIONS)} are its parts"
            )
        found |= ours
    return tuple(action for action in ACTIONS if action in found)


def _matching(pattern: str) -> set[str]:
    return {action for action in ACTIONS if "[" not in pattern and fnmatchcase(action, pattern)}


def resource_of(name: str) -> str:
    """The condition that a resource comes to; empty where it is everything. Raises :class:`Unmapped`."""
    pattern = star_pattern(name, "the Resource")
    if pattern == "*":
        return ""
    if found := _OURS.fullmatch(pattern):
        return _attribute(found[1], found[2])
    if found := _API.fullmatch(pattern):
        return _invoked(name, found[2])
    raise Unmapped(
        f"the Resource {name!r} cannot be mapped; execute-api:/STAGE/METHOD/PATH, surface/NAME and model/NAME can"
    )


def _attribute(kind: str, pattern: str) -> str:
    compared = _compared(f"resource.{kind}", pattern)
    return all_of(["resource has model", compared]) if kind == "model" else compared


def _invoked(name: str, rest: str) -> str:
    """STAGE/METHOD/PATH, where a star may stand for a part or, at the end, for all that follows."""
    stage, method, path = ([*rest.split("/", 2), None, None])[:3]
    if stage == "*" and method is None:
        return ""
    if not (_STAGE.fullmatch(stage or "") and _METHOD.fullmatch(method or "")):
        raise Unmapped(f"the Resource {name!r}: stage and method must be words, or a * each")
    if path is None:
        if method == "*":
            return ""
        raise Unmapped(f"the Resource {name!r} names no path; end it with /* for every path")
    return _method_and_path(stage or "", method or "", path)


def _method_and_path(stage: str, method: str, path: str) -> str:
    """What a star for the stage or the method swallows beyond it is swallowed here too."""
    if method == "*":
        return _compared("context.path", f"*/{path}")
    exact = all_of([_compared("context.method", method), _compared("context.path", f"/{path}")])
    return any_of([exact, _compared("context.path", f"*/{method}/{path}")]) if stage == "*" else exact


def _compared(attribute: str, pattern: str) -> str:
    return f"{attribute} {'like' if '*' in pattern else '=='} {quoted(pattern)}"
