"""Whether a request is tried again, and when: never sooner than the server asks, and never for ever.

1. What the server says counts: ``Retry-After`` (RFC 9110, section 10.2.3), then the limit that is used up in
   ``RateLimit`` (draft-ietf-httpapi-ratelimit-headers-10, section 4), then ``X-RateLimit-Reset``.
2. Where it says nothing, a 429 or 503 of the server's own is final: it says so wherever waiting helps. A connection
   that broke and a gateway in trouble (502, 504) are waited for twice as long each time, with a random share, so that
   many clients do not come back at once.
3. A wait that is longer than whoever asks is ready for is not waited: the refusal is told at once, with its time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mattegate.client.answers import Answer
from mattegate.outbound.retry_after import retry_after

_ASKED_TO_WAIT: Final = frozenset({409, 425, 429, 503})
"""Statuses of which a stated time means: come back then. 409 where an earlier try is still being worked on."""
_IN_BETWEEN: Final = frozenset({502, 504})
_SPENT: Final = re.compile(r";\s*r=0(?:\s*;\s*t=(?P<t>[0-9]{1,15}))?(?![0-9])")
_DIGITS: Final = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long a request is tried; the defaults end within about two minutes."""

    tries: int = 4
    """In all; 1: never again."""
    first_wait_s: float = 0.5
    """Before the second try, where the server names no time; doubled each time."""
    longest_wait_s: float = 60.0
    """A longer single wait is not taken."""

    def wait_s(self, answer: Answer | None, *, tried: int, at: float, share: float) -> float | None:
        """Seconds to wait before the next try; ``None``: there is none.

        ``answer`` is ``None`` where there was no answer at all. ``tried`` counts the tries so far, ``at`` is Unix
        seconds, ``share`` a random number from 0 to 1.
        """
        if tried >= self.tries:
            return None
        wait = self._backing_off(tried, share) if _broken(answer) else _asked(answer, at) if answer else None
        return wait if wait is not None and wait <= self.longest_wait_s else None

    def _backing_off(self, tried: int, share: float) -> float:
        return self.first_wait_s * float(1 << (tried - 1)) * (0.5 + share / 2)


def _broken(answer: Answer | None) -> bool:
    """Whether the connection or a gateway failed, and no time is stated."""
    return answer is None or (answer.status in _IN_BETWEEN and not answer.header("retry-after"))


def _asked(answer: Answer, at: float) -> float | None:
    """How long the server asks to wait; ``None`` where it does not."""
    if answer.status not in _ASKED_TO_WAIT | _IN_BETWEEN:
        return None
    stated = answer.header("retry-after")
    if stated:
        return retry_after(stated, at)
    return _spent(answer, at) if answer.status == 429 else None


def _spent(answer: Answer, at: float) -> float | None:
    """The longest wait of the limits that are used up."""
    waits = [found["t"] for found in _SPENT.finditer(answer.header("ratelimit"))]
    if waits:
        return None if None in waits else max(float(wait) for wait in waits)
    reset = answer.header("x-ratelimit-reset")
    return max(float(reset) - at, 0.0) if _DIGITS.fullmatch(reset) else None
