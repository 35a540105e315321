"""Reading a request body under limits: size on the wire, pace, and the memory of all bodies together.

No ASGI server cuts a slow body, so it is done here, where every wait for the next chunk has a deadline.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mattegate.config.settings import MB
from mattegate.serving.pace import Pace
from mattegate.vocabulary.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Message, Receive

    from mattegate.config.settings import UploadSettings


def too_large(limits: UploadSettings, *, read: int, declared: int | None) -> Refusal:
    """The refusal of an image, or of all images of one request together, over ``max_bytes``."""
    return Refusal(
        "upload.too_large",
        limit_mb=limits.max_bytes / MB,
        read_bytes=read,
        declared_bytes="?" if declared is None else declared,
    )


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """What one body may take: ``wire`` bytes at most, of which ``take`` keeps account across all requests."""

    upload: UploadSettings
    wire: int
    declared: int | None
    take: Callable[[int], None]


async def pour(receive: Receive, sink: Callable[[bytes], None], limits: BodyLimits) -> None:
    """Hand the body to ``sink`` chunk by chunk until it is complete.

    Raises :class:`Refusal` ``upload.too_large``, ``request.stalled``, ``request.too_slow``, ``request.body_timeout``,
    ``request.client_gone``, ``capacity.body_budget``, or whatever ``sink`` raises; nothing more is read then.
    """
    clock = asyncio.get_running_loop().time
    pace = Pace(limits.upload, clock())
    read = 0
    while True:
        message = await _next(receive, pace, clock)
        if message["type"] == "http.disconnect":
            raise Refusal("request.client_gone")
        if chunk := message.get("body", b""):
            read += len(chunk)
            pace.received(len(chunk), clock())
            if read > limits.wire:
                raise too_large(limits.upload, read=read, declared=limits.declared)
            limits.take(len(chunk))
            sink(chunk)
        if not message.get("more_body", False):
            return


async def _next(receive: Receive, pace: Pace, clock: Callable[[], float]) -> Message:
    try:
        async with asyncio.timeout_at(pace.deadline):
            return await receive()
    except TimeoutError:
        raise pace.refusal(clock()) from None
