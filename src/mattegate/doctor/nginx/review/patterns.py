"""Regular expressions that are not closed: nginx stops at them, as every engine does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from mattegate.doctor.nginx.review.stopping import stopped, written

if TYPE_CHECKING:
    from mattegate.doctor.clue import Clue
    from mattegate.doctor.nginx.directive import Directive

_LONGEST: Final = 2_000
_NAMED: Final = re.compile(r"\(\?<(?![=!])")
_BROKEN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "missing ), unterminated subpattern": "missing closing parenthesis",
        "unbalanced parenthesis": "unmatched closing parenthesis",
        "nothing to repeat": "quantifier does not follow a repeatable item",
    }
)
"""What Python's engine and PCRE agree on, in PCRE's words; their other refusals differ."""


def broken_patterns(http: Directive) -> Iterator[Clue]:
    """The lines whose pattern cannot be compiled."""
    for _, line in written(http):
        pattern = _pattern(line)
        says = _broken(pattern) if pattern is not None and len(pattern) <= _LONGEST else None
        if says is not None:
            yield stopped(f'pcre2_compile() failed: {says} in "{pattern}"', line)


def _pattern(line: Directive) -> str | None:
    if line.name == "location" and line.args[:1] and line.args[0] in {"~", "~*"}:
        return line.args[-1]
    if line.name == "rewrite" and len(line.args) > 1:
        return line.args[0]
    matches = line.name == "if" and len(line.args) > 2 and line.args[1].lstrip("!") in {"~", "~*"}
    return " ".join(line.args[2:]) if matches else None


def _broken(pattern: str) -> str | None:
    try:
        re.compile(_NAMED.sub("(?P<", pattern))
    except (re.error, OverflowError, RecursionError) as error:
        return _BROKEN.get(str(error).partition(" at position")[0])
    return None
