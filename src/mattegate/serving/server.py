"""Running the application: uvicorn with our limits, two planes in one process, and an end in good order.

Which addresses may be listened on: loopback always; others only with TLS files, with declared proxies, or with the
word ``insecure``. The admin plane stands on loopback, whatever is said.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import resource
import signal
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

import uvicorn

from mattegate.config.load import ConfigurationError, Fault
from mattegate.serving.connections import LOOPBACK, Connections, random_id
from mattegate.serving.door import TlsDoor
from mattegate.serving.protocol import HEAD_BYTES, GuardedProtocol
from mattegate.serving.tls import TlsKeeper

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from starlette.types import ASGIApp, Receive, Scope, Send

    from mattegate.config.settings import AdminSettings, NetworkSettings, ServerSettings, Settings
    from mattegate.serving.drain import Drain
    from mattegate.signing.trust import Trust

BACKLOG: Final = 2_048
KEEP_ALIVE_S: Final = 75
GLANCE_S: Final = 0.05
MOST_CONNECTIONS: Final = 4_096
ADMIN_CONNECTIONS: Final = 32
FILES_PER_CONNECTION: Final = 6
"""The socket, two images of a request, each with its mapping, and the answer."""
FILES_ASIDE: Final = 48
"""For the process itself and its workers."""
LAST_BYTES_S: Final = 10
"""How long answers that are being sent may go on once the engine is drained."""

_THREE_WAYS: Final = (
    "can be reached from other machines, over connections that nothing encrypts; either give server.tls_certificate "
    "and server.tls_key, or declare the proxy in front in network.trusted_proxies, or say that it is meant with "
    "server.insecure (--insecure)"
)


class Drained(Protocol):
    """An ASGI application that can be told of its end."""

    @property
    def drain(self) -> Drain:
        """Knows what is in hand."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or the lifespan."""


@dataclass(slots=True)
class Vitals:
    """What the server knows of itself while it runs, for metrics and the admin plane."""

    refused_before_asgi: Counter[str] = field(default_factory=Counter)
    """How often a connection was refused without a request having reached the application, by reason."""
    connections: Connections | None = None
    """Of the data plane; ``None`` before it listens."""
    tls: TlsKeeper | None = None


def bind(server: ServerSettings, network: NetworkSettings) -> socket.socket:
    """Take the data plane's address and listen; port 0 takes a free one.

    Raises :class:`ConfigurationError` for an address that other machines can reach without TLS, declared proxies or
    ``insecure``, and for one that cannot be had.
    """
    family, address = _resolve("server", server.host, server.port)
    guarded = server.tls_certificate is not None or bool(network.trusted_proxies) or server.insecure
    if not guarded and not _is_loopback(address):
        raise _fault("server.host", f"{server.host!r} {_THREE_WAYS}")
    return _listen("server", family, address, server.port)


def bind_admin(admin: AdminSettings) -> socket.socket:
    """Take the admin plane's address and listen. Raises :class:`ConfigurationError` for all but loopback."""
    family, address = _resolve("admin", admin.host, admin.port)
    if not _is_loopback(address):
        raise _fault("admin.host", f"{admin.host!r} is not a loopback address; reach it through ssh -L instead")
    return _listen("admin", family, address, admin.port)


def serve(
    app: Drained,
    settings: Settings,
    *,
    admin: ASGIApp | None = None,
    vitals: Vitals | None = None,
    trust: Callable[[], Trust] | None = None,
    new_id: Callable[[str], str] = random_id,
    on_admin: Callable[[str], None] = lambda _: None,
    on_bound: Callable[[str], None] = lambda _: None,
    on_ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve until SIGTERM or SIGINT, then drain; blocks.

    Each is told a base URL once: ``on_admin`` the admin plane's and ``on_bound`` the data plane's when the addresses
    are taken, ``on_ready`` the data plane's when all listen and ``/ready`` answers 200. ``vitals`` is kept up to date.
    With ``trust`` clients are asked for a certificate. ``new_id`` makes the id of what never reaches the application
    from the reason that it is refused for.

    Raises :class:`ConfigurationError` as :func:`bind` and :class:`~mattegate.serving.tls.TlsKeeper` do.
    """
    vitals = Vitals() if vitals is None else vitals
    make = partial(Connections, refused=vitals.refused_before_asgi, new_id=new_id)
    listener, admin_listener = _prepare(settings, vitals, trust, make, admin=admin is not None)
    assert vitals.connections is not None
    config = _config(app, settings.server, vitals.connections, lifespan="on")
    url = _base_url(listener, "https" if vitals.tls else "http") + settings.server.prefix
    server = _Server(config, app.drain, lambda: on_ready(url))
    if vitals.tls:
        server.lead_through(vitals.tls, listener, vitals.connections, patience_s=settings.server.head_s)
    if admin is not None and admin_listener is not None:
        few = _config(admin, settings.server, make(room=ADMIN_CONNECTIONS), lifespan="auto")
        server.stand_beside(few, admin_listener)
        on_admin(_base_url(admin_listener, "http"))
    on_bound(url)
    server.run(sockets=[listener])


def _prepare(
    settings: Settings,
    vitals: Vitals,
    trust: Callable[[], Trust] | None,
    make: Callable[..., Connections],
    *,
    admin: bool,
) -> tuple[socket.socket, socket.socket | None]:
    """Certificate and addresses; every fault is told at once, and what was taken is then given back."""
    faults: list[Fault] = []
    taken: list[socket.socket] = []
    with _collecting(faults):
        vitals.tls = TlsKeeper.of(settings.server, trust)
    with _collecting(faults):
        vitals.connections = _connections(settings.network, make)
    with _collecting(faults):
        taken.append(bind(settings.server, settings.network))
    if admin:
        with _collecting(faults):
            taken.append(bind_admin(settings.admin))
    if faults:
        for listener in taken:
            listener.close()
        raise ConfigurationError(faults)
    return taken[0], taken[1] if admin else None


@contextmanager
def _collecting(faults: list[Fault]) -> Iterator[None]:
    try:
        yield
    except ConfigurationError as error:
        faults += error.faults


def _connections(network: NetworkSettings, make: Callable[..., Connections]) -> Connections:
    try:
        return make(room=_room(), exempt=(*LOOPBACK, *network.trusted_proxies))
    except ValueError as error:
        raise _fault("network.trusted_proxies", str(error)) from None


def _config(app: Any, settings: ServerSettings, connections: Connections, *, lifespan: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=partial(GuardedProtocol, settings=settings, connections=connections),  # type: ignore[arg-type]  # uvicorn only ever calls it
        ws="none",
        loop="uvloop",
        lifespan=lifespan,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=HEAD_BYTES,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=LAST_BYTES_S,
    )


class _Beside(uvicorn.Server):
    """A server in the loop of another one, which takes the signals and tells it when to end."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take none."""
        yield


class _Server(uvicorn.Server):
    """uvicorn's server, which keeps listening while it drains, so that ``/ready`` can say so."""

    def __init__(self, config: uvicorn.Config, drain: Drain, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._drain = drain
        self._on_ready = on_ready
        self._make_door: Callable[[], TlsDoor] | None = None
        self._beside: tuple[_Beside, socket.socket] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def lead_through(
        self, keeper: TlsKeeper, listener: socket.socket, connections: Connections, *, patience_s: float
    ) -> None:
        """Accept connections through a door for TLS."""
        self._make_door = partial(TlsDoor, listener, keeper, self._protocol, connections, patience_s=patience_s)

    def stand_beside(self, config: uvicorn.Config, listener: socket.socket) -> None:
        """Serve another application on ``listener`` as long as this one is served."""
        self._beside = _Beside(config), listener

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen; the news that the engine is warm follows when it is."""
        await super().startup([] if self._make_door else sockets)
        if self._make_door:
            door = self._make_door()
            door.open()
            self.servers.append(door)  # type: ignore[arg-type]  # uvicorn closes it, and waits for that
        if self._beside:
            beside, listener = self._beside
            self._tasks.append(asyncio.create_task(beside.serve(sockets=[listener])))
        self._tasks.append(asyncio.create_task(self._announce()))

    async def _announce(self) -> None:
        while not (self._drain.engine.status().ready and (self._beside is None or self._beside[0].started)):
            await asyncio.sleep(GLANCE_S)
        self._on_ready()

    def _protocol(self, *, misplaced: bool) -> asyncio.Protocol:
        make: Any = self.config.http_protocol_class
        state = {"config": self.config, "server_state": self.server_state, "app_state": self.lifespan.state}
        protocol: asyncio.Protocol = make(**state, seated=True, misplaced=misplaced)
        return protocol

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin the end; a second SIGINT does not wait. The signal is not raised again: a drained stop is a success."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self._drain.begin()
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what is in hand, then close; the admin plane goes last, so that it can be asked how it goes."""
        *beside, herald = self._tasks
        herald.cancel()
        await self._drain.finish()
        await super().shutdown(sockets)
        if self._beside:
            self._beside[0].should_exit, self._beside[0].force_exit = True, self.force_exit
        await asyncio.gather(*beside)


def _resolve(part: str, host: str, port: int) -> tuple[socket.AddressFamily, str]:
    """The address to bind: the first that the name has, or the first that others can reach if there is one."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise _fault(f"{part}.host", f"{host!r} is not an address of this machine: {error.strerror}") from None
    addresses = [(entry[0], str(entry[4][0])) for entry in found]
    return next((entry for entry in addresses if not _is_loopback(entry[1])), addresses[0])


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address).is_loopback


def _listen(part: str, family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
        listener.listen(BACKLOG)  # who connects before the engine has started waits, and is not turned away
    except OSError as error:
        listener.close()
        setting = f"{part}.{'host' if error.errno == errno.EADDRNOTAVAIL else 'port'}"
        problem = f"cannot listen on {address} port {port}: {error.strerror}"
        raise _fault(setting, problem, _another(setting, error.errno)) from None
    return listener


def _another(setting: str, number: int | None) -> str:
    """What to write instead of an address that cannot be listened on."""
    if number == errno.EADDRNOTAVAIL:
        return f"give {setting} an address of this machine"
    flag = {"server.port": "--port", "admin.port": "--admin-port"}.get(setting, setting)
    if number == errno.EADDRINUSE:
        return f"another program has it, as 'ss -ltnp' shows; stop that, or choose another with {flag}"
    return f"choose another with {flag}; ports below 1024 need a privilege"


def _room() -> int:
    """For how many connections the open files of this process suffice, once it has taken all that it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = soft if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return max(1, min(MOST_CONNECTIONS, (most - FILES_ASIDE) // FILES_PER_CONNECTION))


def _fault(setting: str, problem: str, fix: str = "") -> ConfigurationError:
    return ConfigurationError([Fault(setting, "serve", problem, fix=fix)])


def _base_url(listener: socket.socket, scheme: str) -> str:
    """Where to call it from this machine; an address that stands for all of them is called by loopback."""
    address, port = listener.getsockname()[:2]
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104 - not bound here
    return f"{scheme}://[{address}]:{port}" if ":" in address else f"{scheme}://{address}:{port}"
