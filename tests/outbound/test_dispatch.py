"""Notices on their way: who gets them, when they are tried again, and what a channel that fails costs the others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.outbound.channel import Channel, Delivered, Outcome, Rejected, TryAgain
from mattegate.outbound.dispatch import Dispatcher
from mattegate.outbound.mail import Mail
from mattegate.outbound.notice import Notice
from mattegate.outbound.outbox import JITTER, LONGEST_WAIT_S, RETRY_AFTER_S, Letter, MemoryOutbox
from mattegate.outbound.posting import HttpPost
from mattegate.outbound.webhook import Webhook, WebhookSecret
from tests.outbound.receivers import NOON, a_notice, mail_server, receiver, status, statuses

SECRET = WebhookSecret(b"s" * 32)


@dataclass
class Told:
    """A channel that ends as it is told and notes what it was given."""

    outcomes: list[Outcome | Exception] = field(default_factory=list)
    name: str = "told"
    to: tuple[str, ...] = ("here",)
    sent: list[tuple[str, str, float]] = field(default_factory=list)

    def targets(self, notice: Notice) -> tuple[str, ...]:
        """The same for all."""
        return self.to

    async def send(self, notice: Notice, target: str, at: float) -> Outcome:
        """The next outcome of the list, then always delivered."""
        self.sent.append((notice.about, target, at))
        ended = self.outcomes.pop(0) if self.outcomes else Delivered()
        if isinstance(ended, Exception):
            raise ended
        return ended


def dispatcher(*channels: Channel, room: int = 1_000, tray: int = 1_000) -> Dispatcher:
    """One without jitter."""
    return Dispatcher(channels, MemoryOutbox(room=room), tray=tray, spread=lambda: 0.0)


async def test_a_notice_reaches_webhook_mailboxes_and_log(caplog: pytest.LogCaptureFixture) -> None:
    """One notice, every way: signed to the receiver, by mail to owner and operator, and one line in the log."""
    caplog.set_level(logging.INFO)
    with receiver() as hook, mail_server() as post:
        webhook = Webhook(hook.url, [SECRET], HttpPost())
        mail = Mail("127.0.0.1", post.port, sender="gate@example.org", operators=("op@example.com",))
        out = dispatcher(webhook, mail)
        out.notify(a_notice(to=("owner@example.com",)))
        assert await out.run_due(NOON) == 3
    assert [request.headers["webhook-id"] for request in hook.received] == [a_notice().id]
    assert [mail.recipients for mail in post.taken] == [["owner@example.com"], ["op@example.com"]]
    assert f'notice key.reminder: An old key id={a_notice().id} about="key_1" key="key_1" days=91' in caplog.messages
    assert (out.status().delivered, out.status().waiting) == (3, 0)


async def test_a_failing_receiver_is_tried_again_by_the_schedule_and_then_given_up() -> None:
    """After 5 s, 5 min, 30 min, 2 h, 5 h and 10 h, not a second earlier, with the same id and a fresh timestamp."""
    with receiver(status(500)) as hook:
        out = dispatcher(Webhook(hook.url, [SECRET], HttpPost()))
        out.notify(a_notice())
        now = NOON
        await out.run_due(now)
        for tries, wait in enumerate((5, 300, 1_800, 7_200, 18_000, 36_000), 1):
            await out.run_due(now + wait - 1)
            assert len(hook.received) == tries
            now += wait
            await out.run_due(now)
            assert len(hook.received) == tries + 1
    assert {request.headers["webhook-id"] for request in hook.received} == {a_notice().id}
    stamps = [int(request.headers["webhook-timestamp"]) for request in hook.received]
    assert stamps == sorted(set(stamps))
    assert (out.status().failed, out.status().given_up, out.status().waiting) == (7, 1, 0)


async def test_a_receiver_that_comes_back_gets_it_once() -> None:
    """503, 429, then 200: nothing more is sent after that."""
    with receiver(statuses(503, 429, 200)) as hook:
        out = dispatcher(Webhook(hook.url, [SECRET], HttpPost()))
        out.notify(a_notice())
        for now in (NOON, NOON + 5, NOON + 305, NOON + 100_000):
            await out.run_due(now)
    assert len(hook.received) == 3
    assert out.status().delivered == 1


async def test_after_410_nothing_is_sent_there_and_the_others_are_told() -> None:
    """What waits for the closed webhook is thrown away, and the operators hear of it by mail."""
    with receiver(status(410)) as hook, mail_server() as post:
        mail = Mail("127.0.0.1", post.port, sender="gate@example.org", operators=("op@example.com",))
        out = dispatcher(Webhook(hook.url, [SECRET], HttpPost()), mail)
        for number in range(3):
            out.notify(a_notice(about=f"key_{number}"))
        await out.run_due(NOON)
        out.notify(a_notice(about="key_9"))
        await out.run_due(NOON + 1)
    assert len(hook.received) == 1
    assert out.status().gone == ("webhook",)
    assert out.status().waiting == 0
    assert any(b"No more notices by webhook" in mail.data for mail in post.taken)
    assert len(post.taken) == 5


async def test_one_mailbox_that_is_refused_keeps_no_other_from_its_mail() -> None:
    """Each target is on its own: a final refusal of the first is no failure of the second."""
    told = Told([Rejected("no such user"), Delivered()], to=("gone@example.com", "here@example.com"))
    out = dispatcher(told)
    out.notify(a_notice())
    await out.run_due(NOON)
    await out.run_due(NOON + 100_000)
    assert [target for _, target, _ in told.sent] == ["gone@example.com", "here@example.com"]
    assert (out.status().given_up, out.status().delivered) == (1, 1)


async def test_a_channel_that_crashes_is_a_failure_like_any_other(caplog: pytest.LogCaptureFixture) -> None:
    """A bug in one channel is logged and retried; the other channel delivers, and so does the crashed one later."""
    broken, fine = Told([RuntimeError("bug")], name="broken"), Told(name="fine")
    out = dispatcher(broken, fine)
    out.notify(a_notice())
    assert await out.run_due(NOON) == 1
    assert await out.run_due(NOON + 5) == 1
    assert "the channel broken failed" in caplog.text


async def test_one_silence_is_enough_for_a_run() -> None:
    """Behind an unreachable server the other letters wait for the next run instead of one timeout each."""
    told = Told([TryAgain("silence", unreachable=True)])
    out = dispatcher(told)
    for number in range(10):
        out.notify(a_notice(about=f"key_{number}"))
    await out.run_due(NOON)
    assert len(told.sent) == 1
    await out.run_due(NOON + 1)
    assert len(told.sent) == 10


async def test_a_slow_channel_keeps_no_other_waiting() -> None:
    """Channels run side by side: the second one finishes what the first one waits for."""
    finished = asyncio.Event()

    class Waiting(Told):
        async def send(self, notice: Notice, target: str, at: float) -> Outcome:
            await finished.wait()
            return await super().send(notice, target, at)

    class Finishing(Told):
        async def send(self, notice: Notice, target: str, at: float) -> Outcome:
            finished.set()
            return await super().send(notice, target, at)

    out = dispatcher(Waiting(name="slow"), Finishing(name="fast"))
    out.notify(a_notice())
    assert await out.run_due(NOON) == 2


async def test_nothing_grows_without_bound() -> None:
    """With no room left a notice is counted and stands in the log; one full channel takes no room from another."""
    down, fine = Told([TryAgain("down", unreachable=True)] * 99, name="down"), Told(name="fine")
    out = dispatcher(down, fine, room=3, tray=5)
    for number in range(8):
        out.notify(a_notice(about=f"key_{number}"))
    assert out.status().dropped == 3
    await out.run_due(NOON)
    assert len(fine.sent) == 3
    assert out.status().dropped == 3 + 2 + 2
    for number in range(3):
        out.notify(a_notice(about=f"later_{number}"))
    await out.run_due(NOON + 1)
    assert len(fine.sent) == 6


async def test_what_is_kept_lies_in_the_outbox_at_once() -> None:
    """A task may note that it told someone, because the letters are there before it hears so; no room is said."""
    outbox = MemoryOutbox(room=1)
    out = Dispatcher([Told()], outbox)
    assert out.keep(a_notice())
    assert outbox.waiting() == 1
    assert out.keep(a_notice())  # the same again is the same
    assert not out.keep(a_notice(about="key_2"))
    assert outbox.waiting() == 1


async def test_a_lost_outbox_loses_no_notice() -> None:
    """While the outbox is down the tray keeps what it has, and the run says what is wrong."""

    class Down(MemoryOutbox):
        down = True

        def put(self, letter: Letter) -> bool:
            if self.down:
                raise OSError("disk full")
            return super().put(letter)

    outbox, told = Down(), Told()
    out = Dispatcher([told], outbox)
    out.notify(a_notice())
    with pytest.raises(OSError, match="disk full"):
        await out.run_due(NOON)
    outbox.down = False
    assert await out.run_due(NOON + 1) == 1


async def test_a_fault_of_one_channels_letters_is_raised_after_the_others_ended() -> None:
    """The outbox fails for one channel; the other one's delivery is booked all the same, then the fault is heard."""

    class Torn(MemoryOutbox):
        def due(self, channel: str, now: float, limit: int) -> Sequence[Letter]:
            if channel == "torn":
                raise OSError("torn")
            return super().due(channel, now, limit)

    fine = Told(name="fine")
    out = Dispatcher([Told(name="torn"), fine], Torn())
    out.notify(a_notice())
    with pytest.raises(OSError, match="torn"):
        await out.run_due(NOON)
    assert out.status().delivered == 1


async def test_two_runs_at_once_send_nothing_twice() -> None:
    """The second waits for the first."""
    told = Told()
    out = dispatcher(told)
    out.notify(a_notice())
    assert sum(await asyncio.gather(out.run_due(NOON), out.run_due(NOON))) == 1
    assert len(told.sent) == 1


async def test_a_clock_that_was_turned_back_leaves_no_letter_behind() -> None:
    """A letter postponed under a clock a year ahead is due again when the clock is right."""
    told = Told([TryAgain("later")])
    out = dispatcher(told)
    out.notify(a_notice())
    await out.run_due(NOON + 365 * 86_400)
    assert await out.run_due(NOON) == 1


def test_two_channels_of_one_name_are_a_mistake() -> None:
    """Letters are kept under the name."""
    with pytest.raises(ValueError, match="the same name"):
        dispatcher(Told(), Told())


@given(failures=st.integers(0, 5), spread=st.floats(0, 1, exclude_max=True), asked=st.floats(0, 1e9))
def test_every_wait_lies_between_the_step_and_its_jitter(failures: int, spread: float, asked: float) -> None:
    """No wait is shorter than its step, nor longer than the longest; a receiver's wish counts up to that."""
    letter = Letter(a_notice(), "webhook", "here", due=0.0, failures=failures)
    later = letter.postponed(NOON, spread=spread, at_least_s=asked)
    assert later is not None
    wait, step = later.due - NOON, RETRY_AFTER_S[failures]
    assert wait >= step - 1e-6
    assert wait <= max(step * (1 + JITTER), min(asked, LONGEST_WAIT_S)) + 1e-6
    assert not later.is_due(NOON)
    assert later.is_due(later.due)


def test_the_seventh_failure_is_the_last() -> None:
    """The schedule has an end."""
    assert Letter(a_notice(), "webhook", "here", due=0.0, failures=6).postponed(NOON, spread=0.5) is None


def test_a_letter_that_was_taken_away_does_not_come_back() -> None:
    """Postponing what is no longer there does nothing, so a closed channel stays empty."""
    outbox, letter = MemoryOutbox(), Letter(a_notice(), "webhook", "here", due=NOON)
    outbox.put(letter)
    assert outbox.discard("webhook") == 1
    outbox.postpone(letter)
    assert (outbox.waiting(), list(outbox.due("webhook", NOON, 9))) == (0, [])
