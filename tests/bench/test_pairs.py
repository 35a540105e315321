"""Paired runs: the order of calls and the arithmetic of their ratios."""

from __future__ import annotations

import pytest

from bench.pairs import Paired, Spread, alternate, rested


def test_who_begins_changes_from_pair_to_pair() -> None:
    """A slow drift of the machine favours neither side."""
    called: list[str] = []

    def timed(name: str) -> float:
        called.append(name)
        return 1.0

    alternate(lambda n: timed(f"a{n}"), lambda n: timed(f"b{n}"), pairs=3, warm=1)
    assert called == ["b-1", "a-1", "a0", "b0", "b1", "a1", "a2", "b2"]


def test_warm_up_does_not_count() -> None:
    """The pairs before number 0 leave no trace in the result, and progress is told for counted pairs only."""
    told: list[int] = []
    found = alternate(float, lambda n: 2.0 * n, pairs=3, warm=2, after_pair=told.append)
    assert found == Paired((0.0, 1.0, 2.0), (0.0, 2.0, 4.0))
    assert told == [1, 2, 3]


def test_ratio_is_the_median_of_pairs() -> None:
    """One disturbed pair does not move the figure, as a ratio of averages would."""
    found = Paired((2.0, 2.0, 90.0), (1.0, 1.0, 1.0))
    assert found.ratio.median == 2.0
    assert found.inverse_ratio.median == 0.5
    assert found.ratio.most == 90.0


def test_spread_knows_its_quartiles() -> None:
    """Quartiles include the ends, so that five values give their second and fourth."""
    assert Spread.of([5, 1, 4, 2, 3]) == Spread(2, 3, 4, 1, 5, 5)
    assert Spread.of([7]) == Spread(7, 7, 7, 7, 7, 1)
    assert Spread.of([5, 1, 4, 2, 3]).scaled(10).as_json() == {
        "p25": 20, "median": 30, "p75": 40, "least": 10, "most": 50, "count": 5,
    }  # fmt: skip


def test_a_spread_of_nothing_is_a_bug() -> None:
    """No figure is made up where nothing was measured."""
    with pytest.raises(ValueError, match="at least one"):
        Spread.of([])


def test_a_rest_does_not_count() -> None:
    """What is timed is the work, whatever came before it."""
    assert rested(float)(3) == 3.0
