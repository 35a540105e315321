"""Counts over time: the same as counting by hand, in memory that has an end."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.doctor.watch.counting import SLOTS, Counts, Table


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 40), max_size=80))
def test_windows_hold_what_was_counted(steps: list[int]) -> None:
    """Whatever order the slots come in, each whole window has its lines, and the last window its own."""
    counts, by_hand = Counts(keep=1_000), Counter[int]()
    slot = 0
    for step in steps:
        slot += step // 8
        by_hand[slot] += 1
        assert counts.add(slot) == sum(by_hand[one] for one in range(slot - SLOTS + 1, slot + 1))
    windows = Counter[int]()
    for one, count in by_hand.items():
        windows[one // SLOTS] += count
    assert list(counts.windows(0, 10_000)) == [windows[one] for one in sorted(windows)]
    assert counts.total == len(steps)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 10**11), max_size=300))
def test_scattered_times_do_not_grow_it(slots: list[int]) -> None:
    """A log of nonsense times keeps as many windows as any other; nothing is counted twice."""
    counts = Counts(keep=20)
    for slot in slots:
        counts.add(slot)
    kept = counts.windows(0, 10**12)
    assert len(kept) <= 21
    assert sum(kept) <= counts.total == len(slots)


def test_a_table_lets_go_what_was_seen_longest_ago() -> None:
    """And counts it."""
    table = Table[int, int](most=3, keep=10, newest=2)
    for name in ("a", "b", "c", "a", "d", "a", "e"):
        table.of(name, 0.0).newest.append(1)
    assert (len(table), table.let_go) == (3, 2)
    assert table.get("b") is None
    busy = table.get("a")
    assert busy is not None
    assert list(busy.newest) == [1, 1]
