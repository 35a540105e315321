"""One HTTP/1.1 request and its answer over one connection, with every bound that a stranger at the other end needs.

Rules of this file: one request a connection, so that nothing after the answer is ever read as another; no content
coding is asked for, and none is undone; the head and the framing of the body are bounded in bytes, and every wait in
time. Parsing is h11's.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import h11

from mattegate.outbound.blocked import Blocked, Cause
from mattegate.outbound.connection import Stream
from mattegate.outbound.guard_url import Target

MAX_HEAD: Final = 32 * 1024
"""Bytes of a status line and headers, those of interim answers (1xx) counted in."""
_PIECE: Final = 64 * 1024
_FRAMING: Final = 64 * 1024
"""Bytes of chunk sizes and trailers that a body may need beyond twice its own."""

Headers = tuple[tuple[str, str], ...]
"""Names in lower case and values, in order."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent."""

    method: str
    target: Target
    headers: Headers = ()
    """Beside ``host``, ``accept-encoding``, ``connection`` and ``content-length``, which are set here."""
    body: bytes = b""

    def encode(self, machine: h11.Connection) -> bytes:
        """The request as bytes. Raises ``ValueError`` for headers that cannot be sent."""
        length = (("content-length", str(len(self.body))),) if self.body or self.method != "GET" else ()
        framing = (("host", self.target.authority), ("accept-encoding", "identity"), ("connection", "close"), *length)
        try:
            head = machine.send(
                h11.Request(method=self.method, target=self.target.path, headers=[*framing, *self.headers])
            )
            return (head or b"") + (machine.send(h11.Data(data=self.body)) or b"") + _ended(machine)
        except h11.LocalProtocolError as error:
            raise ValueError("a header of a request of ours cannot be sent") from error


def _ended(machine: h11.Connection) -> bytes:
    return machine.send(h11.EndOfMessage()) or b""


class Answer:
    """A status, headers, and a body that is still coming."""

    def __init__(self, wire: Wire, head: h11.Response) -> None:
        self._wire = wire
        self.status: int = head.status_code
        self.headers: Headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers)

    def header(self, name: str) -> str:
        """The values of the header ``name`` (lower case), joined by commas (RFC 9110, section 5.3); empty: none."""
        return ", ".join(value for given, value in self.headers if given == name)

    async def read(self, max_bytes: int) -> bytes:
        """The whole body. Raises :class:`~mattegate.outbound.blocked.Blocked`; a compressed one is not taken."""
        if (coding := self.header("content-encoding").strip().lower()) not in {"", "identity"}:
            raise self._wire.blocked(Cause.ENCODING, f"answers with content coding {coding[:40]!a}, unasked")
        declared = self.header("content-length")
        if declared.isdecimal() and int(declared[:20]) > max_bytes:
            raise self._too_large(max_bytes)
        pieces, size = [], 0
        async for piece in self.pieces(most_on_wire=2 * max_bytes + _FRAMING):
            size += len(piece)
            if size > max_bytes:
                raise self._too_large(max_bytes)
            pieces.append(piece)
        return b"".join(pieces)

    async def pieces(self, *, most_on_wire: int) -> AsyncIterator[bytes]:
        """The body as it comes, raw, and no more than ``most_on_wire`` bytes with its framing."""
        self._wire.allow(most_on_wire)
        while isinstance(event := await self._wire.event(), h11.Data):
            yield bytes(event.data)

    def _too_large(self, limit: int) -> Blocked:
        return self._wire.blocked(Cause.TOO_LARGE, f"answers with more than {limit} bytes", limit=limit)


class Wire:
    """Bytes from a connection to events of HTTP."""

    def __init__(self, stream: Stream, host: str, *, stall_s: float) -> None:
        self._reader, self._writer = stream
        self._host, self._stall_s = host, stall_s
        self._machine = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        self._room = MAX_HEAD

    def blocked(self, cause: Cause, problem: str, **facts: int) -> Blocked:
        """The refusal of an answer."""
        return Blocked(cause, f"{self._host} {problem}", host=self._host, **facts)

    def allow(self, room: int) -> None:
        """From here on, ``room`` bytes may come."""
        self._room = room

    async def ask(self, request: Request) -> Answer:
        """Send ``request`` and wait for the head of its answer."""
        self._writer.write(request.encode(self._machine))
        with self._typed():
            async with asyncio.timeout(self._stall_s):
                await self._writer.drain()
        while not isinstance(event := await self.event(), h11.Response):
            if not isinstance(event, h11.InformationalResponse):
                raise self.blocked(Cause.PROTOCOL, "answers with what is no HTTP answer")
        return Answer(self, event)

    async def event(self) -> object:
        """The next event of h11's. Raises :class:`~mattegate.outbound.blocked.Blocked`."""
        with self._typed():
            while (event := self._machine.next_event()) is h11.NEED_DATA:
                self._machine.receive_data(await self._received())
        return event

    async def _received(self) -> bytes:
        if self._room <= 0:
            raise self.blocked(Cause.TOO_LARGE, "answers with more head or framing than an answer needs")
        async with asyncio.timeout(self._stall_s):
            data = await self._reader.read(min(self._room, _PIECE))
        self._room -= len(data)
        return data

    @contextmanager
    def _typed(self) -> Iterator[None]:
        try:
            yield
        except h11.RemoteProtocolError as error:
            raise self.blocked(Cause.PROTOCOL, f"answers with what is no HTTP/1.1 ({str(error)[:120]})") from error
        except TimeoutError:
            raise self.blocked(Cause.TIMEOUT, f"says nothing for {self._stall_s:g} s") from None
        except ssl.SSLError as error:
            raise self.blocked(Cause.TLS, f"breaks TLS ({error.reason})") from error
        except OSError as error:
            raise self.blocked(Cause.CONNECT, f"breaks off ({type(error).__name__})") from error
