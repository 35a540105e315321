"""Who is next: a bounded waiting line with priorities, fair between owners. Pure: no clock, no event loop.

1. A higher priority always goes first.
2. Within a priority the owners take turns, whatever each of them has waiting.
3. An owner's own are served in the order they came.
4. A full line makes room at its lower end: for a higher priority the newest of the lowest class leaves; within the
   lowest class the owner with the most waiting loses its newest to an owner who has at least two fewer. So nobody
   can fill the line against others. Otherwise the newcomer has to leave.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Generic, TypeVar

from mattegate.cutout.engine.protocol import Priority

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class _Place(Generic[T]):
    item: T
    arrival: int


class Line(Generic[T]):
    """A waiting line of at most ``limit`` items; items are compared by identity."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._arrivals = 0
        self._classes: dict[Priority, OrderedDict[str, deque[_Place[T]]]] = {
            priority: OrderedDict() for priority in Priority
        }

    def __len__(self) -> int:
        return sum(len(places) for owners in self._classes.values() for places in owners.values())

    def push(self, item: T, *, priority: Priority, owner: str) -> T | None:
        """Let ``item`` wait; returns whoever has to leave for want of room: nobody, another one, or ``item`` itself."""
        leaver = None
        if len(self) >= self._limit:
            leaver = self._make_room(priority, owner)
            if leaver is None:
                return item
        self._arrivals += 1
        self._classes[priority].setdefault(owner, deque()).append(_Place(item, self._arrivals))
        return leaver

    def pop(self) -> T | None:
        """Take the next one out; ``None`` when nobody waits."""
        for owners in self._classes.values():
            if owners:
                owner, places = owners.popitem(last=False)
                place = places.popleft()
                if places:
                    owners[owner] = places  # behind the other owners
                return place.item
        return None

    def remove(self, item: T) -> bool:
        """Take ``item`` out wherever it stands; tells whether it stood there."""
        for owners in self._classes.values():
            for owner, places in owners.items():
                for place in places:
                    if place.item is item:
                        places.remove(place)
                        self._forget_if_empty(owners, owner)
                        return True
        return False

    def clear(self) -> list[T]:
        """Take everybody out, in the order in which they would have been served."""
        return [item for item in iter(self.pop, None) if item is not None]

    def _make_room(self, priority: Priority, owner: str) -> T | None:
        lowest = max((each for each, owners in self._classes.items() if owners), default=Priority.VIP)
        owners = self._classes[lowest]
        if not owners or priority > lowest:
            return None
        if priority < lowest:
            loser = max(owners, key=lambda name: owners[name][-1].arrival)
        else:
            loser = max(owners, key=lambda name: (len(owners[name]), owners[name][-1].arrival))
            if len(owners[loser]) < len(owners.get(owner, ())) + 2:
                return None
        place = owners[loser].pop()
        self._forget_if_empty(owners, loser)
        return place.item

    @staticmethod
    def _forget_if_empty(owners: OrderedDict[str, deque[_Place[T]]], owner: str) -> None:
        if not owners[owner]:
            del owners[owner]
