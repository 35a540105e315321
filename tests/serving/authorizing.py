"""An authorizer of a test's own: says what it is told to say, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from mattegate.vocabulary.authorizing import AuthorizerRequest

Saying = Callable[[AuthorizerRequest], Any]

asked: list[AuthorizerRequest] = []
"""By the callables below, since the last :func:`saying`."""
_sayings: list[Saying] = [lambda _: True]
not_a_function = "text"


@contextmanager
def saying(say: Saying) -> Iterator[list[AuthorizerRequest]]:
    """Have the callables say this, and give what they are asked."""
    asked.clear()
    _sayings.append(say)
    try:
        yield asked
    finally:
        _sayings.pop()


def decide(question: AuthorizerRequest) -> Any:
    """Answers in a thread."""
    assert threading.current_thread().name == "authorizer"
    asked.append(question)
    return _sayings[-1](question)


async def decide_later(question: AuthorizerRequest) -> Any:
    """Answers in the loop, and may be given something to wait for."""
    asked.append(question)
    said = _sayings[-1](question)
    return await said if asyncio.iscoroutine(said) else said


class Deciding:
    """An object that can be called."""

    async def __call__(self, question: AuthorizerRequest) -> Any:
        """As :func:`decide_later`."""
        return await decide_later(question)


deciding = Deciding()
