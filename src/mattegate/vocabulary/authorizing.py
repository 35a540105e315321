"""What an operator's own authorizer is asked, and what it may answer. Nothing that proves anything is in the question.

An answer of any other shape is no answer: whoever asked refuses then, because nothing was allowed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

MOST_WHY: Final = 200
"""Characters of a reason that are kept."""
MOST_CONTEXT: Final = 16
"""Entries of a context."""
LONGEST_NAME: Final = 64
LONGEST_VALUE: Final = 256
_FOR_EVER_S: Final = 10**9
"""Longer than any answer is remembered; no float holds every whole number."""
_MEMBERS: Final = frozenset({"allow", "why", "context", "ttl"})


@dataclass(frozen=True, slots=True)
class AuthorizerRequest:
    """A request that every other layer lets pass. It holds no credential, and no header but those that were declared.

    Texts that the caller chose are cut to 256 characters; what looks like a key in them is hidden.
    """

    request_id: str
    at: float
    """Unix time in seconds."""
    method: str
    path: str
    """Decoded, without the query."""
    route: str
    """``cutout``, ``whoami``, ``decision``, ``usage``, ``keys``, ``key``, ``key_rotate``, ``browser_tokens``; ``app``
    where the gate is embedded in an application, ``authz`` where a proxy asks for another service."""
    host: str
    address: str
    """The client's, through declared proxies."""
    origin: str | None
    """Of a web page."""
    identity: str
    """The id of whoever pays."""
    identity_name: str
    tier: str
    key_id: str
    scopes: tuple[str, ...]
    """What identity and key both have."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Those that ``authorizer.sources`` names as ``header:NAME`` and that the request has; names in small letters."""
    model: str = ""
    """The model that the head names."""
    declared_bytes: int | None = None
    """``Content-Length``."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an authorizer may answer; ``True``, ``False`` and a mapping with these members will do as well."""

    allow: bool
    why: str = ""
    """The caller reads it, where it is a denial."""
    context: Mapping[str, str] = field(default_factory=dict)
    """Kept with the decision, for the operator: up to 16 texts."""
    ttl: float | None = None
    """Seconds for which it holds; ``None``: ``authorizer.ttl_s``, which is also the most."""


class NoAnswerError(Exception):
    """What an authorizer said is no answer; the text says why, and quotes nothing of it."""


def read_answer(value: object) -> Answer:
    """The answer that ``value`` is. Raises :class:`NoAnswerError` ."""
    if isinstance(value, bool):
        return Answer(value)
    if isinstance(value, Answer):
        value = {"allow": value.allow, "why": value.why, "context": value.context, "ttl": value.ttl}
    if not isinstance(value, Mapping):
        raise NoAnswerError(f"it answers with {type(value).__name__}; it must be true, false or an object with 'allow'")
    if not value.keys() <= _MEMBERS:
        raise NoAnswerError("its answer has members that are none of allow, why, context, ttl")
    if not isinstance(allow := value.get("allow"), bool):
        raise NoAnswerError("its answer does not say whether to 'allow': true or false")
    return Answer(allow, _why(value.get("why")), _context(value.get("context")), _ttl(value.get("ttl")))


def _why(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise NoAnswerError("'why' must be a text")
    shown = "".join(char if char.isprintable() else " " for char in value).strip()
    return shown if len(shown) <= MOST_WHY else shown[: MOST_WHY - 1] + "…"


def _context(value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(map(_is_entry, value.items())):
        raise NoAnswerError(
            f"'context' must be an object of texts, names up to {LONGEST_NAME} characters, values up to {LONGEST_VALUE}"
        )
    if len(value) > MOST_CONTEXT:
        raise NoAnswerError(f"'context' has more than {MOST_CONTEXT} entries")
    return dict(value)


def _is_entry(entry: tuple[Any, Any]) -> bool:
    name, text = entry
    texts = isinstance(name, str) and isinstance(text, str)
    return texts and 0 < len(name) <= LONGEST_NAME and len(text) <= LONGEST_VALUE and (name + text).isprintable()


def _ttl(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise NoAnswerError("'ttl' must be a number of seconds")
    return float(min(value, _FOR_EVER_S))
