"""Real servers on loopback that receive what is sent, and misbehave on demand."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mattegate.outbound.notice import Notice, NoticeKind, notice_id

NOON = 1_780_000_000.0


def a_notice(
    *, kind: NoticeKind = NoticeKind.KEY_REMINDER, subject: str = "An old key", text: str = "Rotate it.",
    to: tuple[str, ...] = (), about: str = "key_1",
) -> Notice:  # fmt: skip
    """A notice whose other fields do not matter."""
    return Notice(kind, subject, text, NOON, notice_id(kind, about), about, {"key": about, "days": 91}, to)


@dataclass
class Received:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


Answer = Callable[[BaseHTTPRequestHandler, int], None]
"""Writes the answer to the request of that number, from 0."""


def status(code: int, **headers: str) -> Answer:
    """Answers ``code`` with an empty body."""

    def answer(handler: BaseHTTPRequestHandler, _number: int) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def statuses(*codes: int) -> Answer:
    """Answers one code after the other."""
    return lambda handler, number: status(codes[number])(handler, number)


@dataclass
class Receiver:
    """A web server that keeps what it was sent."""

    url: str
    received: list[Received] = field(default_factory=list)
    sent_bytes: int = 0
    """Written by answers that keep count."""
    over: threading.Event = field(default_factory=threading.Event)
    """Set at the end, so that slow answers need not finish."""


@contextmanager
def receiver(answer: Answer | None = None) -> Iterator[Receiver]:
    """A web server on a free port, for as long as the block lasts."""
    answers = answer or status(204)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            server.received.append(Received(self.path, headers, body))
            with suppress(ConnectionError):  # the caller may have seen enough
                answers(self, len(server.received) - 1)

        do_GET = do_POST  # noqa: N815 - a followed redirect would come as GET

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    server = Receiver(f"http://127.0.0.1:{httpd.server_address[1]}/hooks/very-secret-path")
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        httpd.shutdown()
        httpd.server_close()
        thread.join()


@dataclass
class Post:
    """One mail as an SMTP server took it."""

    sender: str
    recipients: list[str]
    data: bytes
    encrypted: bool


@dataclass
class MailServer:
    """A small SMTP server (RFC 5321) with STARTTLS where it has a certificate."""

    replies: dict[str, str] = field(default_factory=dict)
    """What to answer to a verb instead of the usual: ``{"RCPT": "550 no"}``; an empty text: cut the connection."""
    tls: ssl.SSLContext | None = None
    banner: bytes | None = b"220 test ESMTP\r\n"
    """``None``: drip a greeting that never ends."""
    taken: list[Post] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    port: int = 0

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                if self.banner is None:
                    await self._drip(writer)
                else:
                    writer.write(self.banner)
                    await self._talk(reader, writer)
        finally:
            writer.close()
            with suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    async def _drip(self, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(b"220-wait\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        post = Post("", [], b"", encrypted=False)
        while line := (await reader.readline()).decode("latin-1"):
            self.commands.append(line.rstrip("\r\n"))
            verb, _, rest = line.strip().partition(" ")
            reply = self.replies.get(verb.upper())
            if reply is not None:
                if not reply:
                    return
                writer.write(reply.encode() + b"\r\n")
                continue
            if verb.upper() == "QUIT":
                writer.write(b"221 bye\r\n")
                await writer.drain()
                return
            await self._obey(verb.upper(), rest, post, reader, writer)

    async def _obey(
        self, verb: str, rest: str, post: Post, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if verb == "EHLO":
            offer = b"250-STARTTLS\r\n" if self.tls and not post.encrypted else b""
            writer.write(b"250-test\r\n" + offer + b"250 SIZE 100000\r\n")
        elif verb == "STARTTLS" and self.tls:
            writer.write(b"220 go\r\n")
            await writer.drain()
            await writer.start_tls(self.tls)
            post.encrypted = True
        elif verb == "MAIL":
            post.sender = rest[rest.index("<") + 1 : rest.index(">")]
            writer.write(b"250 ok\r\n")
        elif verb == "RCPT":
            post.recipients.append(rest[rest.index("<") + 1 : rest.index(">")])
            writer.write(b"250 ok\r\n")
        elif verb == "DATA":
            writer.write(b"354 go\r\n")
            post.data = await reader.readuntil(b"\r\n.\r\n")
            self.taken.append(Post(post.sender, list(post.recipients), post.data, post.encrypted))
            post.recipients.clear()
            writer.write(b"250 taken\r\n")
        else:
            writer.write(b"250 ok\r\n")


@contextmanager
def mail_server(server: MailServer | None = None) -> Iterator[MailServer]:
    """The server on a free port, in a thread of its own."""
    server = server or MailServer()
    ready = threading.Event()
    started: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        ending = asyncio.Event()
        listening = await asyncio.start_server(server.meet, "127.0.0.1", 0)
        server.port = listening.sockets[0].getsockname()[1]
        started.append((asyncio.get_running_loop(), ending))
        ready.set()
        await ending.wait()
        listening.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))  # which cancels what still talks
    thread.start()
    ready.wait()
    try:
        yield server
    finally:
        loop, ending = started[0]
        loop.call_soon_threadsafe(ending.set)
        thread.join()


def certificate(folder: Path, *, days: int = 2, name: str = "localhost") -> tuple[Path, Path]:
    """A certificate signed by itself, and its key; made by openssl, for ``days`` from now."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    cert, key = folder / f"{name}.crt", folder / f"{name}.key"
    names = f"subjectAltName=DNS:{name}"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", key, "-out", cert, "-days", str(days), "-subj", f"/CN={name}", "-addext", names],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key
