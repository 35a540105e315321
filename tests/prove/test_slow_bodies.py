"""Callers that send slowly, or not at all, hold nothing that others need."""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from bench import processes
from bench.inputs import MP_1P5, large_jpeg
from bench.service import REMOVE, Service

STALL_S = 3
"""The server under test waits this long for a byte, so that the proof is short; the default is 15 s."""
TYPED = {b"request.stalled", b"request.too_slow"}
"""Four bytes and then silence are both, and whichever the server notices first is told."""
_PATIENCE_S = 30.0


@pytest.mark.parametrize(
    "sockets",
    [pytest.param(20), pytest.param(200, marks=[pytest.mark.long, pytest.mark.timeout(600)])],
)
def test_slow_callers_are_cut_while_others_are_served(sockets: int, u2netp_home: Path, tmp_path: Path) -> None:
    """With that many stalled bodies open, every ordinary request is served; each stalled one is told why and closed."""
    with Service(u2netp_home, log=tmp_path / "server.log", upload_stall_s=str(STALL_S)) as service:
        with service.caller() as caller:
            assert caller.post(large_jpeg("coffee", MP_1P5)).status == 200
            files = processes.open_files(service.pid)
            with _stalled(service, sockets) as stalled:
                served = [caller.post(large_jpeg("coffee", MP_1P5)).status for _ in range(5)]
                answers = Counter(_last_word(each) for each in stalled)
        print(f"\n{sockets} stalled callers: {dict(answers)}; meanwhile {len(served)} of {len(served)} served")
        assert served == [200] * 5
        assert set(answers) <= TYPED
        assert _settles(service, files)


def test_a_dripping_caller_is_cut(u2netp_home: Path, tmp_path: Path) -> None:
    """One byte at a time never stalls, and is ended by the least rate."""
    with (
        Service(u2netp_home, log=tmp_path / "server.log", upload_stall_s=str(STALL_S)) as service,
        _stalled(service, 1) as (dripping,),
    ):
        assert _drip_until_answered(dripping) in TYPED


@contextmanager
def _stalled(service: Service, count: int) -> Iterator[list[socket.socket]]:
    """That many connections which announced a megabyte and sent a few bytes of it."""
    head = (
        f"POST {REMOVE} HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\n"
        f"X-API-Key: {service.key}\r\nContent-Type: image/jpeg\r\n"
    )
    with ExitStack() as stack:
        opened = []
        for _ in range(count):
            each = stack.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=_PATIENCE_S))
            each.sendall(head.encode() + b"Content-Length: 1000000\r\n\r\n" + b"\xff\xd8\xff\xe0")
            opened.append(each)
        yield opened


def _last_word(connection: socket.socket) -> bytes:
    """The reason of the answer that comes before the server closes; empty where it closes without a word."""
    return _reason(b"".join(iter(lambda: connection.recv(65_536), b"")))


def _drip_until_answered(connection: socket.socket) -> bytes:
    connection.settimeout(0.2)
    deadline, received = time.monotonic() + _PATIENCE_S, b""
    while time.monotonic() < deadline:
        try:
            if not (chunk := connection.recv(65_536)):
                break
            received += chunk
        except TimeoutError:
            if not received:
                connection.sendall(b"\0")
    return _reason(received)


def _reason(answer: bytes) -> bytes:
    _, found, rest = answer.partition(b'"reason":')
    return rest.split(b'"')[1] if found else b""


def _settles(service: Service, files: int) -> bool:
    """Whether the server's descriptors go back to what they were."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        if processes.open_files(service.pid) <= files:
            return True
        time.sleep(0.1)
    return False
