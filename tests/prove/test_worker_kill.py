"""A worker that is killed in mid-image costs that one request and nothing else."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench import processes
from bench.inputs import MP_12, large_jpeg
from bench.service import Answer, Service

FILES_ALLOWED = 8
"""Segments of shared memory may wait for the garbage collector; one left behind by each kill would pass this."""
_AT_WORK_S = 0.03
"""A process below the server that has used this much processor time since the request began is working on it."""


@pytest.mark.parametrize(
    "kills",
    [pytest.param(2), pytest.param(20, marks=[pytest.mark.long, pytest.mark.timeout(1_200)])],
)
def test_kill_of_a_worker_costs_one_request(kills: int, u2netp_home: Path, tmp_path: Path) -> None:
    """The request in hand gets a typed answer, the next is served, and no process and no descriptor is left behind."""
    with Service(u2netp_home, log=tmp_path / "server.log") as service, service.caller() as caller:
        assert caller.post(_picture(0)).status == 200
        files, workers = processes.open_files(service.pid), len(processes.descendants(service.pid))
        for kill in range(1, kills + 1):
            killed = _killed_in_mid_image(service, _picture(kill))
            assert (killed.status, killed.reason) == (503, "engine.worker_died"), service.tail()
            assert killed.request_id
            assert killed.headers["retry-after"].isdigit()
            assert caller.post(_picture(-kill)).status == 200, service.tail()
        assert caller.get("/health").status == 200
        assert len(processes.descendants(service.pid)) == workers
        assert processes.open_files(service.pid) <= files + FILES_ALLOWED
        below = processes.descendants(service.pid)
    assert not [processes.command(pid) for pid in below if processes.alive(pid)]
    print(f"\n{kills} workers killed in mid-image, each answered and followed by a served request")


def test_an_image_that_kills_twice_is_not_tried_again(u2netp_home: Path, tmp_path: Path) -> None:
    """The third time the very same image is refused at once, and another one is served."""
    with Service(u2netp_home, log=tmp_path / "server.log") as service, service.caller() as caller:
        for _ in range(2):
            assert _killed_in_mid_image(service, _picture(1)).reason == "engine.worker_died"
            assert caller.post(_picture(0)).status == 200
        refused = caller.post(_picture(1))
        assert (refused.status, refused.reason) == (422, "engine.poison")
        assert caller.post(_picture(2)).status == 200


def _picture(number: int) -> bytes:
    """The same photograph as different bytes: a number stands in a comment, so that none counts as the one before."""
    jpeg, comment = large_jpeg("coffee", MP_12), str(number).encode()
    return jpeg[:2] + b"\xff\xfe" + (2 + len(comment)).to_bytes(2, "big") + comment + jpeg[2:]


def _killed_in_mid_image(service: Service, picture: bytes) -> Answer:
    """Send a picture, wait until a worker is busy with it, kill that worker; the answer to the picture."""
    idle = {pid: processes.cpu_seconds(pid) for pid in processes.descendants(service.pid)}
    with ThreadPoolExecutor(1) as pool, service.caller() as caller:
        answer = pool.submit(caller.post, picture)
        os.kill(_busy(idle, threading.Event()), signal.SIGKILL)
        return answer.result(60)


def _busy(idle: dict[int, float], pause: threading.Event) -> int:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for pid, before in idle.items():
            if processes.cpu_seconds(pid) > before + _AT_WORK_S:
                return pid
        pause.wait(0.002)
    pytest.fail("no worker began to work")
