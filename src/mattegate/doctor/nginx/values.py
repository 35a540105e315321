"""Texts with variables in them (complex values), and what it means that one cannot be known."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from mattegate.doctor.nginx.uri import as_bytes_text

UNKNOWN: Final = "\x00"
"""Stands for a value that cannot be known; no real value holds it."""

_VARIABLE: Final = re.compile(r"\$(?:\{([A-Za-z0-9_]+)\}|([1-9])|([A-Za-z0-9_]+))")


class Undecided(Exception):  # noqa: N818 - the state of the model
    """The model would have to know something that it cannot; the message says what."""


Lookup = Callable[[str], str]
"""The value of a variable by its name, without the dollar. Raises :class:`Undecided`."""


@lru_cache(maxsize=8_192)
def _parts(template: str) -> tuple[tuple[bool, str], ...]:
    """Pieces of a template: whether it is a variable's name, and the text."""
    found: list[tuple[bool, str]] = []
    at = 0
    for variable in _VARIABLE.finditer(template):
        if variable.start() > at:
            found.append((False, as_bytes_text(template[at : variable.start()])))
        found.append((True, variable[1] or variable[2] or variable[3]))
        at = variable.end()
    if at < len(template):
        found.append((False, as_bytes_text(template[at:])))
    return tuple(found)


def has_variables(template: str) -> bool:
    """Whether a text changes from request to request."""
    return any(variable for variable, _ in _parts(template))


def variables_in(template: str) -> tuple[str, ...]:
    """The names of the variables in a text, in their order."""
    return tuple(text for variable, text in _parts(template) if variable)


def expand(template: str, lookup: Lookup) -> str:
    """The text with its variables' values, one byte a character. Raises :class:`Undecided`."""
    return "".join(lookup(text) if variable else text for variable, text in _parts(template))


def expand_where_known(template: str, lookup: Lookup) -> str:
    """The same; :data:`UNKNOWN` where a value cannot be known."""
    try:
        return expand(template, lookup)
    except Undecided:
        return UNKNOWN
