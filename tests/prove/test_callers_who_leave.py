"""Callers who go away, all in the same moment, take nothing with them that others need."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from bench.inputs import MP_1P5, large_jpeg
from bench.service import REMOVE, Service
from mattegate.config.settings import Settings
from mattegate.ledger.opening import open_accounts

CALLERS = 16
_PATIENCE_S = 30.0


@pytest.mark.parametrize(
    "waves", [pytest.param(2), pytest.param(20, marks=[pytest.mark.long, pytest.mark.timeout(600)])]
)
def test_leaving_together_leaves_the_engine_free(waves: int, u2netp_home: Path, tmp_path: Path) -> None:
    """One is being worked on and the rest wait when all hang up; the next caller is served, wave after wave."""
    with Service(u2netp_home, log=tmp_path / "server.log") as service, service.caller(timeout_s=_PATIENCE_S) as caller:
        for wave in range(waves):
            key = _key(service, f"wave-{wave}")  # one that abandons too much is held back by itself
            leaving = [_asked(service, key) for _ in range(CALLERS)]
            _wait_until_waiting(service)
            for each in leaving:
                each.close()
            answer = caller.post(large_jpeg("coffee", MP_1P5))
            assert answer.status == 200, f"wave {wave}: {answer.reason}\n{service.tail()}"
    print(f"\n{waves} waves of {CALLERS} callers hung up together; each time the next was served")


def _key(service: Service, name: str) -> str:
    """A key of somebody new, made beside the running server."""
    with open_accounts(Settings(home=service.home)) as accounts:
        accounts.desk.create_identity(name, tier="vip", actor="cli:test")
        return accounts.desk.create_key(name, actor="cli:test").text


def _asked(service: Service, key: str) -> socket.socket:
    """A connection over which a whole picture was sent."""
    picture = large_jpeg("chelsea", MP_1P5)
    head = (
        f"POST {REMOVE} HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\nX-API-Key: {key}\r\n"
        f"Content-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
    )
    connection = socket.create_connection(("127.0.0.1", service.port), timeout=_PATIENCE_S)
    connection.sendall(head.encode() + picture)
    return connection


def _wait_until_waiting(service: Service) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    with service.caller(timeout_s=_PATIENCE_S) as caller:
        while b'"waiting":0' in caller.get("/ready").body:
            assert time.monotonic() < deadline, "nobody began to wait"
            time.sleep(0.005)
