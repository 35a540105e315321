"""Remembered answers: for as long as they hold, as many as there is room for, and one question of many alike."""

from __future__ import annotations

import asyncio

import pytest

from mattegate.ledger.protocols import Unavailable
from mattegate.serving.proving.authorizer_answers import MOST_REMEMBERED, Answers
from mattegate.vocabulary.authorizing import Answer


class Asked:
    """Says one answer after the other, and counts."""

    def __init__(self, *ttls: float) -> None:
        self._ttls = ttls
        self.times = 0

    async def __call__(self) -> Answer:
        """The next; the last again and again."""
        self.times += 1
        await asyncio.sleep(0)
        return Answer(True, ttl=self._ttls[min(self.times, len(self._ttls)) - 1])


async def test_an_answer_holds_for_its_time_and_no_longer() -> None:
    """Up to its last moment it is given again; at that moment it is asked for anew."""
    now = [100.0]
    answers, ask = Answers(lambda: now[0]), Asked(5.0)
    seen = []
    for now[0] in (100.0, 104.9, 105.0, 109.0, 110.0):
        seen.append((await answers.get(b"k", ask))[1])
    assert seen == [False, True, False, True, False]
    assert ask.times == 3


async def test_there_is_room_for_so_many_and_the_unused_give_way() -> None:
    """The one that was used longest ago is forgotten first."""
    answers, ask = Answers(lambda: 0.0), Asked(60.0)
    for index in range(MOST_REMEMBERED):
        await answers.get(b"%d" % index, ask)
    assert (await answers.get(b"0", ask))[1]
    await answers.get(b"one more", ask)
    assert (await answers.get(b"0", ask))[1]
    assert not (await answers.get(b"1", ask))[1]
    assert ask.times == MOST_REMEMBERED + 2


async def test_who_asked_first_may_leave() -> None:
    """The others get the answer, and it is remembered."""
    go, asked = asyncio.Event(), 0

    async def ask() -> Answer:
        nonlocal asked
        asked += 1
        await go.wait()
        return Answer(True, ttl=9.0)

    answers = Answers(lambda: 0.0)
    first, second = (asyncio.ensure_future(answers.get(b"k", ask)) for _ in range(2))
    await asyncio.sleep(0.01)
    first.cancel()
    await asyncio.sleep(0.01)
    go.set()
    assert (await second)[1]
    assert (await answers.get(b"k", ask))[1]
    assert asked == 1


async def test_a_failure_reaches_all_who_wait_and_is_not_remembered() -> None:
    """The next request asks again; a failure that nobody waits for any more is no loose end."""
    failing = [True]

    async def ask() -> Answer:
        await asyncio.sleep(0.01)
        if failing[0]:
            raise Unavailable("authorizer", "down")
        return Answer(False, ttl=9.0)

    answers = Answers(lambda: 0.0)
    ends = await asyncio.gather(*(answers.get(b"k", ask) for _ in range(3)), return_exceptions=True)
    assert [type(end) for end in ends] == [Unavailable] * 3
    left = asyncio.ensure_future(answers.get(b"k", ask))
    await asyncio.sleep(0)
    left.cancel()
    await asyncio.sleep(0.05)
    failing[0] = False
    assert not (await answers.get(b"k", ask))[0].allow


async def test_an_answer_that_holds_for_nobody_else_is_given_to_nobody_else() -> None:
    """Whoever waited for it asks for himself."""
    answers, ask = Answers(lambda: 0.0), Asked(0.0)
    ends = await asyncio.gather(*(answers.get(b"k", ask) for _ in range(3)))
    assert [cached for _, cached in ends] == [False] * 3
    assert ask.times == 3


async def test_what_is_asked_before_everything_is_forgotten_is_forgotten_too() -> None:
    """Or an answer of the old settings would outlive them."""
    answers, ask = Answers(lambda: 0.0), Asked(60.0)
    asking = asyncio.ensure_future(answers.get(b"k", ask))
    await asyncio.sleep(0)
    answers.forget()
    with pytest.raises(asyncio.InvalidStateError):
        asking.result()
    await asking
    assert not (await answers.get(b"k", ask))[1]
    assert ask.times == 2
