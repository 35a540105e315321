"""A socket with one deadline for all it does: what :mod:`~mattegate.doctor.probe.exchange` reads and writes with."""

from __future__ import annotations

import selectors
import socket
import ssl
import time
from typing import Final

_CHUNK: Final = 65_536


class Wire:
    """A connected socket, plain or TLS. Everything raises :class:`OSError`: :class:`TimeoutError` past the deadline."""

    def __init__(self, sock: socket.socket, seconds: float) -> None:
        self._socket = sock
        self._deadline = time.monotonic() + seconds
        sock.setblocking(False)

    def send(self, data: memoryview) -> int:
        """Send some of it; how much."""
        while True:
            try:
                return self._socket.send(data[:_CHUNK])
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError) as wait:
                self._wait(wait, writing=True)

    def receive(self) -> bytes:
        """Whatever comes next; nothing at the end."""
        while True:
            try:
                return self._received()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError) as wait:
                self._wait(wait, writing=False)

    def look(self) -> bytes | None:
        """What has already come, without waiting; ``None`` where nothing has."""
        try:
            return self._received()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            return None

    def wait_for_answer(self, seconds: float) -> bytes | None:
        """What comes within so many seconds; ``None`` where nothing does."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if (early := self.look()) is not None:
                return early
            self._ready(selectors.EVENT_READ, min(left, 0.1))
        return None

    def _received(self) -> bytes:
        try:
            return self._socket.recv(_CHUNK)
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""  # closed, with or without saying so: what came before it tells whether that was too early

    def _wait(self, reason: OSError, *, writing: bool) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        to_write = isinstance(reason, ssl.SSLWantWriteError) or (writing and isinstance(reason, BlockingIOError))
        self._ready(selectors.EVENT_WRITE if to_write else selectors.EVENT_READ, min(left, 1.0))

    def _ready(self, event: int, seconds: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, event)
            selector.select(seconds)
