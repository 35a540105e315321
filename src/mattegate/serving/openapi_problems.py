"""Refusals in the OpenAPI document: one response for each status, with an example for each reason."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from mattegate.vocabulary.reason import Reason
from mattegate.vocabulary.reasons import REASONS

if TYPE_CHECKING:
    from collections.abc import Iterable

Schema = dict[str, Any]

UNSENT: Final = frozenset({"request.client_gone", "token.client", "token.request"})
"""Reasons that no problem carries: nobody is there to read it, or the answer speaks OAuth."""

COMMON_HEADERS: Final[Schema] = {
    "X-Request-Id": {"description": "The id of this request; quote it when asking.", "schema": {"type": "string"}},
}  # fmt: skip

_LIMIT_HEADERS: Final[Schema] = {
    name: {"description": text, "schema": {"type": "string"}}
    for name, text in (
        ("RateLimit", "What is left of each limit, and when more comes; where the request came as far as the limits."),
        ("RateLimit-Policy", "The limits themselves."),
    )
}
_CHALLENGE: Final[Schema] = {
    "WWW-Authenticate": {"description": "How to send a credential (RFC 9110).", "schema": {"type": "string"}},
    "Accept-Signature": {
        "description": "What to sign, where a signature is missing or cannot be read (RFC 9421, section 5).",
        "schema": {"type": "string"},
    },
}


def errors(reasons: Iterable[Reason], *, instance: str) -> Schema:
    """The responses by status; ``instance`` is the path that stands in the examples."""
    by_status: dict[str, list[Reason]] = {}
    for reason in reasons:
        by_status.setdefault(str(reason.status), []).append(reason)
    return {status: _error(int(status), found, instance) for status, found in sorted(by_status.items())}


def reasons_of(layers: Iterable[str], *codes: str) -> list[Reason]:
    """The public reasons of some layers, and single ones by code."""
    wanted = frozenset(layers)
    return [
        reason
        for code, reason in REASONS.items()
        if code not in UNSENT and reason.public == code and (reason.layer in wanted or code in codes)
    ]


def _error(status: int, reasons: list[Reason], instance: str) -> Schema:
    headers = COMMON_HEADERS | {
        "X-Mattegate-Error-Type": {"schema": {"type": "string", "enum": sorted({r.error_type for r in reasons})}}
    }
    if status == 429 or any(reason.retry_after_s is not None for reason in reasons):
        headers |= {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    if status == 429:
        headers |= _LIMIT_HEADERS
    if status == 401:
        headers |= _CHALLENGE
    return {
        "description": "; ".join(dict.fromkeys(reason.title for reason in reasons)),
        "headers": headers,
        "content": {
            "application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {reason.code: {"value": _example(reason, instance)} for reason in reasons},
            }
        },
    }


def _example(reason: Reason, instance: str) -> Schema:
    return {
        "type": f"/docs/reasons#{reason.anchor}",
        "title": reason.title,
        "status": reason.status,
        "detail": _blanks(reason.sentence),
        "instance": instance,
        "reason": reason.code,
        "layer": reason.layer,
        "request_id": "req_01KAMV4Q5N0C8Y3S1R7T9W2X6Z",
        "remedy": _blanks(reason.remedy),
    }


def _blanks(template: str) -> str:
    return re.sub(r"\{(\w+)[^}]*\}", r"<\1>", template)


def problem_schema() -> Schema:
    """The schema of a problem document."""
    text: Schema = {"type": "string"}
    properties: Schema = {
        "type": text | {"format": "uri-reference", "description": "The page and section that explain this reason."},
        "title": text,
        "status": {"type": "integer"},
        "detail": text | {"description": "What happened, with this case's facts."},
        "instance": text | {"format": "uri-reference"},
        "reason": text | {"enum": sorted({reason.public for reason in REASONS.values()})},
        "layer": text | {"enum": sorted({reason.layer for reason in REASONS.values()})},
        "request_id": text | {"pattern": "^req_[0-9A-HJKMNP-TV-Z]{26}$"},
        "remedy": text | {"description": "What you can do."},
    }
    canonical = text | {"description": "What was written down here of a request whose signature does not match."}
    return {
        "type": "object",
        "description": "Problem details (RFC 9457).",
        "required": list(properties),
        "properties": properties | {"canonical": canonical},
    }
