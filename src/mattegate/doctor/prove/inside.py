"""The process in which an experiment runs: it gives up its rights, starts nginx, sends the request, tells what it saw.

Rules of this file: the first line of standard input is the job (JSON), the only line of standard output is the result;
standard input stays open as long as somebody wants the result, and its end means: kill, clean up, go. Nothing of
nginx is started before the rights are gone.
"""

from __future__ import annotations

import contextlib
import encodings.idna  # noqa: F401 - loaded while the standard library can still be read, for names in TLS handshakes
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from mattegate.doctor.prove import confine
from mattegate.doctor.prove.replay import Reply, Unsent, Wire, replay
from mattegate.doctor.prove.upstreams import Stub, Stubs

Members = Mapping[str, Any]
_OPEN_FILES: Final = 512
_FILE_BYTES: Final = 134_217_728
_STEP: Final = 0.005


def main() -> None:
    """Reads the job, does it, writes the result."""
    job = json.loads(sys.stdin.buffer.readline())
    try:
        result = probe() if job.get("probe") else experiment(job)
    except Exception as error:  # noqa: BLE001 - whatever happens here is told to whoever asked
        result = {"failed": f"{type(error).__name__}: {error}"}
    try:
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:  # whoever asked is gone, and cannot clean up
        shutil.rmtree(job.get("folder", ""), ignore_errors=True)
    os._exit(0)


def probe() -> dict[str, Any]:
    """What this system permits."""
    confined = confine.landlock_version() > 0
    network = confine.own_network(["192.0.2.1"])
    ipv6 = True
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(("::1", 0))
    except OSError:
        ipv6 = False
    return {"network": network, "confined": confined, "ipv6": ipv6}


def experiment(job: Members) -> dict[str, Any]:
    """One request to one nginx, in this order: network, rights, limits; then nginx in its folder, then the request."""
    if job["own_network"] and not confine.own_network([job["source"]] if job["source"] else []):
        raise PermissionError("the network of our own was refused")
    confine.drop_rights(job["uid"], job["gid"])
    limits = job["limits"]
    confine.limit(
        cpu_seconds=limits["cpu_seconds"],
        memory_bytes=limits["memory_bytes"],
        file_bytes=_FILE_BYTES,
        open_files=_OPEN_FILES,
    )
    stubs = Stubs(
        [Stub.from_json(each) for each in job["stubs"]],
        tuple(job["stub_certificate"]) if job["stub_certificate"] else None,
        seconds=limits["seconds"],
    )
    with _running(job) as nginx:
        _end_with_the_asker(nginx, job["folder"])
        stubs.start()
        if not _ready(nginx, job):
            return {"refused": _head(job, "start.txt")}
        told = _asked(job)
    arrived = [asdict(each) for each in stubs.arrived]
    return {**told, "arrived": arrived, "log": _head(job, "error.log"), "start": _head(job, "start.txt")}


def _asked(job: Members) -> dict[str, Any]:
    limits, wire = job["limits"], Wire.from_json(job["wire"])
    reply = Reply()
    try:
        for _ in range(job["times"]):
            reply = replay(wire, most_body=limits["body_bytes"], seconds=limits["seconds"])
    except ssl.SSLError as error:
        return {"failed": f"the TLS handshake failed: {error}"}
    except (Unsent, TimeoutError) as error:
        return {"failed": str(error)}
    except OSError as error:
        return {"failed": f"the request could not be sent: {error}"}
    return {"status": reply.status, "headers": reply.headers}


@contextlib.contextmanager
def _running(job: Members) -> Iterator[subprocess.Popen[bytes]]:
    folder = Path(job["folder"])
    words = [job["program"], "-p", f"{folder}/", "-c", str(folder / "nginx.conf")]
    if job["names_error_log"]:
        words += ["-e", str(folder / "error.log")]
    with (folder / "start.txt").open("wb") as said:
        nginx = subprocess.Popen(  # noqa: S603 - a fixed program, no shell
            words,
            cwd=folder,
            env={},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            preexec_fn=lambda: _bounded(job),  # noqa: PLW1509 - no other thread runs yet
        )
    try:
        yield nginx
    finally:
        _stop(nginx)


def _bounded(job: Members) -> None:
    """What only nginx is held to, between its start and its first instruction."""
    confine.die_with_parent()
    if job["confined"] and not confine.stay_in(job["folder"], job["program"], job["ports"]):
        raise PermissionError("keeping to the private folder was refused")


def _stop(nginx: subprocess.Popen[bytes]) -> None:
    """Lets it write its last lines, then insists."""
    nginx.send_signal(signal.SIGQUIT)
    try:
        nginx.wait(1)
    except subprocess.TimeoutExpired:
        nginx.kill()
        nginx.wait()


def _ready(nginx: subprocess.Popen[bytes], job: Members) -> bool:
    """Whether it came up: it writes the number of its process once it listens."""
    written = Path(job["folder"]) / "nginx.pid"
    ends = time.monotonic() + float(job["limits"]["seconds"])
    while nginx.poll() is None and time.monotonic() < ends:
        with contextlib.suppress(FileNotFoundError):
            if written.read_bytes().strip():
                return True
        time.sleep(_STEP)
    return False


def _head(job: Members, name: str) -> str:
    try:
        with (Path(job["folder"]) / name).open("rb") as file:
            return file.read(int(job["limits"]["output_bytes"])).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def _end_with_the_asker(nginx: subprocess.Popen[bytes], folder: str) -> None:
    def watch(read: Callable[[int, int], bytes] = os.read) -> None:
        read(0, 1)
        nginx.kill()
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)

    threading.Thread(target=watch, name="asker", daemon=True).start()
