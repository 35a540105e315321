"""What outgoing requests meet in tests: web servers that say any bytes, listeners that nobody may reach, a name server.

Everything is on loopback. ``127.0.0.77`` plays the public internet, because rules of a test can allow that one address
by name; every other loopback address is inner.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mattegate.outbound.guard_rules import OutboundRules

OUTSIDE = "127.0.0.77"
"""Plays the public internet."""
INSIDE = ("127.0.0.1", "127.0.0.2", "127.127.127.127", "::1")

Script = Callable[["Upstream", bytes, asyncio.StreamWriter], Awaitable[None]]
"""Answers one request, given as it came."""


def rules(*ports: int, networks: Sequence[str] = (f"{OUTSIDE}/32",), **bounds: Any) -> OutboundRules:
    """Rules under which ``OUTSIDE`` is public, and ``ports`` are usual."""
    allowed = tuple(map(ip_network, networks))
    return OutboundRules(allow_networks=allowed, ports=frozenset({80, 443, *ports}), **bounds)


@dataclass
class Upstream:
    """A server and what it was asked."""

    host: str = OUTSIDE
    port: int = 0
    tls: bool = False
    requests: list[bytes] = field(default_factory=list)
    open: int = 0
    """Connections that are there now."""
    met: int = 0
    """Connections that were ever made."""

    def url(self, path: str = "/", *, host: str = "") -> str:
        """An address of it, under another name if wanted."""
        return f"{'https' if self.tls else 'http'}://{host or self.host}:{self.port}{path}"


def reply(body: bytes = b"fine", *, status: str = "200 OK", headers: Sequence[str] = ()) -> bytes:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def redirect(location: str, status: str = "302 Found") -> bytes:
    """An answer that leads elsewhere."""
    return reply(b"", status=status, headers=[f"Location: {location}"])


def says(*answers: bytes) -> Script:
    """One answer after the other; the last one again and again."""

    async def script(server: Upstream, _request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answers[min(len(server.requests), len(answers)) - 1])
        await writer.drain()

    return script


def routes(table: dict[str, bytes]) -> Script:
    """An answer for each path, 404 for others."""

    async def script(_server: Upstream, request: bytes, writer: asyncio.StreamWriter) -> None:
        path = request.split(b" ", 2)[1].decode()
        writer.write(table.get(path) or reply(b"", status="404 Not Found"))
        await writer.drain()

    return script


@asynccontextmanager
async def upstream(
    script: Script, *, host: str = OUTSIDE, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Upstream]:
    """A server on a free port, for as long as the block lasts."""
    server = Upstream(host, tls=tls is not None)
    talks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.open += 1
        server.met += 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
                request = await _request(reader)
                server.requests.append(request)
                await script(server, request, writer)
        finally:
            server.open -= 1
            writer.close()

    def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(talk(reader, writer))
        talks.add(task)
        task.add_done_callback(talks.discard)

    listening = await asyncio.start_server(meet, host, 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return head + (await reader.readexactly(int(lengths[0].partition(b":")[2])) if lengths else b"")


@dataclass
class Inside:
    """Listeners on inner addresses, all on one port, that nobody may reach."""

    sockets: list[socket.socket]
    port: int

    def hits(self) -> int:
        """How many connections were made to any of them."""
        return sum(self._taken(one) for one in self.sockets)

    def _taken(self, listener: socket.socket) -> int:
        taken = 0
        with suppress(BlockingIOError):
            while True:
                listener.accept()[0].close()
                taken += 1
        return taken


@contextmanager
def inside() -> Iterator[Inside]:
    """Inner listeners, for as long as the block lasts."""
    listeners = _on_one_port()
    try:
        yield Inside(listeners, listeners[0].getsockname()[1])
    finally:
        for one in listeners:
            one.close()


def _on_one_port() -> list[socket.socket]:
    """A listener on each inner address; another port is taken where somebody has the first on one of them."""
    while True:
        listeners = [_listener(INSIDE[0], 0)]
        try:
            for host in INSIDE[1:]:
                listeners.append(_listener(host, listeners[0].getsockname()[1]))
        except OSError:
            for one in listeners:
                one.close()
        else:
            return listeners


def _listener(host: str, port: int) -> socket.socket:
    made = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    made.setblocking(False)
    return made


class Names:
    """A resolver that knows a few names, and says how often it was asked."""

    def __init__(self, known: Mapping[str, Sequence[str]] | None = None, *, anything: Sequence[str] = ()) -> None:
        self._known, self._anything = known or {}, anything
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[str]:
        """What it knows."""
        self.asked.append(host)
        if found := self._known.get(host, self._anything):
            return found
        raise OSError("no such name")


class NameServer(asyncio.DatagramProtocol):
    """A DNS server (RFC 1035) that answers each question of a name with the next of its lists of addresses."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = answers
        self.rounds = 0
        """How often addresses of version 4 were asked for."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it to answer by."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """One question, one answer."""
        kind = struct.unpack("!H", data[-4:-2])[0]
        addresses = [ip_address(text) for text in self._answers[min(self.rounds, len(self._answers) - 1)]]
        mine = [one.packed for one in addresses if (one.version == 4) == (kind == 1)]
        records = [b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 0, len(packed)) + packed for packed in mine]
        head = data[:2] + struct.pack("!HHHHH", 0x8180, 1, len(records), 0, 0)
        self._transport.sendto(head + data[12:] + b"".join(records), addr)
        self.rounds += kind == 28  # AAAA comes second


@asynccontextmanager
async def name_server(*answers: Sequence[str]) -> AsyncIterator[tuple[NameServer, DnsResolver]]:
    """The server on a free port, and a resolver that asks it."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(lambda: NameServer(*answers), ("127.0.0.1", 0))
    try:
        yield server, DnsResolver(transport.get_extra_info("sockname")[1])
    finally:
        transport.close()


class DnsResolver:
    """Asks a name server on loopback for A and then for AAAA, with no cache."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __call__(self, host: str) -> Sequence[str]:
        """Both, in this order."""
        return [*await self._ask(host, 1), *await self._ask(host, 28)]

    async def _ask(self, host: str, kind: int) -> list[str]:
        loop = asyncio.get_running_loop()
        labels = b"".join(bytes([len(label)]) + label.encode() for label in host.split("."))
        question = (
            b"\x12\x34" + struct.pack("!HHHHH", 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1)
        )
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.setblocking(False)
            await loop.sock_connect(asking, ("127.0.0.1", self._port))
            await loop.sock_sendall(asking, question)
            answer = await loop.sock_recv(asking, 4096)
        width = 4 if kind == 1 else 16
        records = answer[len(question) :]
        return [
            str(ip_address(records[at + 12 : at + 12 + width])) for at in range(0, len(records), 12 + width)
        ]  # fmt: skip


class Authority:
    """A certificate authority that nobody but a test trusts."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test's authority")])
        self._certificate = self._signed(self._name, self._key.public_key(), authority=True)

    def trusting(self) -> ssl.SSLContext:
        """A client's context that trusts this authority alone."""
        pem = self._certificate.public_bytes(serialization.Encoding.PEM).decode()
        return ssl.create_default_context(cadata=pem)

    def serving(self, name: str, *, days: int = 1) -> ssl.SSLContext:
        """A server's context with a certificate for ``name``, which has expired where ``days`` is below 0."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._signed(subject, key.public_key(), names=(name,), days=days)
        file = self._folder / f"{name}.pem"
        file.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, names: Sequence[str] = (), days: int = 1,
        authority: bool = False,
    ) -> x509.Certificate:  # fmt: skip
        now = dt.datetime.now(dt.UTC)
        alternatives = [_alternative(name) for name in names]
        draft = (
            x509.CertificateBuilder(self._name, subject, key, x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=9))
            .not_valid_after(now + dt.timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if alternatives:
            draft = draft.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        return draft.sign(self._key, hashes.SHA256())


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def open_files() -> int:
    """How many files and sockets this process holds."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only the count is wanted
