"""A body that a signature covers as a whole: read once, shown to whoever judges it, and handed on as it came."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import Message

from mattegate.config.settings import UploadSettings
from mattegate.serving.budget import Budget
from mattegate.serving.held_body import BodyHolder, HeldBody
from mattegate.vocabulary.refusal import Refusal

CHUNKS = (b"one ", b"two ", b"three")


def held(budget: Budget) -> HeldBody:
    """A body of three chunks, behind which nothing comes any more."""
    coming = [{"type": "http.request", "body": chunk, "more_body": chunk != CHUNKS[-1]} for chunk in CHUNKS]

    async def receive() -> Message:
        return coming.pop(0) if coming else {"type": "http.disconnect"}

    return BodyHolder(UploadSettings(), budget).held(receive)


async def shown(body: HeldBody, *, keep: bool) -> bytes:
    """What a judge sees of it."""
    seen: list[bytes] = []
    await (body.hold(seen.append) if keep else body.pass_by(seen.append))
    return b"".join(seen)


async def read(body: HeldBody) -> bytes:
    """What the application reads."""
    message = await body()
    assert not message["more_body"]
    return bytes(message["body"])


def test_a_walk_that_begins_anew_sees_the_same_body() -> None:
    """Keys that change while a body is judged have it judged again, and the connection has it only once."""

    async def story() -> None:
        body = held(Budget(1_000))
        whole = b"".join(CHUNKS)
        assert await shown(body, keep=True) == whole
        assert await shown(body, keep=True) == whole
        assert await shown(body, keep=False) == whole  # its key is gone by now
        assert await read(body) == whole

    asyncio.run(story())


def test_what_is_held_is_paid_for_once_and_given_back() -> None:
    """However often it is shown; a body that nobody keeps takes nothing."""

    async def story() -> None:
        budget = Budget(sum(map(len, CHUNKS)))
        first = held(budget)
        await shown(first, keep=True)
        await shown(first, keep=True)
        await shown(held(budget), keep=False)
        with pytest.raises(Refusal) as refused:
            await shown(held(budget), keep=True)
        assert refused.value.reason.code == "capacity.body_budget"
        first.close()
        await shown(held(budget), keep=True)

    asyncio.run(story())
