"""How limits count: whole numbers in, whole numbers out, so that every store comes to the same answer.

Rules of this file: no store, no clock, no lock. Time is microseconds since the epoch. A counter is one integer:

* ``rate``: GCRA (ITU-T I.371, virtual scheduling). The counter is the *theoretical arrival time*, the moment at which
  the bucket is full again. One unit costs one emission interval, the window divided by the amount, rounded up to a
  whole microsecond; ``burst`` units may come at once.
* ``quota`` and ``bytes``: units used in the window that began at a multiple of its length since the epoch. Windows of
  whole days therefore begin at midnight UTC, and those of seven days on a Thursday.
* ``credits``: the balance itself.

All limits of one take are all or nothing. A limit in shadow is counted as though it were enforced: it takes what it
would have granted, and nothing where it would have refused, so that its answers foretell what enforcing it would do.

A clock that is turned back: a rate's counter that lies further ahead than a whole burst cannot have been written by
this clock, and is cut to a full burst as soon as it is seen, so nobody is locked out for longer than a burst takes to
refill. Disorder below :data:`CLOCK_SLACK_US` is what threads do, and changes nothing. Quotas find the counter of the
earlier window as it was left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from mattegate.vocabulary.facts import LimitAnswer, LimitKind
from mattegate.vocabulary.rulebook import Limit

MICROS: Final = 1_000_000
CLOCK_SLACK_US: Final = 5 * MICROS
CREDITS: Final = "credits"
"""What the one balance of an identity is called, whatever its limits are named."""
NEVER: Final = -1
"""The wait of a claim that no waiting helps."""


def micros(at: float) -> int:
    """Unix seconds as whole microseconds."""
    return round(at * MICROS)


@dataclass(frozen=True, slots=True)
class Terms:
    """A limit in the numbers it is counted by."""

    kind: LimitKind
    name: str
    """What its counter is called; another window or kind under the same name is another counter."""
    step: int
    """The emission interval of a rate, the length of a window; 0 for a balance. Microseconds."""
    room: int
    """The burst of a rate, the amount of a window; 0 for a balance."""
    windowed: bool
    """Whether it counts in windows, into which units can be given back."""


@lru_cache(maxsize=4096)
def terms(limit: Limit) -> Terms:
    """The numbers of ``limit``. Raises ``ValueError`` for one that cannot be counted."""
    kind = LimitKind(limit.kind)
    if kind is LimitKind.CREDITS:
        return Terms(kind, CREDITS, 0, 0, windowed=False)
    if limit.window_s <= 0 or limit.amount < 0 or limit.burst < 0:
        raise ValueError(f"limit {limit.name!r} needs a window above 0 and no negative amount or burst")
    name = f"{kind}:{limit.name}:{limit.window_s}"
    window = limit.window_s * MICROS
    if kind is not LimitKind.RATE:
        return Terms(kind, name, window, limit.amount, windowed=True)
    burst = (limit.burst or limit.amount) if limit.amount else 0
    return Terms(kind, name, -(-window // max(limit.amount, 1)), burst, windowed=False)


@dataclass(frozen=True, slots=True)
class Slot:
    """The counter of one limit at one moment."""

    limit: Limit
    terms: Terms
    window: int
    """Where the window began; 0 for rates and balances."""


def slot(limit: Limit, now: int) -> Slot:
    """The counter that ``limit`` uses at ``now``."""
    known = terms(limit)
    return Slot(limit, known, now - now % known.step if known.windowed else 0)


def sane(place: Slot, value: int, now: int) -> int:
    """The counter as this clock can have written it."""
    full = now + place.terms.step * place.terms.room
    return full if place.terms.kind is LimitKind.RATE and value > full + CLOCK_SLACK_US else value


def wait(place: Slot, value: int, cost: int, now: int) -> int:
    """Microseconds until ``cost`` fits: 0 where it does, :data:`NEVER` where waiting does not help."""
    step, room = place.terms.step, place.terms.room
    if place.terms.kind is LimitKind.CREDITS:
        return 0 if cost <= value else NEVER
    if cost > room:
        return NEVER
    if place.terms.windowed:
        return 0 if value + cost <= room else place.window + step - now
    return max(0, max(value, now) + (cost - room) * step - now)


def taken(place: Slot, value: int, cost: int, now: int) -> int:
    """The counter after ``cost`` was taken."""
    if place.terms.kind is LimitKind.RATE:
        return max(value, now) + cost * place.terms.step
    return value - cost if place.terms.kind is LimitKind.CREDITS else value + cost


def answer(place: Slot, value: int, now: int, waiting: int) -> LimitAnswer:
    """Where a limit stands with its counter at ``value``, for a claim that has to wait ``waiting``."""
    step, room = place.terms.step, place.terms.room
    if place.terms.kind is LimitKind.RATE:
        ahead = max(0, value - now)
        remaining, reset = max(0, room * step - ahead) // step, ahead
    elif place.terms.windowed:
        remaining, reset = max(0, room - value), place.window + step - now
    else:
        remaining, reset = max(0, value), 0
    return LimitAnswer(
        name=place.limit.name,
        kind=place.terms.kind,
        limit=place.limit.amount,
        window_s=0 if place.terms.kind is LimitKind.CREDITS else place.limit.window_s,
        remaining=remaining,
        reset_s=reset / MICROS,
        allowed=waiting == 0,
        retry_after_s=waiting / MICROS if waiting > 0 else float(waiting),
        shadow=place.limit.shadow,
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one take comes to."""

    granted: bool
    values: tuple[int, ...]
    """The counters to keep from now on."""
    costs: tuple[int, ...]
    """What each limit took: 0 for a limit in shadow that would have refused, and for all where one refused."""
    answers: tuple[LimitAnswer, ...]


def decide(places: Sequence[Slot], values: Sequence[int], costs: Sequence[int], now: int) -> Verdict:
    """Take ``costs`` of every limit, or of none.

    A cost of 0 asks for one unit without taking it, so that bytes nobody declared still need room for one.
    """
    known = [sane(place, value, now) for place, value in zip(places, values, strict=True)]
    waits = [wait(place, value, max(cost, 1), now) for place, value, cost in zip(places, known, costs, strict=True)]
    granted = all(place.limit.shadow or waiting == 0 for place, waiting in zip(places, waits, strict=True))
    takes = tuple(cost if granted and waiting == 0 else 0 for cost, waiting in zip(costs, waits, strict=True))
    after = tuple(
        taken(place, value, cost, now) if cost else value
        for place, value, cost in zip(places, known, takes, strict=True)
    )
    answers = tuple(
        answer(place, value, now, waiting) for place, value, waiting in zip(places, after, waits, strict=True)
    )
    return Verdict(granted, after, takes, answers)


def standing(places: Sequence[Slot], values: Sequence[int], now: int) -> tuple[LimitAnswer, ...]:
    """Where the limits stand; an answer is ``allowed`` where one more unit would fit."""
    known = [sane(place, value, now) for place, value in zip(places, values, strict=True)]
    return tuple(
        answer(place, value, now, wait(place, value, 1, now)) for place, value in zip(places, known, strict=True)
    )


def counted_only(limits: Sequence[Limit]) -> None:
    """Raise ``ValueError`` for credits: their balance is kept in the usage book, never in a store of counters."""
    if any(limit.kind == LimitKind.CREDITS for limit in limits):
        raise ValueError("credits are kept in the usage book")
