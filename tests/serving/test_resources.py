"""A server that has run out of open files says so, serves again when it has some, and loses nothing meanwhile."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.serving.served import problem_in, read_all

if TYPE_CHECKING:
    from tests.serving.served import Serve

HEAD = b"POST /remove HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"


@contextmanager
def no_more_files(pid: int, *, spare: int) -> Iterator[None]:
    """Let a process open no more than ``spare`` further files for the length of the block; Linux only."""
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    taken = {int(fd.name) for fd in Path(f"/proc/{pid}/fd").iterdir()}
    free = [number for number in range(max(taken) + 2 + spare) if number not in taken]
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (free[spare], before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of another process can be set on Linux only")
@pytest.mark.parametrize("spare", [0, 1])
def test_an_upload_without_room_is_told_to_come_again(serve: Serve, png: bytes, spare: int) -> None:
    """503 with Retry-After where the upload's buffer, or the view of it, cannot be had; afterwards all is well."""
    server = serve()
    body = b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(png) + png
    with closing(server.connect()) as peer:
        peer.sendall(b"HEAD /health HTTP/1.1\r\nHost: x\r\n\r\n")
        head = b""
        while not head.endswith(b"\r\n\r\n"):  # the connection is open for good from here on
            head += peer.recv(65_536)
        with no_more_files(server.process.pid, spare=spare):
            peer.sendall(HEAD + body)
            answer = read_all(peer)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 5" in answer
    assert problem_in(answer)["reason"] == "capacity.resources"
    assert "Too many open files" in server.access_lines()[-1]["problem"]
    assert server.talk(HEAD + body).startswith(b"HTTP/1.1 200 ")
