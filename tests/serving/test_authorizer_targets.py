"""Whom an authorizer's question goes to: however it fails, only the answer to that one question is lost."""

from __future__ import annotations

import asyncio
import math
import sys
from typing import Any

import pytest

from mattegate.ledger.protocols import Unavailable
from mattegate.serving.proving.authorizer_targets import AT_ONCE, CallableTarget
from mattegate.vocabulary.authorizing import AuthorizerRequest, read_answer

QUESTION = AuthorizerRequest(
    "req_1", 0.0, "GET", "/", "whoami", "h", "192.0.2.1", None, "id_1", "alice", "free", "k_1", ("self",)
)


async def _no_arguments() -> bool:
    return True


async def _cancelled(_: object) -> bool:
    raise asyncio.CancelledError


async def _cancels_itself(_: object) -> bool:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(1)
    return True


async def _exits(_: object) -> bool:
    sys.exit(3)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (_no_arguments, "it raised TypeError: _no_arguments() takes 0"),
        (_cancelled, "it raised CancelledError"),
        (_cancels_itself, "it raised CancelledError"),
        (_exits, "it raised SystemExit: 3"),
    ],
)
async def test_an_async_function_ends_nothing_but_its_own_answer(call: Any, told: str) -> None:
    """Neither the request that waits, nor the server, nor a place to ask from: twice as often as there are places."""
    target = CallableTarget(call, timeout_s=5.0)
    for _ in range(2 * AT_ONCE):
        with pytest.raises(Unavailable) as failed:
            await target.ask(QUESTION)
        assert failed.value.problem.startswith(told)


async def test_an_answer_may_hold_for_longer_than_anything_is_remembered() -> None:
    """A number beyond every float is a number of seconds like any other, and bounded as they are."""
    target = CallableTarget(lambda _: {"allow": True, "ttl": 10**400}, timeout_s=5.0)
    answer = read_answer(await target.ask(QUESTION))
    assert answer.allow
    assert answer.ttl is not None
    assert 300 < answer.ttl < math.inf
