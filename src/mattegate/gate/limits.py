"""Which limits bind a key, and what callers are told of where they stand.

The fields are those of draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4: ``RateLimit-Policy`` lists quotas
(``q`` units in ``w`` seconds, ``qu`` where the unit is not a request), ``RateLimit`` what is left (``r``) and in how
many seconds more comes (``t``). Names are Strings of RFC 9651, section 3.3.3.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Final

from mattegate.gate.rules import Rules
from mattegate.vocabulary.facts import KeyView, LimitAnswer, LimitKind
from mattegate.vocabulary.rulebook import Limit

_HIGHEST: Final = 999_999_999_999_999
"""The largest Integer of RFC 9651, section 3.3.1."""
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]")


def limits_of(key: KeyView, rules: Rules) -> tuple[Limit, ...]:
    """The tier's limits, each replaced by the identity's own of the same name; then what else the identity has.

    An unknown tier has none: the policy layer refuses it before anything is claimed.
    """
    tier = rules.tiers.get(key.identity.tier)
    limits = tier.limits if tier else ()
    if not key.identity.limits:
        return limits
    own = {limit.name: limit for limit in key.identity.limits}
    return (*(own.pop(limit.name, limit) for limit in limits), *own.values())


def rate_headers(limits: Iterable[LimitAnswer], *, legacy: bool, at: float) -> tuple[tuple[bytes, bytes], ...]:
    """Where limits stand, as a claim or a glance says; those in shadow are not told. ``at`` is Unix time in seconds.

    ``legacy`` adds the ``X-RateLimit-*`` that older clients read, for the scarcest limit, ``Reset`` in Unix seconds.
    """
    answers = [answer for answer in limits if not answer.shadow]
    if not answers:
        return ()
    policies = ", ".join(_policy(answer) for answer in answers if answer.limit > 0)  # a balance has no amount
    told = (
        (b"ratelimit-policy", policies.encode()),
        (b"ratelimit", ", ".join(_state(answer) for answer in answers).encode()),
    )
    headers = told if policies else told[1:]
    return (*headers, *_legacy(answers, at)) if legacy else headers


def _policy(answer: LimitAnswer) -> str:
    text = f"{_string(answer.name)};q={_integer(answer.limit)}"
    if answer.kind is LimitKind.BYTES:
        text += ';qu="content-bytes"'
    return text + f";w={_integer(answer.window_s)}" if answer.window_s > 0 else text


def _state(answer: LimitAnswer) -> str:
    text = f"{_string(answer.name)};r={_integer(answer.remaining)}"
    return text + f";t={_integer(math.ceil(_wait(answer)))}" if answer.window_s > 0 else text


def _wait(answer: LimitAnswer) -> float:
    """For a limit that refuses, the time in ``Retry-After``, so that the two never contradict each other."""
    return answer.retry_after_s if not answer.allowed and answer.retry_after_s > 0 else answer.reset_s


def _legacy(answers: list[LimitAnswer], at: float) -> tuple[tuple[bytes, bytes], ...]:
    scarcest = min(answers, key=lambda answer: (answer.allowed, answer.remaining / max(answer.limit, 1)))
    return (
        (b"x-ratelimit-limit", b"%d" % _integer(scarcest.limit)),
        (b"x-ratelimit-remaining", b"%d" % _integer(scarcest.remaining)),
        (b"x-ratelimit-reset", b"%d" % _integer(math.ceil(at + _wait(scarcest)))),
    )


def _integer(number: int) -> int:
    return min(max(number, 0), _HIGHEST)


def _string(text: str) -> str:
    escaped = _UNPRINTABLE.sub("?", text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
