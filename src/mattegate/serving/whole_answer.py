"""One write for an answer of one piece: uvicorn writes head and body apart, and each wakes the reader.

Rule of this file: only the head is kept back, and only until the first piece of the body follows. So it is for answers
that have a body, and for applications that say the head when they have something to send.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

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

    def at_once(self, status: int, spelled: bytes) -> bool:
        """Send a whole answer whose headers and body are ``spelled``; whether that was possible.

        It is not where this answer is the last one of its connection, which has to be said in a header, and where the
        caller has left or must be waited for.
        """
        cycle = self._cycle
        if not cycle.keep_alive or cycle.disconnected or cycle.response_started or cycle.flow.write_paused:
            return False
        added = [b"%b: %b\r\n" % header for header in cycle.default_headers]
        cycle.transport = self._transport
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        self._transport.writelines((STATUS_LINE[status], *added, spelled))
        cycle.message_event.set()
        cycle.on_response()
        return True

    def is_closing(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Send what was kept, and end."""
        if self._head:
            self._transport.write(self._head)
        self._transport.close()
