"""The door of a port for TLS: who connects is counted, looked at and led through the handshake, in a given time.

The first byte tells TLS from plain HTTP, and it is read without being taken (``MSG_PEEK``): so a caller who wrote
``http://`` is answered in words, and only real handshakes reach the TLS library.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Coroutine
from typing import Any, Final, Protocol

from mattegate.serving.connections import Connections, unmapped
from mattegate.serving.tls import TlsKeeper
from mattegate.vocabulary.refusal import Refusal

BREATHER_S: Final = 1.0
"""How long nobody is let in when the machine has no files or memory left."""
GOODBYE_S: Final = 5.0
"""How long a caller may take to end TLS in good order."""

_LOG: Final = logging.getLogger("mattegate.tls")


class MakeProtocol(Protocol):
    """Makes the protocol of a connection that was counted already."""

    def __call__(self, *, misplaced: bool) -> asyncio.Protocol:
        """``misplaced``: it speaks plain HTTP."""


class TlsDoor:
    """Accepts connections and hands them to protocols; has the two methods of a server that uvicorn calls."""

    def __init__(
        self,
        listener: socket.socket,
        keeper: TlsKeeper,
        make_protocol: MakeProtocol,
        connections: Connections,
        *,
        patience_s: float,
    ) -> None:
        self._listener = listener
        self._keeper = keeper
        self._make_protocol = make_protocol
        self._connections = connections
        self._patience_s = patience_s
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Begin to accept, and to watch the certificate's files; needs a running loop."""
        self._listener.setblocking(False)
        self._spawn(self._accept())
        self._spawn(self._keeper.watch())

    def close(self) -> None:
        """Accept nobody any more, and give up handshakes that are going on."""
        for task in self._tasks:
            task.cancel()

    async def wait_closed(self) -> None:
        """Until all of that has ended."""
        await asyncio.gather(*self._tasks, return_exceptions=True)  # cancelled ones, which interest nobody

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                visitor, _ = await loop.sock_accept(self._listener)
            except ConnectionError:
                continue  # who left before being let in
            except OSError as error:
                _LOG.warning("no connection is accepted for %g s: %s", BREATHER_S, error.strerror)
                await asyncio.sleep(BREATHER_S)
                continue
            self._spawn(self._receive(visitor))

    async def _receive(self, visitor: socket.socket) -> None:
        """Count one visitor, wait for the first byte, and lead those in who say something."""
        try:
            address = unmapped(str(visitor.getpeername()[0]))
        except OSError:
            visitor.close()
            return
        full = self._connections.enter(address)
        first = b"" if full else await self._first_byte(visitor)
        if first:
            await self._lead_in(visitor, address, misplaced=_is_text(first))
            return
        if full:
            self._connections.note(full, address)
        self._connections.leave(address)
        visitor.close()

    async def _first_byte(self, visitor: socket.socket) -> bytes:
        """What the visitor says first, still unread; nothing where that takes too long or never comes."""
        loop, heard = asyncio.get_running_loop(), asyncio.Event()
        visitor.setblocking(False)
        loop.add_reader(visitor, heard.set)
        try:
            await asyncio.wait_for(heard.wait(), self._patience_s)
            return visitor.recv(1, socket.MSG_PEEK)
        except OSError:  # too late (TimeoutError), or gone
            return b""
        finally:
            loop.remove_reader(visitor)

    async def _lead_in(self, visitor: socket.socket, address: str, *, misplaced: bool) -> None:
        """From here on the socket belongs to the transport. Who does not come through leaves the count again."""
        protocol = self._make_protocol(misplaced=misplaced)
        handshake: dict[str, Any] = {
            "ssl": self._keeper.context,
            "ssl_handshake_timeout": self._patience_s,
            "ssl_shutdown_timeout": GOODBYE_S,
        }
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(lambda: protocol, visitor, **({} if misplaced else handshake))
        except OSError as error:
            refusal = _certificate_refusal(error) or Refusal("transport.handshake", problem=self._problem(error))
            self._connections.note(refusal, address)
            self._connections.leave(address)

    def _problem(self, error: OSError) -> str:
        if isinstance(error, ssl.SSLError):
            return (error.reason or str(error)).lower().replace("_", " ")
        if isinstance(error, ConnectionAbortedError):
            return f"it did not finish within {self._patience_s:g} s"
        return error.strerror or str(error) or "the caller left in the middle"


_BY_CODE: Final = {
    9: "transport.client_cert_not_yet",
    10: "transport.client_cert_expired",
    26: "transport.client_cert_usage",
}
"""What OpenSSL's verification says (X509_V_ERR_*), where that is more than that nobody is trusted."""


def _certificate_refusal(error: OSError) -> Refusal | None:
    """The reason that a client's certificate gave, if one did; what stood in it is lost with the handshake."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return None
    code = _BY_CODE.get(error.verify_code, "transport.client_cert_untrusted")
    ended = "(lost with the handshake)"
    return Refusal(code, subject=ended, problem=error.verify_message, until=ended, since=ended)


def _is_text(first: bytes) -> bool:
    """Whether this begins a line of HTTP; TLS begins with 0x16 (RFC 8446, section 5.1)."""
    return first.isalpha() or first in {b"\r", b"\n"}
