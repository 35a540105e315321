"""Real servers for the probe to knock at: a small application with rules, nginx, ports that misbehave, certificates.

All listen on loopback ports of their own and end with their block.
"""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mattegate.doctor.probe.dns import Address
from mattegate.doctor.probe.exchange import Ask, Door, Limits
from mattegate.doctor.probe.veil import Veil

KEY = "sk_prod_0123456789abcdefghijKLMNOPqrstuv"
QUICK = Limits(connect_s=2.0, answer_s=3.0)
HOME = Address("127.0.0.1", socket.AF_INET)


def door(port: int, **more: object) -> Door:
    """A door on loopback."""
    return Door(HOME, port, **more)  # type: ignore[arg-type]


def get(target: str = "/", *headers: tuple[str, str], **more: object) -> Ask:
    """A small request."""
    return Ask(target=target, headers=(("Host", "app.test"), ("Connection", "close"), *headers), **more)  # type: ignore[arg-type]


def veil(*secrets: str) -> Veil:
    """What hides the secrets of a test."""
    return Veil(secrets)


def free_port() -> int:
    """A port on which nobody listens just now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@dataclass
class App:
    """An application that tells what it got, and refuses by the rules that a test gives it."""

    port: int
    seen: list[tuple[str, str, list[tuple[str, str]]]] = field(default_factory=list)
    """Method, path and headers of every request, in order."""


Rule = Callable[[BaseHTTPRequestHandler], tuple[int, dict[str, str]] | None]


def key_needed(handler: BaseHTTPRequestHandler) -> tuple[int, dict[str, str]] | None:
    """401 without a bearer key, 403 with a wrong one."""
    given = handler.headers.get("Authorization", "")
    if not given.startswith("Bearer "):
        return 401, {"WWW-Authenticate": "Bearer"}
    return None if given == f"Bearer {KEY}" else (403, {})


@contextmanager
def app(*rules: Rule, paths: tuple[str, ...] = (), tls: ssl.SSLContext | None = None) -> Iterator[App]:
    """A running application; with ``paths`` it knows no others, with ``tls`` it is encrypted."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            running.seen.append((self.command, self.path, list(self.headers.items())))
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers = next((said for rule in rules if (said := rule(self))), (200, {}))
            if status == 200 and paths and self.path.partition("?")[0] not in paths:
                status = 404
            told = {"method": self.command, "path": self.path, "got": dict(self.headers.items())}
            body = json.dumps(told if status == 200 else {"detail": f"no {status}"}).encode()
            self.send_response(status)
            for name, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(body)),
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_POST = do_HEAD = do_OPTIONS = answer  # noqa: N815 - the library's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        def finish_request(self, request: Any, client_address: Any) -> None:
            with suppress(OSError):
                if tls:
                    request = tls.wrap_socket(request, server_side=True)
                super().finish_request(request, client_address)

    server = Server(("127.0.0.1", 0), Handler)
    running = App(server.server_address[1])
    with _thread(server.serve_forever):
        try:
            yield running
        finally:
            server.shutdown()
            server.server_close()


@contextmanager
def _thread(work: Callable[[], object]) -> Iterator[None]:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(5)


@contextmanager
def speaking(answer: Callable[[socket.socket], object]) -> Iterator[int]:
    """A port on which every connection is treated by ``answer``; its number."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            with suppress(TimeoutError, OSError):
                sock, _ = listener.accept()
                with sock, suppress(OSError):
                    sock.settimeout(5)
                    answer(sock)

    with _thread(serve):
        try:
            yield int(listener.getsockname()[1])
        finally:
            over.set()
    listener.close()


@contextmanager
def blackhole() -> Iterator[int]:
    """A port whose queue is full: connection attempts are dropped, as a packet filter does it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = int(listener.getsockname()[1])
        waiting = []
        for _ in range(8):
            sock = socket.socket()
            sock.settimeout(0.2)
            waiting.append(sock)
            try:
                sock.connect(("127.0.0.1", port))
            except TimeoutError:
                break
        else:
            pytest.skip("this kernel takes more connections than the queue has room for")
        try:
            yield port
        finally:
            for sock in waiting:
                sock.close()


@contextmanager
def nginx(folder: Path, http: str) -> Iterator[Path]:
    """A real nginx with this in its ``http`` block; its folder. ``@PORT@`` is not replaced: take free ports first."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")
    if not program:
        pytest.skip("nginx is not installed")
    temp = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    conf = folder / "nginx.conf"
    conf.write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log info;"
        f"events {{}} http {{ access_log {folder}/access.log; {temp} {http} }}"
    )
    with _process([program, "-p", str(folder), "-c", str(conf)], folder / "error.log", _ports(http)):
        yield folder


def _ports(http: str) -> list[int]:
    words = http.replace(";", " ").split()
    return [int(words[at + 1].rpartition(":")[2]) for at, word in enumerate(words) if word == "listen"]


@contextmanager
def _process(command: list[str], log: Path, ports: list[int]) -> Iterator[None]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            for port in ports:
                _wait_for(port, process, log)
            yield
        finally:
            process.terminate()
            process.wait(10)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 15
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens on {port}: {log.read_text() if log.exists() else ''}")


@contextmanager
def squid(rules: str) -> Iterator[int]:
    """A real Squid with these access rules; its port."""
    program = shutil.which("squid", path="/usr/sbin:/usr/bin")
    if not program:
        pytest.skip("squid is not installed")
    port = free_port()
    with tempfile.TemporaryDirectory() as made:  # Squid steps down to a user of its own, who must get in
        folder = Path(made)
        folder.chmod(0o777)
        conf = folder / "squid.conf"
        conf.write_text(
            f"http_port 127.0.0.1:{port}\n{rules}\ncache deny all\npid_filename none\ncache_log {folder}/cache.log\n"
            f"access_log none\ncoredump_dir {folder}\nshutdown_lifetime 0 seconds\nvisible_hostname proxy.test\n"
        )
        with _process([program, "-N", "-n", f"probe{port}", "-f", str(conf)], folder / "cache.log", [port]):
            yield port


@dataclass(frozen=True)
class Papers:
    """An authority and what it has signed, as files."""

    folder: Path

    @property
    def ca(self) -> Path:
        """The authority's certificate."""
        return self.folder / "ca.pem"

    def pair(self, name: str) -> tuple[Path, Path]:
        """A certificate and its key."""
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def lines(self, name: str) -> str:
        """nginx's directives for it."""
        certificate, key = self.pair(name)
        return f"ssl_certificate {certificate}; ssl_certificate_key {key};"

    def sign(self, name: str, names: str, *, days: int = 30) -> None:
        """One more certificate, for ``names`` as OpenSSL writes them."""
        certificate, key = self.pair(name)
        request, more = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        more.write_text(f"subjectAltName={names}\n")
        _openssl("req", *_NEW_KEY, "-keyout", key, "-out", request, "-subj", "/CN=somebody")
        _openssl(
            "x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.folder / "ca.key", "-CAcreateserial",
            "-days", str(days), "-extfile", more, "-out", certificate,
        )  # fmt: skip


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def _openssl(*arguments: object) -> None:
    program = shutil.which("openssl")
    if not program:
        pytest.skip("openssl is not installed")
    subprocess.run([program, *map(str, arguments)], check=True, capture_output=True)


def papers(folder: Path) -> Papers:
    """An authority with a server, a client, an expired and a foreign-named certificate, and a self-signed one."""
    made = Papers(folder)
    _openssl("req", "-x509", *_NEW_KEY, "-keyout", folder / "ca.key", "-out", made.ca, "-days", "30", "-subj", "/CN=CA")
    certificate, key = made.pair("selfsigned")
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    _openssl("req", "-x509", *_NEW_KEY, "-keyout", key, "-out", certificate, "-days", "30", *subject)
    made.sign("server", "DNS:localhost,IP:127.0.0.1")
    made.sign("client", "DNS:client")
    made.sign("expired", "DNS:localhost", days=-1)
    made.sign("other", "DNS:other.example,DNS:www.other.example")
    return made
