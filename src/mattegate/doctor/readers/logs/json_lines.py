"""Lines that are one JSON object each: reading them safely, and what the formats made of them share."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

STATUS: Final = re.compile(rb'tatus(?:_?[cC]ode)?\\?": ?\\?"?[45]\d\d\b')
"""Finds a refusing status under any name that ends like one, also inside a JSON text."""
LEVEL: Final = re.compile(rb'evel\\?": ?\\?"(?:error|warn|ERROR|WARN|fatal|FATAL)')
_DEEPEST: Final = 6


@lru_cache(maxsize=8)
def document(line: bytes | str) -> Mapping[str, Any] | None:
    """The object that a line is; ``None`` where it is none. Several formats ask this of the same line in turn."""
    if line[:1] not in ("{", b"{"):
        return None
    text = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def first(found: Mapping[str, Any], names: Iterable[str]) -> Any:
    """The first value that is there under one of ``names``; empty where there is none."""
    for name in names:
        value = found.get(name)
        if value not in (None, "", "-") and not isinstance(value, dict | list):
            return value
    return ""


def matters(status: object) -> bool:
    """Whether a JSON value is a refusing status."""
    return str(status)[:1] in ("4", "5") and len(str(status)) == 3


def flat(found: Mapping[str, Any], *, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, object]]:
    """Every simple member by its dotted name; lists of simple values joined by a comma."""
    for key, value in found.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            if depth < _DEEPEST:
                yield from flat(value, prefix=f"{name}.", depth=depth + 1)
        elif isinstance(value, list):
            yield name, ", ".join(str(item) for item in value[:16] if not isinstance(item, dict | list))
        else:
            yield name, value


def headers(found: object) -> tuple[tuple[str, str], ...]:
    """Headers as an object of texts or of lists of texts."""
    if not isinstance(found, dict):
        return ()
    return tuple(
        (str(name).lower(), str(value))
        for name, values in list(found.items())[:64]
        for value in (values if isinstance(values, list) else [values])
    )
