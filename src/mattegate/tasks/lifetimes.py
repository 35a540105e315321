"""When a key becomes old, unused or close to its end: dates over stored rows, and nothing done about them.

A key is *idle* since the latest of its last use, its making and its enabling. Its owner is told at two thirds of the
time after which it is disabled, and it is never disabled sooner than a week after that: otherwise a server that was
off for half a year, or a clock that was set wrong for a moment, would lock everybody out at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from mattegate.config.settings import KeySettings
from mattegate.ledger.control import KeyRow
from mattegate.outbound.notice import NoticeKind, day
from mattegate.vocabulary.facts import KeyState

DAY: Final = 86_400.0
SOON: Final = 14 * DAY
"""Before a key expires its owner is told so; keys made to live no longer than this are not announced."""
_MOST_GRACE: Final = 7 * DAY


@dataclass(frozen=True, slots=True)
class Matter:
    """Something the owner of a key should know."""

    kind: NoticeKind
    since: float
    """Unix seconds: told before this, it has to be told again."""
    sentence: str


def matters(row: KeyRow, settings: KeySettings, now: float) -> tuple[Matter, ...]:
    """All that is to be said of a key at ``now``, the most pressing first; nothing of a key on its way out."""
    key = row.stored.view
    if not is_live(row, now) or key.replaced_by or key.identity.state is not KeyState.ACTIVE:
        return ()
    unused, old = _unused(row, settings, now), _old(row, settings, now)
    if unused and old:  # one warning for both: another reminder would only put off the end that was announced
        old = replace(old, since=min(old.since, unused.since))
    return tuple(matter for matter in (_expiring(row, now), unused, old) if matter is not None)


def is_live(row: KeyRow, now: float) -> bool:
    """Whether the key itself still works."""
    key = row.stored.view
    return key.state is KeyState.ACTIVE and (key.expires_at is None or key.expires_at > now)


def idle_since(row: KeyRow) -> float:
    """Since when nobody has used the key."""
    return max(row.enabled_at, row.used_at or 0.0, row.stored.view.created_at)


def told_at(row: KeyRow, now: float) -> float:
    """When its owner was last told something; what lies in the future was written under a wrong clock."""
    told = row.reminded_at
    return -math.inf if told is None or told > now else told


def is_to_be_disabled(row: KeyRow, settings: KeySettings, now: float) -> bool:
    """Whether it lay unused for long enough and its owner was warned of that in time."""
    if not settings.unused_days or not is_live(row, now):
        return False
    warned = told_at(row, now)
    if warned < _warned_from(row, settings):
        return False
    return now >= max(idle_since(row) + settings.unused_days * DAY, warned + grace(settings))


def grace(settings: KeySettings) -> float:
    """Seconds between a warning and the disabling, at least."""
    return min(_MOST_GRACE, settings.unused_days * DAY / 3)


def _warned_from(row: KeyRow, settings: KeySettings) -> float:
    return idle_since(row) + settings.unused_days * DAY * 2 / 3


def _expiring(row: KeyRow, now: float) -> Matter | None:
    key = row.stored.view
    if key.expires_at is None or key.expires_at - key.created_at <= SOON or now < key.expires_at - SOON:
        return None
    sentence = f"It expires on {day(key.expires_at)}; requests with it are refused from then on."
    return Matter(NoticeKind.KEY_EXPIRING, key.expires_at - SOON, sentence)


def _unused(row: KeyRow, settings: KeySettings, now: float) -> Matter | None:
    since = _warned_from(row, settings)
    if not settings.unused_days or now < since:
        return None
    last = f"It was last used on {day(row.used_at)}" if row.used_at else "It was never used"
    ends = max(idle_since(row) + settings.unused_days * DAY, now + grace(settings))
    return Matter(NoticeKind.KEY_UNUSED_WARNING, since, f"{last}. Unless it is used, it is disabled on {day(ends)}.")


def _old(row: KeyRow, settings: KeySettings, now: float) -> Matter | None:
    age, period = now - row.stored.view.created_at, settings.remind_days * DAY
    if not period or age < period:
        return None
    since = row.stored.view.created_at + math.floor(age / period) * period
    sentence = f"It is {math.floor(age / DAY)} days old; keys should be rotated every {settings.remind_days} days."
    return Matter(NoticeKind.KEY_REMINDER, since, sentence)
