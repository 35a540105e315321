"""The access log: what a line holds, what cannot be forged in it, and what becomes of it when nobody takes it."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.serving.access import (
    AccessLog,
    LoggerSink,
    Outlet,
    client_address,
    encode_line,
    log_access,
    open_access_log,
    send_lines_to,
    write_line,
)
from mattegate.serving.exchange import Exchange

SCOPE: dict[str, Any] = {
    "type": "http",
    "method": "POST",
    "path": "/v1/remove-bg",
    "client": ("203.0.113.9", 4711),
    "headers": [(b"host", b"api.example.com"), (b"x-request-id", b"mine-1")],
}
FIELDS = (
    "time", "address", "method", "path", "status", "reason", "key", "identity", "bytes_in", "bytes_out", "ms",
    "request_id", "client_request_id", "problem",
)  # fmt: skip


class Kept:
    """A sink that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def write(self, line: bytes) -> None:
        """Keep it."""
        self.lines.append(line)

    def read(self) -> list[Any]:
        """What they say."""
        return [json.loads(line) for line in self.lines]


@pytest.fixture
def kept() -> Iterator[Kept]:
    """Where all lines go during a test."""
    sink = Kept()
    before = send_lines_to(sink)
    yield sink
    send_lines_to(before)


def refused() -> Exchange:
    """An exchange that ended in a refusal."""
    return Exchange(10.0, status=403, reason="credential.unknown", problem="access denied", bytes_in=5, bytes_out=7)


def test_a_line_holds_the_agreed_fields(kept: Kept) -> None:
    """Every field is there in its order, and says what the exchange says."""
    exchange = refused()
    log_access(SCOPE, exchange, now=10.0123)
    (line,) = kept.read()
    assert tuple(line) == FIELDS
    assert line | {"time": ""} == {
        "time": "", "address": "203.0.113.9", "method": "POST", "path": "/v1/remove-bg", "status": 403,
        "reason": "credential.unknown", "key": "", "identity": "", "bytes_in": 5, "bytes_out": 7, "ms": 12.3,
        "request_id": exchange.request_id, "client_request_id": "mine-1", "problem": "access denied",
    }  # fmt: skip


def test_an_answer_without_a_problem_has_none(kept: Kept) -> None:
    """The operator's sentence stands only where something was refused."""
    log_access(SCOPE, Exchange(0.0, status=200), now=1.0)
    assert "problem" not in kept.read()[0]


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(exclude_categories=()), max_size=2_000), st.binary(max_size=300), st.text(max_size=3_000))
def test_no_line_can_be_forged(path: str, client_id: bytes, problem: str) -> None:
    """Whatever a caller sends, the line is one line of printable ASCII that fits a pipe, and JSON."""
    sink = Kept()
    before = send_lines_to(sink)
    headers = [(b"x-request-id", client_id)]
    log_access(SCOPE | {"path": path, "headers": headers}, Exchange(0.0, status=404, problem=problem), now=1.0)
    send_lines_to(before)
    (line,) = sink.lines
    assert line.isascii()
    assert line.decode().isprintable()
    assert len(line) < 4_096
    assert path.startswith(json.loads(line)["path"])


def test_a_long_line_is_cut_value_by_value() -> None:
    """Texts that together would not fit are shortened; numbers stay, and it is still JSON."""
    line = json.loads(
        encode_line({"problem": "\U0001f984" * 5_000, "path": "x" * 5_000, "status": 500, "odd": [1] * 9_000})
    )
    assert line["status"] == 500
    assert line["problem"].startswith("\U0001f984")


def test_a_line_of_no_exchange_goes_the_same_way(kept: Kept) -> None:
    """What is refused before ASGI is logged with the fields that it has."""
    write_line({"status": 400, "reason": "request.http", "problem": "\x1b[31m\x7f"})
    assert kept.read() == [{"status": 400, "reason": "request.http", "problem": "\x1b[31m\x7f"}]
    assert b"\x7f" not in kept.lines[0]


def test_a_peer_without_an_address_is_empty() -> None:
    """A Unix socket has no address."""
    assert client_address({"client": None}) == ""


def test_lines_go_to_the_logger_where_nothing_was_said(caplog: pytest.LogCaptureFixture) -> None:
    """An application that embeds this one gets the lines as log records."""
    with caplog.at_level("INFO", logger="mattegate.access"):
        LoggerSink().write(b'{"status":200}')
    assert [record.getMessage() for record in caplog.records] == ['{"status":200}']


def test_a_file_gets_one_line_each(tmp_path: Path) -> None:
    """Lines are appended to what is there, and the file is not the world's to read."""
    path = tmp_path / "access.log"
    path.touch(0o640)
    path.write_text("before\n")
    log = open_access_log(path)
    log.write(b"{}")
    log.write(b"[]")
    log.close()
    assert path.read_text() == "before\n{}\n[]\n"
    assert path.stat().st_mode & 0o007 == 0


def test_rotation_goes_on_in_a_new_file(tmp_path: Path) -> None:
    """After the file was moved and the log was told, lines go to a file of the old name."""
    path = tmp_path / "access.log"
    log = AccessLog(path, fallback=Kept())
    log.write(b"1")
    path.rename(tmp_path / "access.log.1")
    log.write(b"2")
    log.reopen()
    log.write(b"3")
    log.close()
    assert (tmp_path / "access.log.1").read_text() == "1\n2\n"
    assert path.read_text() == "3\n"


def test_a_file_that_cannot_be_opened_is_told_and_tried_again(tmp_path: Path) -> None:
    """Lines come to the fallback, after one loud line; once the file can be had they go there again."""
    now, fallback, path = [0.0], Kept(), tmp_path / "missing" / "access.log"
    log = AccessLog(path, fallback=fallback, clock=lambda: now[0])
    for number in (b"1", b"2"):
        log.write(number)
    path.parent.mkdir()
    log.write(b"3")
    now[0] = 2.0
    log.write(b"4")
    log.close()
    told, *lines, again = fallback.read()
    assert "cannot be opened" in told["problem"]
    assert lines == [1, 2, 3]
    assert "takes lines again" in again["problem"]
    assert path.read_text() == "4\n"


def test_a_full_disk_costs_no_request(tmp_path: Path) -> None:
    """A file that takes no more: the line goes to the fallback, loudly, and a torn line never swallows the next one."""
    fallback, path = Kept(), tmp_path / "access.log"
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    log = AccessLog(path, fallback=fallback)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20, before[1]))
        for _ in range(4):
            log.write(b'"12345678"')
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        log.write(b'"after"')
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    log.close()
    assert path.read_text() == '"12345678"\n"12345678\n"after"\n'
    assert fallback.lines.count(b'"12345678"') == 3
    told = [line["problem"] for line in fallback.read() if isinstance(line, dict)]
    assert "took only a part" in told[0]
    assert "takes lines again" in told[-1]


def test_a_pipe_that_nobody_reads_holds_nobody_up() -> None:
    """Once the pipe is full lines are counted as lost; when somebody reads again the loss is told."""
    reading, writing = os.pipe()
    outlet = Outlet(writing)
    for number in range(3_000):
        outlet.write(b'{"n":%d,"fill":"%b"}' % (number, b"x" * 100))
    assert outlet.dropped > 100
    os.read(reading, 1 << 20)
    lost = outlet.dropped
    outlet.write(b'{"n":-1}')
    told, line = os.read(reading, 1 << 20).splitlines()
    assert f"{lost} lines were lost" in json.loads(told)["problem"]
    assert json.loads(line) == {"n": -1}
    os.close(reading)
    outlet.write(b"{}")
    assert outlet.dropped == 1
    os.close(writing)


def test_a_socket_that_nobody_reads_holds_nobody_up() -> None:
    """A service manager's journal is a socket; when it is stuck, lines are lost and nobody waits."""
    mine, theirs = socket.socketpair()
    outlet = Outlet(mine.fileno())
    for _ in range(20_000):
        outlet.write(b"x" * 100)
    assert outlet.dropped
    outlet.close()
    mine.close()
    theirs.close()


def test_a_pipe_in_place_of_the_file_does_not_stop_the_start(tmp_path: Path) -> None:
    """A named pipe that nobody reads is an unwritable file, not a server that hangs."""
    os.mkfifo(tmp_path / "access.log")
    fallback = Kept()
    AccessLog(tmp_path / "access.log", fallback=fallback).write(b"1")
    assert fallback.read()[-1] == 1
