"""Paired runs: the only way in which a speed is compared here.

Rules of this file: pure arithmetic and the order of calls; it knows neither servers nor pictures. Two ways of doing
the same work are run in turn, A B, then B A, and so on, never at once; each pair gives one ratio, so that a machine
that slows down for a while slows both sides of the same pair. What is told is the median of the ratios with its
quartiles, never the ratio of two averages.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Final

REST_S: Final = 0.15

Seconds = float
Timed = Callable[[int], Seconds]
"""Does the work for the pair with that number and answers how long it took, in seconds."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle half of a sample: its quartiles, its extremes and how many values it had."""

    p25: float
    median: float
    p75: float
    least: float
    most: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of at least one value; quartiles by linear interpolation, ends included."""
        if not values:
            raise ValueError("a spread needs at least one value")
        if len(values) == 1:
            return cls(*(values[0],) * 5, 1)
        p25, median, p75 = statistics.quantiles(values, n=4, method="inclusive")
        return cls(p25, median, p75, min(values), max(values), len(values))

    def scaled(self, factor: float) -> Spread:
        """The same spread in another unit; ``factor`` is positive."""
        five = (self.p25, self.median, self.p75, self.least, self.most)
        p25, median, p75, least, most = (value * factor for value in five)
        return Spread(p25, median, p75, least, most, self.count)

    def as_json(self, digits: int = 4) -> dict[str, float]:
        """The spread as plain numbers."""
        return {name: round(value, digits) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Paired:
    """What a series of pairs measured, in seconds, in the order of the pairs."""

    first: tuple[Seconds, ...]
    second: tuple[Seconds, ...]

    @property
    def ratio(self) -> Spread:
        """First over second, pair by pair."""
        return Spread.of([a / b for a, b in zip(self.first, self.second, strict=True)])

    @property
    def inverse_ratio(self) -> Spread:
        """Second over first, pair by pair: how many times faster the first is."""
        return Spread.of([b / a for a, b in zip(self.first, self.second, strict=True)])


def rested(work: Timed) -> Timed:
    """The same work after a short rest that does not count.

    A runtime's threads go on spinning for a while after their last run; without a rest they would do so inside the
    other side's time.
    """

    def after_a_rest(number: int) -> Seconds:
        time.sleep(REST_S)
        return work(number)

    return after_a_rest


def alternate(
    first: Timed, second: Timed, *, pairs: int, warm: int = 1, after_pair: Callable[[int], None] = lambda _: None
) -> Paired:
    """Run ``warm`` pairs that do not count, then ``pairs`` that do; who begins changes from pair to pair."""
    timed: tuple[list[Seconds], list[Seconds]] = ([], [])
    for number in range(-warm, pairs):
        lap = _lap(first, second, number)
        if number >= 0:
            timed[0].append(lap[0])
            timed[1].append(lap[1])
            after_pair(number + 1)
    return Paired(tuple(timed[0]), tuple(timed[1]))


def _lap(first: Timed, second: Timed, number: int) -> tuple[Seconds, Seconds]:
    if number % 2 == 0:
        took = first(number)
        return took, second(number)
    took = second(number)
    return first(number), took
