"""The rate limit, if there is one: the same request some times over, one after the other, with consent.

A limit per minute does not show in five requests, and most default answers are not 429: nginx says 503, a WAF 403.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mattegate.doctor.answer import Certainty
from mattegate.doctor.clue import Clue
from mattegate.doctor.observation import Observation

MOST: Final = 30
_LIMITED: Final = (429, 503, 403)


def burst(ask: Callable[[], Observation | None], count: int) -> tuple[Observation, ...]:
    """Ask up to ``count`` times (never more than 30); it ends at the first refusal after an admitted request."""
    seen: list[Observation] = []
    for _ in range(min(count, MOST)):
        answer = ask()
        if answer is None:
            break
        seen.append(answer)
        if answer.status in _LIMITED and len(seen) > 1:
            break
    return tuple(seen)


def burst_clue(seen: tuple[Observation, ...]) -> Clue | None:
    """The first passed, a later one did not: that is a limit, and a 429 says so itself."""
    statuses = [one.status for one in seen]
    if len(seen) < 2 or statuses[-1] not in _LIMITED or statuses[0] in _LIMITED:
        return None
    last, passed = seen[-1], len(seen) - 1
    took = (last.at or 0.0) - (seen[0].at or 0.0)
    wait = last.header("retry-after") or ""
    said = (
        f"of identical requests {passed} got {statuses[0]}, the next one {last.status} after {took:.1f} s",
        f"Retry-After: {wait}" if wait else "the refusal has no Retry-After header",
    )
    certainty = Certainty.PROVEN if last.status == 429 else Certainty.LIKELY
    facts = {"passed": str(passed), "status": str(last.status), "wait": wait or "not said"}
    return Clue("differential.rate_limited", certainty, "probe burst", said, facts, last.request, last.status)
