"""The answer for a machine: its schema as JSON, whole, with every text clean and without secrets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mattegate.doctor.answer import Answer
from mattegate.doctor.redact import safe, safe_header


def as_json(answer: Answer) -> str:
    """The answer's schema; of a report that is safe to post with its ``legend``."""
    told = answer.as_json() | ({"legend": list(answer.legend)} if answer.legend else {})
    return json.dumps(_safe(told), indent=2, ensure_ascii=False, default=str) + "\n"


def _safe(value: Any, name: str = "") -> Any:
    if isinstance(value, str):
        return safe(value)
    if isinstance(value, Mapping):
        return {safe(str(key)): _safe(member, str(key)) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_header(member) if name == "headers" else _safe(member) for member in value]
    return value


def _header(pair: Any) -> Any:
    if isinstance(pair, (list, tuple)) and len(pair) == 2 and isinstance(pair[1], str):
        return [safe(str(pair[0])), safe_header(str(pair[0]), pair[1])]
    return _safe(pair)
