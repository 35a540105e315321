"""From a notice to everybody it concerns, without anyone waiting for it.

1. `Dispatcher.notify` writes the notice to the log and lays it into a bounded tray in memory; it touches no disk and
   no network, so any request and any thread may call it. `Dispatcher.keep` lays its letters into the outbox at once.
2. `Dispatcher.run_due`, called every few seconds, turns what lies in the tray into letters of the outbox, one for each
   channel and target, and tries those that are due.
3. What fails stays in the outbox until its time comes again or the schedule is used up.

A letter is delivered at least once: after a crash it may go out twice, under the same id.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import random
from typing import Final

from mattegate.outbound.channel import Channel, Delivered, Gone, Outcome, Rejected, TryAgain
from mattegate.outbound.notice import Notice, NoticeKind, log_line, notice_id
from mattegate.outbound.outbox import Letter, Outbox

log = logging.getLogger("mattegate.notices")

_AT_ONCE: Final = 50
"""Letters of one channel that one run tries."""
_MILD: Final = frozenset({NoticeKind.KEY_REMINDER, NoticeKind.STORE_BACK})


@dataclass(frozen=True, slots=True)
class DispatchStatus:
    """What became of notices since the start, by letters."""

    delivered: int = 0
    failed: int = 0
    """Tries that failed; most of them are tried again."""
    given_up: int = 0
    dropped: int = 0
    """Notices and letters for which there was no room."""
    waiting: int = 0
    gone: tuple[str, ...] = ()
    """Channels whose other side wants no more."""


class Dispatcher:
    """Takes notices and sees them out."""

    def __init__(
        self, channels: Sequence[Channel], outbox: Outbox, *, tray: int = 1_000, spread: Callable[[], float] = random
    ) -> None:
        self._channels = {channel.name: channel for channel in channels}
        if len(self._channels) != len(channels):
            raise ValueError("two channels have the same name")
        self._outbox, self._room, self._spread = outbox, tray, spread
        self._tray: deque[Notice] = deque()
        self._running = asyncio.Lock()
        self._gone: set[str] = set()
        self._delivered = self._failed = self._given_up = self._dropped = 0

    def notify(self, notice: Notice) -> None:
        """Log it at once and send it soon. Never waits, never raises; when the tray is full the log keeps it alone."""
        log_notice(notice)
        if len(self._tray) >= self._room:
            self._dropped += 1
            return
        self._tray.append(notice)

    def keep(self, notice: Notice) -> bool:
        """Log it and lay its letters into the outbox before returning; for tasks, which may wait for a disk.

        False where there was no room for a letter. Raises what the outbox raises; doing it again does no harm.
        """
        log_notice(notice)
        kept = [self._put(letter) for letter in self._letters(notice, notice.at)]
        return all(kept)

    def status(self) -> DispatchStatus:
        """Counts since the start."""
        waiting = self._outbox.waiting() + len(self._tray)
        return DispatchStatus(
            self._delivered, self._failed, self._given_up, self._dropped, waiting, tuple(sorted(self._gone))
        )

    async def run_due(self, now: float) -> int:
        """Try what is due at ``now``, each channel on its own; returns how many letters were delivered."""
        async with self._running:
            await self._empty_tray(now)
            open_channels = [channel for name, channel in self._channels.items() if name not in self._gone]
            before = self._delivered
            # Every channel ends before a fault of one is raised: a letter cut short would go out twice.
            ends = await asyncio.gather(
                *(self._try_channel(channel, now) for channel in open_channels), return_exceptions=True
            )
            for fault in filter(None, ends):
                raise fault
            return self._delivered - before

    async def _empty_tray(self, now: float) -> None:
        while self._tray:
            notice = self._tray[0]  # taken out only when its letters lie in the outbox, which may be down
            for letter in self._letters(notice, now):
                await asyncio.to_thread(self._put, letter)
            self._tray.popleft()

    def _put(self, letter: Letter) -> bool:
        if self._outbox.put(letter):
            return True
        self._dropped += 1
        log.error("notice %s by %s dropped: the outbox is full", letter.notice.id, letter.channel)
        return False

    def _letters(self, notice: Notice, now: float) -> list[Letter]:
        return [
            Letter(notice, channel.name, target, due=now)
            for channel in self._channels.values()
            if channel.name not in self._gone
            for target in channel.targets(notice)
        ]

    async def _try_channel(self, channel: Channel, now: float) -> None:
        for letter in await asyncio.to_thread(self._outbox.due, channel.name, now, _AT_ONCE):
            outcome = await _sent(channel, letter, now)
            await self._book(letter, outcome, now)
            if isinstance(outcome, Gone) or (isinstance(outcome, TryAgain) and outcome.unreachable):
                return

    async def _book(self, letter: Letter, outcome: Outcome, now: float) -> None:
        match outcome:
            case Delivered():
                self._delivered += 1
                await asyncio.to_thread(self._outbox.remove, letter)
            case TryAgain():
                await self._postpone(letter, outcome, now)
            case Rejected(problem):
                await self._give_up(letter, problem)
            case Gone(problem):
                await self._give_up(letter, problem)
                await self._close(letter.channel, problem, now)

    async def _postpone(self, letter: Letter, outcome: TryAgain, now: float) -> None:
        self._failed += 1
        later = letter.postponed(now, spread=self._spread(), at_least_s=outcome.after_s)
        if later is None:
            await self._give_up(letter, outcome.problem)
            return
        await asyncio.to_thread(self._outbox.postpone, later)
        wait = round(later.due - now)
        log.warning(
            "notice %s by %s failed: %s; again in %d s", letter.notice.id, letter.channel, outcome.problem, wait
        )

    async def _give_up(self, letter: Letter, problem: str) -> None:
        self._given_up += 1
        await asyncio.to_thread(self._outbox.remove, letter)
        log.error("notice %s by %s given up: %s", letter.notice.id, letter.channel, problem)

    async def _close(self, channel: str, problem: str, now: float) -> None:
        """No more by this channel until the next start; the other channels tell."""
        self._gone.add(channel)
        self._given_up += await asyncio.to_thread(self._outbox.discard, channel)
        self.notify(
            Notice(
                kind=NoticeKind.CHANNEL_GONE,
                subject=f"No more notices by {channel}",
                text=f"{problem}.\n\nNothing goes out this way until the server starts again. Set the address anew or "
                "remove it from the settings.",
                at=now,
                id=notice_id(NoticeKind.CHANNEL_GONE, channel, int(now)),
                about=channel,
            )
        )


def log_notice(notice: Notice) -> None:
    """The log hears of every notice, whatever becomes of the other ways."""
    log.log(logging.INFO if notice.kind in _MILD else logging.WARNING, "%s", log_line(notice))


async def _sent(channel: Channel, letter: Letter, now: float) -> Outcome:
    """The outcome of one try. A fault in a channel is no reason to keep the next notice from anybody."""
    try:
        return await channel.send(letter.notice, letter.target, now)
    except Exception as error:
        log.exception("notice %s: the channel %s failed", letter.notice.id, channel.name)
        return TryAgain(type(error).__name__)
