"""What an authorizer answered, for as long as it holds; of several who ask the same at once, one asks."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from mattegate.vocabulary.authorizing import Answer

MOST_REMEMBERED: Final = 10_000
"""Answers; the one that was used longest ago gives way."""
Asking = Callable[[], Awaitable[Answer]]
"""Asks now; the answer says how long it holds."""


class Answers:
    """What was answered, for as long as it holds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: OrderedDict[bytes, tuple[float, Answer]] = OrderedDict()
        self._flights: dict[bytes, asyncio.Task[Answer]] = {}

    def forget(self) -> None:
        """Remember nothing of before, not even what is being asked now."""
        self._kept.clear()
        self._flights.clear()

    async def get(self, key: bytes, ask: Asking) -> tuple[Answer, bool]:
        """The answer, and whether it was there already. Raises what ``ask`` does."""
        if (known := self._known(key)) is not None:
            return known, True
        flight = self._flights.get(key)
        if flight is None:
            return await asyncio.shield(self._begun(key, ask)), False
        answer = await asyncio.shield(flight)
        return (answer, True) if answer.ttl else (await ask(), False)  # one that holds for nobody else is asked again

    def _known(self, key: bytes) -> Answer | None:
        until, answer = self._kept.get(key, (0.0, None))
        if answer is None or until <= self._clock():
            self._kept.pop(key, None)
            return None
        self._kept.move_to_end(key)
        return answer

    def _begun(self, key: bytes, ask: Asking) -> asyncio.Task[Answer]:
        """A task of its own, so that the others get their answer although who asked first has gone."""
        flight = asyncio.ensure_future(self._asked(key, ask))
        self._flights[key] = flight
        flight.add_done_callback(lambda ended: self._land(key, ended))
        return flight

    async def _asked(self, key: bytes, ask: Asking) -> Answer:
        begun, answer = self._flights.get(key), await ask()
        if answer.ttl and begun is not None and self._flights.get(key) is begun:
            self._kept[key] = (self._clock() + answer.ttl, answer)
            while len(self._kept) > MOST_REMEMBERED:
                self._kept.popitem(last=False)
        return answer

    def _land(self, key: bytes, ended: asyncio.Task[Answer]) -> None:
        if self._flights.get(key) is ended:
            del self._flights[key]
        if not ended.cancelled():
            ended.exception()  # whoever waited was told; nobody else is to be
