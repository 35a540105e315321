"""The queue's edges: what happens when two things happen in the same moment."""

from __future__ import annotations

import asyncio

import pytest

from mattegate.cutout.engine.admission import Admission
from mattegate.cutout.engine.protocol import Priority
from mattegate.vocabulary.refusal import Refusal

pytestmark = pytest.mark.asyncio


def admission(*, usable: bool = True, queue: int = 4) -> Admission[str]:
    """A queue for slots that are strings, which suit the model they are named after."""
    return Admission(queue, usable=lambda _: usable, suits=lambda slot, model: slot == model)


async def acquire(of: Admission[str], *, wait_s: float = 20.0, model: str | None = None) -> str:
    """Wait for a slot like anybody else."""
    return await of.acquire(priority=Priority.STANDARD, owner="", deadline_s=wait_s, model=model)


async def test_a_slot_granted_to_someone_who_leaves_in_the_same_moment_is_passed_on() -> None:
    """Neither lost nor handed out twice."""
    queue = admission()
    leaver = asyncio.create_task(acquire(queue))
    heir = asyncio.create_task(acquire(queue))
    await asyncio.sleep(0)
    queue.offer("a")
    leaver.cancel()
    assert await heir == "a"
    assert leaver.cancelled()
    assert (queue.busy, queue.waiting) == (1, 0)


async def test_a_slot_survives_that_everybody_leaves_at_once() -> None:
    """When the holder and all who wait are cancelled together, the slot is free for whoever comes next."""
    queue = admission(queue=8)
    queue.offer("a")
    holder = await acquire(queue)
    waiters = [asyncio.create_task(acquire(queue)) for _ in range(5)]
    await asyncio.sleep(0)
    for waiter in waiters:
        waiter.cancel()
    queue.give_back(holder)
    await asyncio.wait(waiters)
    assert (queue.busy, queue.waiting) == (0, 0)
    assert await acquire(queue) == "a"


async def test_a_withdrawn_slot_is_not_given_out() -> None:
    """A worker that died while idle is not offered to anybody."""
    queue = admission()
    queue.offer("a")
    queue.withdraw("a")
    with pytest.raises(Refusal) as caught:
        await acquire(queue, wait_s=0)
    assert caught.value.reason.code == "capacity.deadline"


async def test_a_slot_that_comes_back_broken_waits_for_its_repair() -> None:
    """give_back of an unusable slot serves nobody; offer does, later."""
    queue = admission(usable=False)
    queue.offer("a")
    queue.give_back(await acquire(queue))
    waiter = asyncio.create_task(acquire(queue))
    await asyncio.sleep(0)
    assert queue.waiting == 1
    queue.offer("a")
    assert await waiter == "a"


async def test_offering_twice_is_offering_once() -> None:
    """A slot never has two holders."""
    queue = admission()
    queue.offer("a")
    queue.offer("a")
    await acquire(queue)
    queue.offer("a")
    with pytest.raises(Refusal):
        await acquire(queue, wait_s=0)


async def test_the_slot_that_suits_the_model_is_preferred() -> None:
    """And any other when none does."""
    queue = admission()
    for slot in "abc":
        queue.offer(slot)
    assert [await acquire(queue, model=model) for model in ("b", "z", "c")] == ["b", "a", "c"]


async def test_refuse_all_tells_each_waiter_and_frees_the_line() -> None:
    """Each gets a refusal of its own."""
    queue = admission()
    waiters = [asyncio.create_task(acquire(queue)) for _ in range(3)]
    await asyncio.sleep(0)
    queue.refuse_all(Refusal("model.missing", model="m", path="p"))
    outcomes = await asyncio.gather(*waiters, return_exceptions=True)
    assert len({id(outcome) for outcome in outcomes}) == 3
    assert {str(outcome) for outcome in outcomes} == {"The weights of 'm' are not installed."}
    await queue.quiet()


async def test_quiet_waits_for_holders_and_waiters() -> None:
    """Draining is over only when both are gone."""
    queue = admission()
    queue.offer("a")
    slot = await acquire(queue)
    waiter = asyncio.create_task(acquire(queue))
    quiet = asyncio.create_task(queue.quiet())
    await asyncio.sleep(0)
    queue.close()
    queue.give_back(slot)
    await asyncio.sleep(0)
    assert not quiet.done()
    queue.give_back(await waiter)
    await quiet
