"""The waiting line against its four rules, by stories and by a plain model of them."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mattegate.cutout.engine.line import Line
from mattegate.cutout.engine.protocol import Priority


def line(limit: int, *items: str) -> Line[str]:
    """A line with items such as ``s:anna:1``: class, owner, name."""
    made = Line[str](limit)
    for item in items:
        assert push(made, item) is None
    return made


def push(into: Line[str], item: str) -> str | None:
    """Let an item wait; returns whoever leaves."""
    letter, owner, _ = item.split(":")
    return into.push(
        item, priority={"v": Priority.VIP, "s": Priority.STANDARD, "b": Priority.BULK}[letter], owner=owner
    )


def test_higher_priority_goes_first() -> None:
    """Whatever the order of arrival."""
    assert line(9, "b:a:1", "s:a:2", "v:a:3", "s:a:4").clear() == ["v:a:3", "s:a:2", "s:a:4", "b:a:1"]


def test_owners_take_turns() -> None:
    """An owner with many waiting is served once between each of the others."""
    full = line(9, "s:a:1", "s:a:2", "s:a:3", "s:b:1", "s:c:1", "s:b:2")
    assert full.clear() == ["s:a:1", "s:b:1", "s:c:1", "s:a:2", "s:b:2", "s:a:3"]


def test_a_full_line_sends_the_newcomer_away() -> None:
    """Among equals who came first stays."""
    full = line(2, "s:a:1", "s:b:1")
    assert push(full, "s:c:1") == "s:c:1"
    assert push(full, "b:c:2") == "b:c:2"
    assert full.clear() == ["s:a:1", "s:b:1"]


def test_a_higher_priority_takes_the_newest_place_of_the_lowest_class() -> None:
    """The one who waited least loses least."""
    full = line(3, "b:a:1", "b:b:1", "s:a:1")
    assert push(full, "v:c:1") == "b:b:1"
    assert push(full, "v:c:2") == "b:a:1"
    assert push(full, "v:c:3") == "s:a:1"
    assert push(full, "v:c:4") == "v:c:4"


def test_nobody_can_fill_the_line_against_others() -> None:
    """An owner who holds every place loses the newest ones to others, until the shares are even."""
    full = line(4, "s:a:1", "s:a:2", "s:a:3", "s:a:4")
    assert push(full, "s:a:5") == "s:a:5"
    assert push(full, "s:b:1") == "s:a:4"
    assert push(full, "s:b:2") == "s:a:3"
    assert push(full, "s:b:3") == "s:b:3"


def test_a_line_without_room_takes_nobody() -> None:
    """A queue of 0 means: no waiting."""
    assert push(line(0), "v:a:1") == "v:a:1"


def test_leaving_from_anywhere() -> None:
    """Who leaves is gone, once; the others keep their order."""
    items = ("s:a:1", "s:a:2", "s:b:1")
    full = line(9, *items)
    assert full.remove(items[1])
    assert not full.remove(items[1])
    assert full.clear() == ["s:a:1", "s:b:1"]
    assert len(full) == 0


@dataclass(eq=False)
class _Waiter:
    priority: Priority
    owner: str
    arrival: int


class LineMachine(RuleBasedStateMachine):
    """Random arrivals, departures and servings against what the rules say of a plain list."""

    LIMIT = 5

    def __init__(self) -> None:
        super().__init__()
        self.line = Line[_Waiter](self.LIMIT)
        self.waiters: list[_Waiter] = []
        self.arrivals = 0

    @rule(priority=st.sampled_from(Priority), owner=st.sampled_from("abc"))
    def arrive(self, priority: Priority, owner: str) -> None:
        """Somebody comes; the line is full or not."""
        self.arrivals += 1
        new = _Waiter(priority, owner, self.arrivals)
        leaver = self.line.push(new, priority=priority, owner=owner)
        everybody = [*self.waiters, new]
        assert (leaver is None) == (len(everybody) <= self.LIMIT)
        self.waiters = [each for each in everybody if each is not leaver]
        if leaver is not None:
            assert leaver.priority == max(each.priority for each in everybody), "the lowest class loses"
            mine = [each for each in everybody if (each.owner, each.priority) == (leaver.owner, leaver.priority)]
            assert leaver is mine[-1], "the newest of its owner loses"

    @precondition(lambda self: self.waiters)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        """Somebody gives up."""
        leaver = data.draw(st.sampled_from(self.waiters))
        assert self.line.remove(leaver)
        self.waiters.remove(leaver)

    @precondition(lambda self: self.waiters)
    @rule()
    def serve(self) -> None:
        """The next is of the highest class, and the first of its owner."""
        served = self.line.pop()
        assert served is not None
        assert served.priority == min(each.priority for each in self.waiters)
        mine = [each for each in self.waiters if (each.owner, each.priority) == (served.owner, served.priority)]
        assert served is mine[0]
        self.waiters.remove(served)

    @invariant()
    def counts(self) -> None:
        """The line holds exactly those who wait."""
        assert len(self.line) == len(self.waiters) <= self.LIMIT


TestLineMachine = LineMachine.TestCase
TestLineMachine.settings = hypothesis_settings(max_examples=60, stateful_step_count=30, deadline=None)
