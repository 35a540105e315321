"""Makers that do what the image's bytes tell them: ``b"echo:hello"`` is made into ``b"hello"``.

They run in real worker processes and really die there.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import resource
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mattegate.config.settings import Settings
from mattegate.cutout.engine.maker import Cancelled, Made
from mattegate.cutout.engine.protocol import Job
from mattegate.vocabulary.refusal import Refusal
from mattegate.vocabulary.report import Report, Stage


class ScriptedMaker:
    """Obeys the word before the colon; counts how often it was told to cancel."""

    def __init__(self, settings: Settings) -> None:
        self._default = settings.models.default
        self._home = settings.home
        self._models: list[str] = []
        self.cancels = 0

    def warm(self, model: str | None) -> None:
        """Load by name; ``missing`` is a model that cannot be loaded, ``heavy`` takes 64 MB, ``fatal`` kills."""
        name = model or self._default
        if name == "missing" or (self._home / "unreadable").exists():
            raise Refusal("model.missing", model=name, path=str(self._home / name))
        if name == "fatal":
            os.kill(os.getpid(), signal.SIGSEGV)
        if name not in self._models:
            self._ballast = bytearray(os.urandom(1) * 64_000_000) if name == "heavy" else b""
            self._models.append(name)

    def loaded(self) -> list[str]:
        """What was warmed."""
        return list(self._models)

    def cancel(self) -> None:
        """Only counted; the scripts look at ``cancelled``."""
        self.cancels += 1

    def make(self, job: Job, *, cancelled: Callable[[], bool]) -> Made:
        """Run the script that the image is."""
        word, _, rest = bytes(job.image).decode().partition(":")
        answer = getattr(self, f"_{word}")(rest, cancelled)
        background = bytes(job.background or b"")
        return Made((answer.encode(), memoryview(background)), _report(job))

    def _echo(self, rest: str, _: Callable[[], bool]) -> str:
        return rest

    def _pid(self, _: str, __: Callable[[], bool]) -> str:
        return str(os.getpid())

    def _environment(self, rest: str, _: Callable[[], bool]) -> str:
        return os.environ.get(rest, "")

    def _print(self, rest: str, _: Callable[[], bool]) -> str:
        os.write(1, rest.encode())
        return "printed"

    def _cancels(self, _: str, __: Callable[[], bool]) -> str:
        return str(self.cancels)

    def _refuse(self, rest: str, _: Callable[[], bool]) -> str:
        raise Refusal("upload.corrupt", format="PNG", problem=rest)

    def _bug(self, rest: str, _: Callable[[], bool]) -> str:
        raise ValueError(rest)

    def _memory(self, _: str, __: Callable[[], bool]) -> str:
        raise MemoryError

    def _hold(self, rest: str, cancelled: Callable[[], bool]) -> str:
        """Say that it began, then wait for a file to appear."""
        Path(f"{rest}.begun").touch()
        while not Path(rest).exists():
            if cancelled():
                raise Cancelled
            time.sleep(0.005)
        return "held"

    def _runtime(self, rest: str, cancelled: Callable[[], bool]) -> str:
        """Like a network that is stopped in mid-run: end with a general error."""
        Path(f"{rest}.begun").touch()
        while not cancelled():
            time.sleep(0.005)
        raise RuntimeError("exiting due to terminate flag being set to true")

    def _stubborn(self, rest: str, _: Callable[[], bool]) -> str:
        """Say that it began, then hear nothing."""
        Path(f"{rest}.begun").touch()
        time.sleep(60)
        return "slept"

    def _hang(self, rest: str, _: Callable[[], bool]) -> str:
        """Hang in C with the interpreter's lock held, so that no thread of the worker runs."""
        Path(f"{rest}.begun").touch()
        ctypes.PyDLL(None).sleep(60)
        return "slept"

    def _die(self, rest: str, _: Callable[[], bool]) -> str:
        os.kill(os.getpid(), signal.Signals[rest])
        return "immortal"

    def _exit(self, rest: str, _: Callable[[], bool]) -> str:
        os._exit(int(rest))

    def _fill(self, _: str, __: Callable[[], bool]) -> str:
        """Take memory until there is none."""
        hoard = []
        while True:
            hoard.append(bytearray(b"x") * 8_000_000)

    def _slip(self, _: str, __: Callable[[], bool]) -> str:
        """Take memory behind the back of the worker's own limit, then wait to be caught."""
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        hoard = mmap.mmap(-1, 400_000_000)
        for offset in range(0, len(hoard), mmap.PAGESIZE):
            hoard[offset] = 1
        time.sleep(60)
        return "unseen"

    def _babble(self, _: str, __: Callable[[], bool]) -> str:
        """Break the format: write rubbish to every socket this process has."""
        for fd in range(3, 64):
            with suppress(OSError):
                os.write(fd, b"\xff" * 64)
        time.sleep(60)
        return "unheard"


def scripted(settings: Settings, *, threads: int) -> ScriptedMaker:
    """The maker above."""
    assert threads > 0
    return ScriptedMaker(settings)


def broken(settings: Settings, *, threads: int) -> ScriptedMaker:
    """A factory that fails with a bug."""
    raise RuntimeError(f"cannot build for {settings.models.default} with {threads} threads")


def stillborn(settings: Settings, *, threads: int) -> ScriptedMaker:
    """A factory that kills its process."""
    os.kill(os.getpid(), signal.SIGKILL)
    return scripted(settings, threads=threads)


def _report(job: Job) -> Report:
    name = job.options.model or "default"
    return Report(name, "image/png", 3, 2, 3, 2, (0, 1, 2, 3), (Stage("echo", 0.5),), ("a note with ümlauts",))
