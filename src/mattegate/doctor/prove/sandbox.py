"""Where experiments run: a private folder, a process without rights that is killed in time, and nothing left behind.

Rules of this file: the folder is made here and removed here, whatever happens in between; root never runs nginx; what
the system permits is asked once, by trying it in a process that ends right after.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from mattegate.doctor.prove.standins import Placeholder

_CODE: Final = "import sys; sys.path.insert(0, sys.argv[1]); from mattegate.doctor.prove.inside import main; main()"
_SBIN: Final = "/usr/sbin:/usr/local/sbin:/sbin:/usr/local/nginx/sbin:/usr/local/openresty/nginx/sbin"
_LONGEST_FOLDER: Final = 80
_MOST_RESULT: Final = 4_194_304


class CannotProve(Exception):  # noqa: N818 - the state of the experiment
    """There is no proof to be had, and this is why; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What an experiment may use."""

    seconds: float = 10.0
    """From beginning to end, both halves together."""
    cpu_seconds: int = 5
    """Of each process."""
    memory_bytes: int = 1_073_741_824
    """Of address space of each process."""
    body_bytes: int = 67_108_864
    """How much of a request's body is really sent."""
    output_bytes: int = 262_144
    """How much is read of each log."""
    directives: int = 50_000
    config_bytes: int = 4_194_304


@dataclass(frozen=True, slots=True)
class Permitted:
    """What this system lets an unprivileged program do."""

    network: bool
    confined: bool
    ipv6: bool


@dataclass(frozen=True, slots=True)
class Program:
    """The nginx that is installed."""

    path: str
    version: tuple[int, ...]
    without: frozenset[str]

    @property
    def names_error_log(self) -> bool:
        """Whether ``-e`` is known (nginx 1.19.5)."""
        return self.version >= (1, 19, 5)


@cache
def nginx_program() -> Program:
    """The installed nginx. Raises :class:`CannotProve`."""
    path = shutil.which("nginx") or shutil.which("nginx", path=_SBIN)
    if path is None:
        raise CannotProve("there is no nginx program on this machine")
    try:
        done = subprocess.run(  # noqa: S603 - a fixed list of words, no shell
            [path, "-V"], capture_output=True, text=True, errors="replace", timeout=10, check=False, env={}
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotProve(f"{path} does not run: {error}") from error
    version = re.search(r"nginx version: \S+?/(\d+)\.(\d+)\.(\d+)", done.stderr)
    without = re.findall(r"--without-http_(fastcgi|uwsgi|scgi)_module", done.stderr)
    number = tuple(map(int, version.groups())) if version else (0,)
    return Program(str(Path(path).resolve()), number, frozenset(without))


@cache
def permitted() -> Permitted:
    """What this system permits, by trying. Raises :class:`CannotProve`."""
    with folder() as path:
        told = run({"probe": True, "folder": path}, path, deadline=time.monotonic() + 10)
    return Permitted(bool(told.get("network")), bool(told.get("confined")), bool(told.get("ipv6")))


def worker() -> tuple[int, int]:
    """The user and the group that nginx runs as: whoever runs this, or nobody where that is root."""
    if os.getuid():
        return os.getuid(), os.getgid()
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return 65_534, 65_534
    return nobody.pw_uid, nobody.pw_gid


@contextlib.contextmanager
def folder() -> Iterator[str]:
    """A private folder, gone afterwards with everything in it."""
    path = tempfile.mkdtemp(prefix="mattegate-prove-")
    try:
        if len(path) > _LONGEST_FOLDER:
            raise CannotProve(f"the folder for temporary files has too long a name for sockets: {path}")
        yield str(Path(path).resolve())
    finally:
        _removed(path)


def _removed(path: str) -> None:
    for inside, folders, _ in os.walk(path):
        for name in folders:
            Path(inside, name).chmod(0o700)
    shutil.rmtree(path)


def fill(path: str, config: bytes, files: Sequence[Placeholder]) -> None:
    """Writes what an experiment needs, and gives it all to the user that it runs as."""
    base = Path(path)
    for each in (Placeholder("temporary", None), Placeholder("nginx.conf", config), *files):
        target = base / each.path
        if each.content is None:
            target.mkdir(parents=True, exist_ok=True)
        elif not target.is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(each.content)
            target.chmod(0o600)
    _give_away(base)
    for each in files:
        if not each.readable and (base / each.path).exists():
            (base / each.path).chmod(0)


def _give_away(base: Path) -> None:
    if os.getuid():
        return
    uid, gid = worker()
    for inside, _, files in os.walk(base):
        for each in (Path(inside), *(Path(inside, name) for name in files)):
            os.chown(each, uid, gid, follow_symlinks=False)


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def run(job: Mapping[str, Any], path: str, *, deadline: float) -> dict[str, Any]:
    """Lets a process do a job, kills it and all it started, and says what it told. Raises :class:`CannotProve`."""
    if not sys.executable:
        raise CannotProve("the Python program that runs this is not known, so no process can be started for it")
    code = str(Path(__file__).parents[3])
    with (Path(path) / "trouble.txt").open("wb") as trouble:
        child = subprocess.Popen(  # noqa: S603 - our own code, no shell
            [sys.executable, "-I", "-S", "-c", _CODE, code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=trouble,
            cwd="/",
            start_new_session=True,
        )
    try:
        told = _conversation(child, job, deadline)
    finally:
        _killed(child)
    return _understood(told, path)


def _conversation(child: subprocess.Popen[bytes], job: Mapping[str, Any], deadline: float) -> bytes:
    assert child.stdin is not None
    assert child.stdout is not None
    with contextlib.suppress(BrokenPipeError):
        child.stdin.write(json.dumps(job).encode() + b"\n")
        child.stdin.flush()
    told = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while len(told) < _MOST_RESULT:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise CannotProve("the experiment took longer than it may")
            chunk = os.read(child.stdout.fileno(), 65_536)
            if not chunk:
                break
            told += chunk
    return bytes(told)


def _killed(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def _understood(told: bytes, path: str) -> dict[str, Any]:
    try:
        result = json.loads(told)
    except ValueError as error:
        trouble = (Path(path) / "trouble.txt").read_text("utf-8", "replace").strip().splitlines()
        raise CannotProve(f"the experiment's process ended early: {trouble[-1][:200] if trouble else ''}") from error
    if not isinstance(result, dict):
        raise CannotProve("the experiment's process said something that is no result")
    if "failed" in result:
        raise CannotProve(str(result["failed"]))
    return result
