"""The real programs of a story: mattegate's gate, once for all, and an nginx for each story.

Rules of this file: every process is a child in a session of its own, so that Ctrl-C reaches only this program, which
then stops them by their pid; root never runs nginx; every wait has an end and says what it waited for.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mattegate.doctor.prove.sandbox import CannotProve, Program, free_port, nginx_program, worker

LOOPBACK: Final = "127.0.0.1"
PASSWORDS: Final = "staff:{PLAIN}correct horse battery staple\n"
_GATE_STARTS_S: Final = 90.0
_NGINX_STARTS_S: Final = 10.0
_ENDS_S: Final = 20.0
_ASKS_AGAIN_S: Final = 1.0
_STEP_S: Final = 0.02
_LAST_LINES: Final = 5
_ENDING: Final = (signal.SIGINT, signal.SIGTERM)

_INSTALL: Final = (
    "Debian, Ubuntu: apt install nginx-light · Fedora, RHEL: dnf install nginx · Alpine: apk add nginx · "
    "macOS: brew install nginx. The demo starts its own; the packaged service may stay off."
)


class NoScenery(Exception):  # noqa: N818 - the state of this machine
    """What a story needs is not to be had here; the message is a sentence for whoever asked for the story."""


@dataclass(frozen=True, slots=True)
class Gate:
    """The running gate."""

    port: int
    key: str
    """A good API key."""
    log: Path
    """Its access log."""

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"{LOOPBACK}:{self.port}"


@dataclass(frozen=True, slots=True)
class Scenery:
    """What stands while stories are told."""

    folder: Path
    program: Program
    gate: Gate


@contextmanager
def scenery(tell: Callable[[str], None]) -> Iterator[Scenery]:
    """The gate in a private folder; all of it is gone afterwards. Raises :class:`NoScenery`."""
    program = _program()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(_private_folder()))
        tell(f"starting mattegate and nginx {'.'.join(map(str, program.version))} on {LOOPBACK}, in {folder}")
        yield Scenery(folder, program, stack.enter_context(_running_gate(folder / "gate")))


def _program() -> Program:
    try:
        return nginx_program()
    except CannotProve as error:
        raise NoScenery(f"{error}, and the demo needs one. {_INSTALL}") from error


@contextmanager
def _private_folder() -> Iterator[str]:
    """Others may pass through it, where nginx runs as another user, but see nothing."""
    folder = tempfile.mkdtemp(prefix="mattegate-demo-")
    try:
        if os.getuid() == 0:
            Path(folder).chmod(0o711)
        yield folder
    finally:
        shutil.rmtree(folder)


# --- the gate -----------------------------------------------------------------------------------------------------

_GATE_SETTINGS: Final = """\
[engine]
workers = 1
[admin]
enabled = false
[network]
trusted_proxies = ["127.0.0.1"]
[log]
file = '@LOG@'
"""


@contextmanager
def _running_gate(folder: Path) -> Iterator[Gate]:
    folder.mkdir(mode=0o700)
    log, home, port = folder / "access.jsonl", folder / "home", free_port()
    settings = folder / "mattegate.toml"
    settings.write_text(_GATE_SETTINGS.replace("@LOG@", str(log)), "utf-8")
    words = ["--home", str(home), "serve", "--config", str(settings), "--port", str(port), "--first-key"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MATTEGATE_")}
    with _child(
        [sys.executable, "-m", "mattegate", *words], folder / "output.txt", cwd=folder, env=environment
    ) as process:
        _await(lambda: _answers(port), process, folder / "output.txt", "mattegate", _GATE_STARTS_S)
        yield Gate(port, (home / "first-key").read_text("ascii").strip(), log)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


# --- nginx --------------------------------------------------------------------------------------------------------

_MAIN: Final = """\
daemon off;
worker_processes 1;
pid nginx.pid;
error_log nginx.log notice;

events {
    worker_connections 64;
}

http {
    error_log error.log;
    access_log access.log;
@TEMPORARY@
    include site.conf;
}
"""
_TEMPORARY: Final = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
_WORKER_GONE: Final = re.compile(r"worker process \d+ exited with code")


class Nginx:
    """One nginx over a folder of its own, with a site that can be changed while it runs."""

    def __init__(self, folder: Path, program: Program) -> None:
        self.folder = folder
        self.port = free_port()
        self.conf = folder / "nginx.conf"
        self.site = folder / "site.conf"
        self.passwords = folder / "passwords"
        self.error_log = folder / "error.log"
        self.access_log = folder / "access.log"
        self._own_log = folder / "nginx.log"
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None

    @contextmanager
    def running(self, site: str) -> Iterator[Nginx]:
        """It, with this site, until the block ends. Raises :class:`NoScenery`."""
        self._lay_out(site)
        output = self.folder / "output.txt"
        with _child(self._words(), output, cwd=self.folder, env={}, **_as_worker()) as process:
            self._process = process
            _await(self._listens, process, output, "nginx", _NGINX_STARTS_S)
            yield self

    def test(self) -> str:
        """What ``nginx -t`` says of the files as they are now. Raises :class:`NoScenery` where it refuses them."""
        done = subprocess.run(  # noqa: S603 - a fixed list of words, no shell
            [*self._words(), "-t"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_NGINX_STARTS_S,
            check=False,
            env={},
            **_as_worker(),
        )
        said = str(done.stderr).strip().replace(f"{self.folder}/", "")
        if done.returncode:
            raise NoScenery(f"nginx refuses the changed configuration: {said}")
        return said.splitlines()[-1]

    def reload(self) -> None:
        """Take over the files as they are now, and wait until no worker of before is left."""
        assert self._process is not None
        seen = self._own_log.stat().st_size
        self._process.send_signal(signal.SIGHUP)

        def taken_over() -> bool:
            return _WORKER_GONE.search(_text_from(self._own_log, seen)) is not None

        _await(taken_over, self._process, self._own_log, "nginx with the change", _NGINX_STARTS_S)

    def _words(self) -> list[str]:
        named = ["-e", str(self._own_log)] if self._program.names_error_log else []
        return [self._program.path, "-p", f"{self.folder}/", "-c", str(self.conf), *named]

    def _lay_out(self, site: str) -> None:
        kinds = [kind for kind in _TEMPORARY if kind not in self._program.without]
        temporary = "\n".join(f"    {kind}_temp_path temporary/{kind};" for kind in kinds)
        (self.folder / "temporary").mkdir(parents=True)
        self.conf.write_text(_MAIN.replace("@TEMPORARY@", temporary), "utf-8")
        self.site.write_text(site, "utf-8")
        self.passwords.write_text(PASSWORDS, "utf-8")
        self.folder.chmod(0o700)
        if os.getuid() == 0:
            for path in (self.folder, *self.folder.iterdir()):
                os.chown(path, *worker())

    def _listens(self) -> bool:
        """It writes the number of its process once every socket is open."""
        pid = self.folder / "nginx.pid"
        return pid.is_file() and bool(pid.read_text("ascii").strip())


def _as_worker() -> dict[str, Any]:
    """Whom a process of nginx runs as, in the words of ``Popen``."""
    if os.getuid():
        return {}
    uid, gid = worker()
    return {"user": uid, "group": gid, "extra_groups": ()}


# --- processes ----------------------------------------------------------------------------------------------------


@contextmanager
def _child(words: Sequence[str], output: Path, **given: Any) -> Iterator[subprocess.Popen[bytes]]:
    process = None
    try:
        with output.open("wb") as said, _undisturbed():
            process = subprocess.Popen(  # noqa: S603 - our own list of words, no shell
                words, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True, **given
            )
        yield process
    finally:
        if process is not None:
            _stop(process)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Lets Ctrl-C and SIGTERM wait: in the middle of starting a process they would leave one that nobody knows."""
    if threading.current_thread() is not threading.main_thread():  # only there do signals interrupt
        yield
        return
    caught: list[int] = []
    before = {number: signal.signal(number, lambda one, _: caught.append(one)) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for got in caught:
            signal.raise_signal(got)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Asks it to end, and in the end insists, for whatever else is in its session as well."""
    try:
        ends = time.monotonic() + _ENDS_S
        while process.poll() is None and time.monotonic() < ends:
            process.terminate()  # again and again: nginx may forget a signal that comes while it starts its workers
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_ASKS_AGAIN_S)
    finally:  # also where somebody cannot wait and presses Ctrl-C once more
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _await(done: Callable[[], bool], process: subprocess.Popen[bytes], said: Path, what: str, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while not done():
        if process.poll() is not None:
            raise NoScenery(f"{what} ended while starting: {_last_lines(said)}")
        if time.monotonic() > ends:
            raise NoScenery(f"{what} was not there after {seconds:g} s: {_last_lines(said)}")
        time.sleep(_STEP_S)


def _last_lines(file: Path) -> str:
    return " / ".join(_text_from(file, 0).splitlines()[-_LAST_LINES:]) or "it said nothing"


def _text_from(file: Path, offset: int) -> str:
    with file.open("rb") as stream:
        stream.seek(offset)
        return stream.read().decode("utf-8", "replace")
