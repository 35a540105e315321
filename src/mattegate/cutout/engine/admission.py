"""The queue in front of any engine: callers wait until a slot is free, and the :class:`Line` says whose turn it is.

Nothing here knows what a slot is. Everything runs on one event loop, so that each method is one indivisible step.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from mattegate.cutout.engine.line import Line
from mattegate.cutout.engine.protocol import Priority
from mattegate.vocabulary.refusal import Refusal

S = TypeVar("S")


@dataclass(slots=True, eq=False)
class _Ticket(Generic[S]):
    model: str | None
    slot: asyncio.Future[S]


class Admission(Generic[S]):
    """Hands out slots of type ``S``, each to one caller at a time.

    ``usable`` tells whether a slot that comes back may be given to the next caller at once; ``suits`` whether a slot
    is a good choice for a model (it has it loaded). At most ``queue`` callers wait.
    """

    def __init__(self, queue: int, *, usable: Callable[[S], bool], suits: Callable[[S, str | None], bool]) -> None:
        self._line: Line[_Ticket[S]] = Line(queue)
        self._queue = queue
        self._usable = usable
        self._suits = suits
        self._idle: list[S] = []
        self._taken: list[S] = []
        self._closed = False
        self._quiet = asyncio.Event()
        self._quiet.set()

    @property
    def waiting(self) -> int:
        """How many callers wait."""
        return len(self._line)

    @property
    def busy(self) -> int:
        """How many slots are handed out."""
        return len(self._taken)

    async def acquire(self, *, priority: Priority, owner: str, deadline_s: float, model: str | None = None) -> S:
        """Wait for a slot; whoever gets one gives it back with :meth:`give_back`.

        Raises :class:`Refusal` ``capacity.queue_full``, ``capacity.deadline`` or ``capacity.draining``, or whatever
        :meth:`refuse_all` was told.
        """
        if self._closed:
            raise Refusal("capacity.draining")
        if self._idle and not self._line:
            return self._take(model)
        loop = asyncio.get_running_loop()
        ticket = _Ticket[S](model, loop.create_future())
        self._line_up(ticket, priority, owner)
        expiry = loop.call_later(deadline_s, self._expire, ticket, deadline_s)
        try:
            return await ticket.slot
        except asyncio.CancelledError:
            self._abandon(ticket)
            raise
        finally:
            expiry.cancel()

    def offer(self, slot: S) -> None:
        """Say that ``slot`` can be used; it goes to the next in line. Harmless while it is known or handed out."""
        if slot not in self._idle and slot not in self._taken:
            self._idle.append(slot)
            self._serve()

    def withdraw(self, slot: S) -> None:
        """Say that ``slot`` cannot be used for now."""
        if slot in self._idle:
            self._idle.remove(slot)

    def give_back(self, slot: S) -> None:
        """End the use of a slot that :meth:`acquire` gave."""
        self._taken.remove(slot)
        if self._usable(slot):
            self.offer(slot)
        self._note_quiet()

    def refuse_all(self, refusal: Refusal) -> None:
        """Send everybody who waits away with ``refusal``."""
        for ticket in self._line.clear():
            _refuse(ticket, Refusal(refusal.reason.code, **refusal.facts))
        self._note_quiet()

    def close(self) -> None:
        """Take nobody in any more; who waits already keeps the place."""
        self._closed = True

    async def quiet(self) -> None:
        """Wait until nobody waits and no slot is handed out."""
        await self._quiet.wait()

    def _line_up(self, ticket: _Ticket[S], priority: Priority, owner: str) -> None:
        leaver = self._line.push(ticket, priority=priority, owner=owner)
        full = Refusal("capacity.queue_full", waiting=self._queue)
        if leaver is ticket:
            raise full
        if leaver is not None:
            _refuse(leaver, full)
        self._note_quiet()

    def _take(self, model: str | None) -> S:
        slot = next((each for each in self._idle if self._suits(each, model)), self._idle[0])
        self._idle.remove(slot)
        self._taken.append(slot)
        self._note_quiet()
        return slot

    def _serve(self) -> None:
        while self._idle and (ticket := self._line.pop()):
            if not ticket.slot.done():  # cancelled in this very moment, and about to leave the line by itself
                ticket.slot.set_result(self._take(ticket.model))

    def _expire(self, ticket: _Ticket[S], deadline_s: float) -> None:
        if self._line.remove(ticket):
            _refuse(ticket, Refusal("capacity.deadline", seconds=deadline_s))
            self._note_quiet()

    def _abandon(self, ticket: _Ticket[S]) -> None:
        """A waiter was cancelled: leave the line, or pass on the slot that was granted in the same moment."""
        self._line.remove(ticket)
        granted = ticket.slot.done() and not ticket.slot.cancelled() and ticket.slot.exception() is None
        if granted:
            self.give_back(ticket.slot.result())
        self._note_quiet()

    def _note_quiet(self) -> None:
        if self._line or self._taken:
            self._quiet.clear()
        else:
            self._quiet.set()


def _refuse(ticket: _Ticket[S], refusal: Refusal) -> None:
    if not ticket.slot.done():
        ticket.slot.set_exception(refusal)
