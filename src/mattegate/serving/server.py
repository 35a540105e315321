"""Running the application: uvicorn with our limits, on the loopback interface, with an end in good order."""

from __future__ import annotations

import asyncio
import ipaddress
import resource
import signal
import socket
from functools import partial
from typing import TYPE_CHECKING, Final

import uvicorn

from mattegate.config.load import ConfigurationError, Fault
from mattegate.serving.protocol import HEAD_BYTES, GuardedProtocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from fastapi import FastAPI

    from mattegate.config.settings import ServerSettings
    from mattegate.serving.drain import Drain

BACKLOG: Final = 2_048
KEEP_ALIVE_S: Final = 75
GLANCE_S: Final = 0.05
MOST_CONNECTIONS: Final = 4_096
FILES_PER_CONNECTION: Final = 6
"""The socket, two images of a request, each with its mapping, and the answer."""
FILES_ASIDE: Final = 48
"""For the process itself and its workers."""
LAST_BYTES_S: Final = 10
"""How long answers that are being sent may go on once the engine is drained."""


def bind(settings: ServerSettings) -> socket.socket:
    """Take the address and listen; port 0 takes a free one.

    Raises :class:`ConfigurationError` for an address that other machines can reach, and for one that cannot be had.
    """
    family, address = _loopback(settings)
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, settings.port))
        listener.listen(BACKLOG)  # who connects before the engine has started waits, and is not turned away
    except OSError as error:
        listener.close()
        raise _fault("server.port", f"cannot listen on {address} port {settings.port}: {error.strerror}") from None
    return listener


def serve(
    app: FastAPI,
    settings: ServerSettings,
    *,
    on_bound: Callable[[str], None] = lambda _: None,
    on_ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve until SIGTERM or SIGINT, then drain; blocks.

    Each is told the base URL once: ``on_bound`` when the address is taken, ``on_ready`` when ``/ready`` answers 200.

    Raises :class:`ConfigurationError` as :func:`bind` does.
    """
    listener = bind(settings)
    url = _base_url(listener) + settings.prefix
    on_bound(url)
    config = uvicorn.Config(
        app,
        http=partial(GuardedProtocol, settings=settings, room=_room()),  # type: ignore[arg-type]  # uvicorn only ever calls it
        ws="none",
        loop="uvloop",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=HEAD_BYTES,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=LAST_BYTES_S,
    )
    _Server(config, app.state.drain, lambda: on_ready(url)).run(sockets=[listener])


class _Server(uvicorn.Server):
    """uvicorn's server, which keeps listening while it drains, so that ``/ready`` can say so."""

    def __init__(self, config: uvicorn.Config, drain: Drain, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._drain = drain
        self._on_ready = on_ready
        self._herald: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen; the news that the engine is warm follows when it is."""
        await super().startup(sockets)
        self._herald = asyncio.create_task(self._announce())

    async def _announce(self) -> None:
        while not self._drain.engine.status().ready:
            await asyncio.sleep(GLANCE_S)
        self._on_ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin the end; a second SIGINT does not wait. The signal is not raised again: a drained stop is a success."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self._drain.begin()
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what is in hand, then close."""
        if self._herald is not None:
            self._herald.cancel()
        await self._drain.finish()
        await super().shutdown(sockets)


def _loopback(settings: ServerSettings) -> tuple[socket.AddressFamily, str]:
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise _fault("server.host", f"{settings.host!r} is not an address of this machine: {error.strerror}") from None
    addresses = [str(entry[4][0]) for entry in found]
    if not all(ipaddress.ip_address(address).is_loopback for address in addresses):
        raise _fault(
            "server.host",
            f"{settings.host!r} can be reached from other machines, and nothing checks yet who is asking; "
            "use 127.0.0.1 and put a server that asks for credentials in front",
        )
    return found[0][0], addresses[0]


def _room() -> int:
    """For how many connections the open files of this process suffice, once it has taken all that it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = soft if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return max(1, min(MOST_CONNECTIONS, (most - FILES_ASIDE) // FILES_PER_CONNECTION))


def _fault(setting: str, problem: str) -> ConfigurationError:
    return ConfigurationError([Fault(setting, "serve", problem)])


def _base_url(listener: socket.socket) -> str:
    address, port = listener.getsockname()[:2]
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
