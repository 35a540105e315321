"""CORS on the wire (Fetch, section 3.3): what every answer carries, and the answer to a preflight.

Rules of this file: the origin is echoed exactly and only where the page may read; every answer varies on ``Origin``,
because an answer to a page and one to a program differ; a preflight's answer is the same for every path.
"""

from __future__ import annotations

from typing import Final

from mattegate.gate.layers.origin import permits
from mattegate.gate.rules import Rules, is_token
from mattegate.vocabulary.attempt import Attempt
from mattegate.vocabulary.decision import Allowed, Refused
from mattegate.vocabulary.reasons import REASONS

Headers = tuple[tuple[bytes, bytes], ...]

EXPOSED: Final = (
    "X-Request-Id", "X-Mattegate-Reason", "X-Mattegate-Error-Type", "X-Mattegate-Model", "X-Mattegate-Notes", "X-Width",
    "X-Height", "Retry-After", "RateLimit", "RateLimit-Policy", "X-RateLimit-Limit", "X-RateLimit-Remaining",
    "X-RateLimit-Reset", "Server-Timing", "Idempotency-Replayed", "WWW-Authenticate", "Link", "Content-Disposition",
    "DPoP-Nonce", "Accept-Signature",
)  # fmt: skip
"""What a page may read of an answer beyond its body."""

METHODS: Final = ("GET", "POST", "PATCH", "DELETE", "OPTIONS")
"""What a page may use; which path answers what is not a preflight's business."""

_VARY: Final = (b"vary", b"Origin")
_VARY_PREFLIGHT: Final = (b"vary", b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers")
_EXPOSE: Final = (b"access-control-expose-headers", ", ".join(EXPOSED).encode())
_CREDENTIALS: Final = (b"access-control-allow-credentials", b"true")
_ALLOW_METHODS: Final = (b"access-control-allow-methods", ", ".join(METHODS).encode())
_VARY_ALONE: Final = (_VARY,)


def cors_headers(attempt: Attempt, rules: Rules) -> Headers:
    """What every answer but a preflight's carries, refusals among them."""
    if attempt.origin is None or not _may_read(attempt, rules):
        return _VARY_ALONE
    return (_VARY, *_grant(attempt, rules), _EXPOSE)


def preflight_headers(
    attempt: Attempt, rules: Rules, decision: Allowed | Refused | None = None, *, docs: str = ""
) -> Headers:
    """What the answer to a preflight carries; for a refused one why, and where that is explained.

    ``docs`` is the path of the page that lists the reasons.
    """
    if isinstance(decision, Refused):
        return (_VARY_PREFLIGHT, *_why(decision, docs))
    if attempt.preflight is None or not _may_read(attempt, rules):
        return (_VARY_PREFLIGHT,)
    return (
        _VARY_PREFLIGHT,
        *_grant(attempt, rules),
        _ALLOW_METHODS,
        (b"access-control-allow-headers", _allowed_headers(attempt.preflight.headers, rules)),
        (b"access-control-max-age", b"%d" % rules.rulebook.cors.max_age_s),
    )


def _may_read(attempt: Attempt, rules: Rules) -> bool:
    """Whether the page may read the answer.

    One whose origin is only judged on trial may. With ``cors.explain`` so may one that is refused: all it can read is
    why, since the origin layer lets no request of it through.
    """
    if not attempt.origin or not _printable(attempt.origin):
        return False
    cors = rules.rulebook.cors
    return permits(attempt, rules) or cors.shadow or cors.explain


def _grant(attempt: Attempt, rules: Rules) -> Headers:
    origin = (b"access-control-allow-origin", (attempt.origin or "").encode())
    if rules.rulebook.cors.credentials and permits(attempt, rules):
        return (origin, _CREDENTIALS)
    return (origin,)


def _allowed_headers(asked: tuple[str, ...], rules: Rules) -> bytes:
    cors = rules.rulebook.cors
    names = dict.fromkeys(name.lower() for name in cors.headers if name != "*")
    if cors.explain or cors.shadow or "*" in rules.page_headers:
        names |= dict.fromkeys(name.lower() for name in asked if is_token(name))
    return ", ".join(names).encode()


def _why(decision: Refused, docs: str) -> Headers:
    reason = REASONS[decision.finding.reason]
    shown = REASONS.get(reason.public, reason)
    why = ((b"x-mattegate-reason", shown.code.encode()), (b"x-mattegate-error-type", shown.error_type.encode()))
    return (*why, (b"link", f'<{docs}#{shown.anchor}>; rel="help"'.encode())) if docs else why


def _printable(text: str) -> bool:
    return text.isascii() and text.isprintable()
