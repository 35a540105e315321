"""Real nginx with a stub behind it and a client in front that sends exact bytes.

Here belongs what starts, stops, sends and reads; what is asked and what is expected stands in the tests. Everything
lies in one folder that the workers may enter; nginx and the stubs listen on loopback and are stopped by their pid.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

import pytest

from mattegate.doctor.files.account import Ours, named
from mattegate.doctor.nginx.files import ThisMachine
from mattegate.doctor.nginx.request import Certificate, Request

Headers = tuple[tuple[str, str], ...]

_PAGES: Final = (
    "index.html", "a.txt", "app.js", "50x.html", "404.html", "login.html", "static/app.css", "static/img/x.png",
    "img/logo.png", "img/photo.JPG", "docs/index.html", "docs/guide.txt", "empty/.keep", "api/remove-bg",
    "v1/index.html", "admin/index.html", "secret.txt", "locked/x.txt", "health", "app.php",
)  # fmt: skip
_UNREADABLE: Final = ("secret.txt", "locked")
_NAME: Final = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*")
_READ_SECONDS: Final = 8.0
_BODY_SECONDS: Final = 0.2
"""How long a stub waits for a body: the subrequest of ``auth_request`` announces one that never comes."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request as a stub saw it."""

    method: str
    target: str
    headers: Headers
    body_bytes: int
    version: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back to the client; ``status`` is ``None`` where the connection was closed without an answer."""

    status: int | None
    headers: Headers = ()
    body: bytes = b""

    def all(self, name: str) -> list[str]:
        """The values of a header, in their order."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


class Stub:
    """An HTTP server that writes down what arrives and answers it as JSON.

    ``X-Stub-Status: 503`` in a request makes it answer that status, ``X-Stub-Origin: *`` an
    ``Access-Control-Allow-Origin`` of its own. One that is not ``obedient`` answers 200 whatever it is asked.
    """

    def __init__(self, *, obedient: bool = True) -> None:
        self.obedient = obedient
        self.arrivals: list[Arrival] = []
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(self._loop.create_server(lambda: _Reader(self), "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Do something after a while, in the stub's thread."""
        self._loop.call_later(seconds, call)

    def stop(self) -> None:
        """Close the socket and end the thread."""
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()


class _Reader(asyncio.Protocol):
    """One connection to a stub: one request, one answer."""

    def __init__(self, stub: Stub) -> None:
        self._stub = stub
        self._bytes = bytearray()
        self._transport: asyncio.Transport | None = None
        self._waits = self._taken = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._bytes += data
        head, end, body = bytes(self._bytes).partition(b"\r\n\r\n")
        if not end:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
        method, _, rest = first.partition(" ")
        target, _, version = rest.rpartition(" ")  # a decoded path may have spaces
        length = _body_length(headers, body)
        if length is not None:
            self._take(Arrival(method, target, headers, length, version))
        elif not self._waits:
            self._waits = True
            late = Arrival(method, target, headers, 0, version)
            self._stub.later(_BODY_SECONDS, lambda: self._take(late))

    def _take(self, arrival: Arrival) -> None:
        if not self._taken:
            self._taken = True
            self._stub.arrivals.append(arrival)
            self._answer(arrival)

    def _answer(self, arrival: Arrival) -> None:
        asked = {name.lower(): value for name, value in arrival.headers}
        status = int(asked.get("x-stub-status", "200")) if self._stub.obedient else 200
        body = json.dumps({"method": arrival.method, "target": arrival.target, "headers": arrival.headers}).encode()
        if status in {204, 304}:
            body = b""
        lines = [f"HTTP/1.1 {status} Stub", "Connection: close", "X-Stub: yes"]
        lines += [f"Content-Type: application/json\r\nContent-Length: {len(body)}"] if body else []
        lines += [f"Access-Control-Allow-Origin: {asked['x-stub-origin']}"] if "x-stub-origin" in asked else []
        lines += ["Location: /stub-moved"] if status in {301, 302} else []
        assert self._transport is not None
        self._transport.write("\r\n".join([*lines, "", ""]).encode() + (b"" if arrival.method == "HEAD" else body))
        self._transport.close()


def _body_length(headers: Headers, body: bytes) -> int | None:
    """How long the body is; ``None`` while it is not complete."""
    known = {name.lower(): value for name, value in headers}
    if "chunked" in known.get("transfer-encoding", ""):
        return _unchunked(body)
    declared = int(known.get("content-length", "0"))
    return declared if len(body) >= declared else None


def _unchunked(body: bytes) -> int | None:
    total = 0
    while True:
        size, end, body = body.partition(b"\r\n")
        if not end:
            return None
        length = int(size, 16)
        if length == 0:
            return total
        if len(body) < length + 2:
            return None
        total, body = total + length, body[length + 2 :]


@dataclass(frozen=True)
class Site:
    """The folder that nginx works in: pages, passwords, certificates, logs."""

    folder: Path

    @classmethod
    def laid_out(cls) -> Site:
        """A new folder which the workers can enter, with its pages and passwords."""
        site = cls(Path(tempfile.mkdtemp(prefix="nginx-rig-")))
        site.folder.chmod(0o755)
        for page in _PAGES:
            path = site.root / page
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(page)
        for name in _UNREADABLE:
            (site.root / name).chmod(0)
        (site.folder / "htpasswd").write_text("user:{PLAIN}pass\n王:{PLAIN}密码\n")
        return site

    @property
    def root(self) -> Path:
        """Where the pages lie."""
        return self.folder / "www"

    @cached_property
    def certificates(self) -> Path:
        """A folder with ``ca.pem``, ``server.pem/key``, ``valid.pem/key`` (by that CA) and ``invalid.pem/key``."""
        folder = self.folder / "certs"
        folder.mkdir()
        _make_ca(folder / "ca")
        for name in ("server", "valid"):
            _make_leaf(folder / name, issuer=folder / "ca")
        _make_ca(folder / "invalid")
        return folder

    def remove(self) -> None:
        """Take the folder away again."""
        for path in _UNREADABLE:
            (self.root / path).chmod(0o755)
        shutil.rmtree(self.folder)


def worker_files(folder: Path) -> ThisMachine:
    """The file system as nginx's worker sees it: under root the worker is ``nobody``."""
    account = named("nobody", Ours()) if os.geteuid() == 0 else None
    return ThisMachine((folder,), account)


def _openssl(*args: str | Path) -> None:
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)


def _make_ca(stem: Path) -> None:
    _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
             "-subj", f"/CN={stem.name}", "-keyout", f"{stem}.key", "-out", f"{stem}.pem")  # fmt: skip


def _make_leaf(stem: Path, *, issuer: Path) -> None:
    _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-subj", f"/CN={stem.name}", "-keyout", f"{stem}.key", "-out", f"{stem}.csr")  # fmt: skip
    _openssl("x509", "-req", "-in", f"{stem}.csr", "-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key", "-days", "30",
             "-CAcreateserial", "-out", f"{stem}.pem")  # fmt: skip


def free_ports(count: int) -> list[int]:
    """Free ports outside the range from which the kernel gives ports to clients."""
    found: list[int] = []
    for port in random.sample(range(18_000, 31_000), 200):
        with socket.socket() as v4, socket.socket(socket.AF_INET6) as v6, contextlib.suppress(OSError):
            v4.bind(("0.0.0.0", port))
            v6.bind(("::1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError("no free ports")


class NotStarted(Exception):  # noqa: N818 - nginx says why
    """nginx refused the configuration."""


@dataclass
class Rig:
    """nginx, one configuration at a time, between two stubs and any number of requests."""

    site: Site
    upstream: Stub
    auth: Stub
    ports: list[int]
    tls_port: int
    _process: subprocess.Popen[bytes] | None = None
    _contexts: dict[Certificate, ssl.SSLContext] = field(default_factory=dict)

    @property
    def fillings(self) -> dict[str, str]:
        """What stands for each placeholder."""
        ports = {"port" + str(index or ""): str(port) for index, port in enumerate(self.ports)}
        return ports | {
            "tls_port": str(self.tls_port),
            "upstream": f"127.0.0.1:{self.upstream.port}",
            "auth": f"127.0.0.1:{self.auth.port}",
            "root": str(self.site.root),
            "folder": str(self.site.folder),
            "htpasswd": str(self.site.folder / "htpasswd"),
            "socket": str(self.site.folder / "http.sock"),
            "head": self.head,
            "http_head": self.http_head,
        }

    @property
    def head(self) -> str:
        """The main context of a configuration, on one line."""
        user = "user nobody nogroup; " if os.geteuid() == 0 else ""
        log = self.site.folder / "error.log"
        pid = self.site.folder / "nginx.pid"
        return f"{user}daemon off; worker_processes 1; pid {pid}; error_log {log} info; events {{ }}"

    @property
    def http_head(self) -> str:
        """What every ``http`` block needs so that nothing is written outside the folder, on one line."""
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        return "access_log off; " + " ".join(f"{kind}_temp_path {self.site.folder / 'tmp' / kind};" for kind in kinds)

    def filled(self, text: str) -> str:
        """``text`` with its ``{{placeholders}}`` filled."""
        fillings = self.fillings
        if "{{certs}}" in text:
            fillings["certs"] = str(self.site.certificates)
        return filled(text, fillings)

    def start(self, text: str, *, others: Mapping[str, str] | None = None) -> None:
        """Run nginx with this text (already filled); ``others`` are more files, by their path in the folder."""
        self.stop()
        (self.site.folder / "tmp").mkdir(exist_ok=True)
        for name, content in (others or {}).items():
            path = self.site.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        conf = self.site.folder / "nginx.conf"
        conf.write_text(text)
        self._process = subprocess.Popen(
            ["nginx", "-p", str(self.site.folder), "-e", str(self.site.folder / "error.log"), "-c", str(conf)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self._await_pid()

    def _await_pid(self) -> None:
        """The pid file is written once every socket is open."""
        assert self._process is not None
        pid = self.site.folder / "nginx.pid"
        for _ in range(4000):
            if self._process.poll() is not None:
                assert self._process.stderr is not None
                said = self._process.stderr.read().decode(errors="replace")
                self.stop()
                raise NotStarted(said)
            if pid.exists() and pid.read_text().strip() == str(self._process.pid):
                return
            time.sleep(0.002)
        raise RuntimeError("nginx did not start")

    def stop(self) -> None:
        """End nginx, if it runs."""
        if self._process is None:
            return
        for _ in range(40):  # a signal that comes while the workers are being started may be forgotten
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.25)
                break
        assert self._process.stderr is not None
        self._process.stderr.close()
        self._process = None
        (self.site.folder / "nginx.pid").unlink(missing_ok=True)
        (self.site.folder / "http.sock").unlink(missing_ok=True)

    def send(self, request: Request) -> Reply:
        """The reply to one request; what reached a stub stands afterwards in its ``arrivals``."""
        self.upstream.arrivals.clear()
        self.auth.arrivals.clear()
        with self._connected(request) as connection:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError, ssl.SSLError):
                connection.sendall(wire(request))
            return _read_reply(connection, request.method)

    @contextlib.contextmanager
    def _connected(self, request: Request) -> Iterator[socket.socket]:
        port = request.port or self.ports[0]
        with self._plain(request.client, port) as plain:
            plain.settimeout(_READ_SECONDS)
            if not request.tls:
                yield plain
                return
            name = request.host if request.host and _NAME.fullmatch(request.host) else "localhost"
            with self._context(request.certificate).wrap_socket(plain, server_hostname=name) as encrypted:
                yield encrypted

    def _plain(self, client: str, port: int) -> socket.socket:
        if client == "unix:":
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(str(self.site.folder / "http.sock"))
            return connection
        if ":" in client:
            return socket.create_connection(("::1", port), source_address=(client, 0))
        return socket.create_connection(("127.0.0.1", port), source_address=(client, 0))

    def _context(self, certificate: Certificate) -> ssl.SSLContext:
        if certificate not in self._contexts:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            if certificate is not Certificate.NONE:
                stem = self.site.certificates / certificate.value
                context.load_cert_chain(f"{stem}.pem", f"{stem}.key")
            self._contexts[certificate] = context
        return self._contexts[certificate]


def filled(text: str, fillings: Mapping[str, str]) -> str:
    """``text`` with each ``{{name}}`` replaced."""
    for name, value in fillings.items():
        text = text.replace("{{" + name + "}}", value)
    return text


def wire(request: Request) -> bytes:
    """The bytes of a request."""
    lines = [f"{request.method} {request.target} HTTP/{request.http_version}"]
    lines += [] if request.host is None else [f"Host: {request.host}"]
    lines += [f"{name}: {value}" for name, value in request.headers]
    body = _body(request)
    if request.chunked:
        lines.append("Transfer-Encoding: chunked")
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    elif body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body


def _body(request: Request) -> bytes:
    """As many bytes as the request has, well-formed for its type where there is room for that."""
    kind, size = request.header("Content-Type") or "", request.body_bytes
    begin, end = b"", b""
    if kind.startswith("multipart/form-data; boundary="):
        mark = kind.partition("boundary=")[2].encode()
        begin = b'--%s\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n' % mark
        end = b"\r\n--%s--\r\n" % mark
    elif kind.startswith("application/json"):
        begin, end = b'{"a": "', b'"}'
    room = size - len(begin) - len(end)
    return begin + b"x" * room + end if room >= 0 else b"x" * size


def _read_reply(connection: socket.socket, method: str) -> Reply:
    data = bytearray()
    while True:
        reply = _complete(bytes(data), method)
        if reply is not None:
            return reply
        try:
            piece = connection.recv(65_536)
        except (ConnectionResetError, ssl.SSLError):
            piece = b""
        if not piece:
            return _complete(bytes(data), method, ended=True) or Reply(None)
        data += piece


def _complete(data: bytes, method: str, *, ended: bool = False) -> Reply | None:
    """The reply once all of it is there."""
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    status = int(first.split(" ")[1])
    if status == 100:
        return _complete(body, method, ended=ended)
    reply = Reply(
        status, tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines)), body
    )
    if ended or method == "HEAD" or status in {204, 304}:
        return reply
    if declared := reply.all("content-length"):
        return reply if len(body) >= int(declared[0]) else None
    return reply if reply.all("transfer-encoding") and body.endswith(b"0\r\n\r\n") else None


@contextlib.contextmanager
def standing_rig() -> Iterator[Rig]:
    """A rig on free ports, gone afterwards. Skips the test where nginx or openssl is not installed."""
    for program in ("nginx", "openssl"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    *ports, tls_port = free_ports(4)
    rig = Rig(Site.laid_out(), Stub(), Stub(obedient=False), ports, tls_port)
    try:
        yield rig
    finally:
        rig.stop()
        rig.upstream.stop()
        rig.auth.stop()
        rig.site.remove()
