"""How deep policies are: Cedar reads them by recursion, where too much of it ends the process without a word.

1. What nests too deeply is refused by its text, before Cedar sees it.
2. A long chain of alternatives, such as a list of networks, is no deep thing. Cedar's JSON has it as one nevertheless,
   and reads 127 levels at most (serde_json's limit); so long chains are cut in halves, which changes neither what they
   mean nor the order in which their members are asked, because both operators are associative.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any, Final

DEEPEST: Final = 100
"""Brackets within brackets. On a stack of 8 MiB, the library bears some 500."""
MOST_CHAINED: Final = 1_000
"""Operators of one policy of which each may stand within the next; it bears more than 2,000."""
MOST_DOTS: Final = 60
"""Members of members, which ``has`` takes the square of."""
_SHORT: Final = 16
"""Members of a chain that may stay as it is."""

_TOKEN: Final = re.compile(
    r'//[^\n]*|"(?:[^"\\]|\\.)*"|(?P<opens>[(\[{])|(?P<closes>[)\]}])|(?P<operator>\|\||&&|[-+*]|\bif\b)'
    r"|(?P<dots>(?:\.\s*\w+\s*)+)",
    re.DOTALL,
)


def too_deep(text: str) -> str:
    """What is too much in the text of a policy; empty where nothing is."""
    depth = deepest = chained = dots = 0
    for token in _TOKEN.finditer(text):
        depth += bool(token["opens"]) - bool(token["closes"])
        deepest, chained = max(deepest, depth), chained + bool(token["operator"])
        dots = max(dots, (token["dots"] or "").count("."))
    for found, most, what in ((deepest, DEEPEST, "brackets"), (chained, MOST_CHAINED, "operators")):
        if found > most:
            return f"it has {found} {what}, one within the other, and {most} is the most"
    return f"it asks {dots} members deep, and {MOST_DOTS} is the most" if dots > MOST_DOTS else ""


def halved(tree: Any) -> Any:
    """A tree of Cedar's JSON with its long chains cut in halves. Raises ``RecursionError`` for other deep ones."""
    if isinstance(tree, list):
        return [halved(member) for member in tree]
    if not isinstance(tree, dict):
        return tree
    for operator in ("||", "&&"):
        if tree.keys() == {operator}:
            return _joined([halved(member) for member in _chain(tree, operator)], operator)
    return {name: halved(value) for name, value in tree.items()}


def _chain(tree: Any, operator: str) -> Iterator[Any]:
    """The members of a chain from left to right."""
    left = [tree]
    while left:
        part = left.pop()
        if isinstance(part, dict) and part.keys() == {operator}:
            left += (part[operator]["right"], part[operator]["left"])
        else:
            yield part


def _joined(members: Sequence[Any], operator: str) -> Any:
    if len(members) <= _SHORT:
        return reduce(lambda left, right: {operator: {"left": left, "right": right}}, members)
    middle = len(members) // 2
    left, right = _joined(members[:middle], operator), _joined(members[middle:], operator)
    return {operator: {"left": left, "right": right}}
