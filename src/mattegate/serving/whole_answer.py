"""One write for an answer of one piece: uvicorn writes head and body apart, and each wakes the reader.

Rule of this file: only the head is kept back, and only until the first piece of the body follows. So it is for answers
that have a body, and for applications that say the head when they have something to send.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class WholeAnswer:
    """Stands in for the transport of ``cycle`` until its answer is under way."""

    __slots__ = ("_cycle", "_head", "_transport")

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._transport: asyncio.Transport = cycle.transport
        self._head = b""

    def write(self, data: bytes) -> None:
        """Keep the head; send it with what follows, and then be in the way no more."""
        if self._head:
            self._cycle.transport = self._transport
            self._transport.writelines((self._head, data))
        elif self._cycle.response_started:
            self._head = data
        else:
            self._transport.write(data)  # 100 (Continue)

    def is_closing(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Send what was kept, and end."""
        if self._head:
            self._transport.write(self._head)
        self._transport.close()
