"""What a statement may hold that has no counterpart here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


class Unmapped(ValueError):  # noqa: N818 - the state of a statement
    """A part of a statement that cannot be said in Cedar; the sentence names the part and what would be possible."""


def listed(value: Any, what: str) -> list[str]:
    """One text or several, as a list. Raises :class:`Unmapped` for anything else, and for none."""
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(one, str) and one for one in values):
        raise Unmapped(f"{what} must be a text or a list of texts, and not empty")
    return [str(one) for one in values]


def any_of(expressions: Iterable[str]) -> str:
    """A disjunction that can stand in a conjunction."""
    alternatives = list(dict.fromkeys(expressions))
    return alternatives[0] if len(alternatives) == 1 else f"({' || '.join(alternatives)})"


def all_of(expressions: Sequence[str]) -> str:
    """A conjunction that can stand in a disjunction."""
    return expressions[0] if len(expressions) == 1 else f"({' && '.join(expressions)})"


def none_of(expressions: Iterable[str]) -> str:
    """That no expression is true."""
    return f"!({' || '.join(dict.fromkeys(expressions))})"


def without_variables(text: str) -> str:
    """``text``, which holds no policy variable. Raises :class:`Unmapped`."""
    if "${" in text:
        raise Unmapped(f"{text!r} holds a policy variable, and there are none here; write its value")
    return text


def star_pattern(text: str, what: str) -> str:
    """A pattern whose only wildcard is ``*``. Raises :class:`Unmapped`."""
    if "?" in text:
        raise Unmapped(f"{what} {text!r} has the wildcard ?, and Cedar knows * alone")
    return without_variables(text)
