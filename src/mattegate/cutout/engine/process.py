"""One worker process as the engine sees it: spawned, spoken to, watched, and buried.

No policy here: what to do about a dead or a late worker is decided in :mod:`.slot`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from mattegate.config.settings import Settings
from mattegate.cutout.engine.chatter import Chatter
from mattegate.cutout.engine.memory import resident_bytes
from mattegate.cutout.engine.messages import Message, Order, encode
from mattegate.cutout.engine.wire import Channel, adopt, close_all

log = logging.getLogger("mattegate.engine")


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What every worker of an engine is started with."""

    factory: str
    settings: Settings
    threads: int
    environment: Mapping[str, str]

    def command(self, channel: int) -> list[str]:
        """The worker's command line; ``-P`` keeps the current folder off its import path."""
        return [
            sys.executable, "-P", "-m", "mattegate.cutout.engine.worker",
            "--channel", str(channel), "--parent", str(os.getpid()), "--factory", self.factory,
            "--threads", str(self.threads), "--settings", encode(self.settings).decode(),
        ]  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Letter:
    """A message from the worker with the memory that came along."""

    message: Message
    enclosed: tuple[memoryview, ...] = ()


class Gone(Exception):  # noqa: N818 - the worker's end, which the engine expects
    """The worker has ended, or does not keep to the format and was ended."""


class WorkerProcess:
    """A running worker. Must be created inside a running event loop, and ended with :meth:`bury`.

    Raises ``OSError`` where no process can be started.
    """

    def __init__(self, blueprint: Blueprint) -> None:
        ours, theirs = socket.socketpair()
        with theirs, ExitStack() as undo:
            undo.callback(ours.close)
            self._chatter = Chatter()
            undo.callback(self._chatter.close)
            with self._chatter.lent() as printed:
                self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                    blueprint.command(theirs.fileno()),
                    env=blueprint.environment,
                    pass_fds=(theirs.fileno(),),
                    stdin=subprocess.DEVNULL,
                    stdout=printed,
                    stderr=printed,
                    start_new_session=True,
                )
            undo.pop_all()
        ours.setblocking(False)
        self.gone = asyncio.Event()
        self.orders = 0
        """How many orders it was given."""
        self._born = time.monotonic()
        self._channel = Channel(ours)
        self._letters: asyncio.Queue[Letter | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(ours, self._read)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def age_s(self) -> float:
        """Seconds since it was spawned."""
        return time.monotonic() - self._born

    def send(self, message: Message, fds: tuple[int, ...] = ()) -> None:
        """Send a message; a worker that cannot take it any more is ended, which :meth:`receive` tells."""
        if self.gone.is_set():
            return
        try:
            self._channel.send(message, fds)
            self.orders += isinstance(message, Order)
        except OSError as error:
            log.warning("worker %d takes no message (%s), so it is ended", self.pid, error)
            self._end()

    async def receive(self, timeout_s: float) -> Letter | None:
        """The next message, ``None`` where there is none in time. Raises :class:`Gone`."""
        try:
            async with asyncio.timeout(timeout_s):
                letter = await self._letters.get()
        except TimeoutError:
            return None
        if letter is None:
            raise Gone
        return letter

    def resident(self) -> int | None:
        """Its resident memory in bytes, where that can be known."""
        return resident_bytes(self.pid)

    def kill(self) -> None:
        """End it with SIGKILL, and hear no more from it."""
        self._process.kill()
        self._end()

    async def bury(self) -> str:
        """Make sure that the process is gone and nothing of it is left; returns how it ended."""
        self._end()
        if self._process.poll() is None:
            self._process.kill()  # a process that is dying already keeps its own cause of death
            await asyncio.to_thread(self._process.wait)
        self._pass_on_chatter()
        self._chatter.close()
        return _how(self._process.returncode)

    def _read(self) -> None:
        try:
            for message, fds in self._channel.receive():
                self._pass_on_chatter()
                self._letters.put_nowait(Letter(message, _adopted(fds)))
        except BlockingIOError:
            return
        except (EOFError, ConnectionError):
            self._end()
        except ValueError as error:
            log.error("worker %d does not keep to the format (%s), so it is killed", self.pid, error)  # noqa: TRY400
            self.kill()

    def _pass_on_chatter(self) -> None:
        for line in self._chatter.lines():
            log.warning("worker %d: %s", self.pid, line)

    def _end(self) -> None:
        if not self.gone.is_set():
            self._loop.remove_reader(self._channel.fileno())
            self._channel.close()
            self._letters.put_nowait(None)
            self.gone.set()


def _adopted(fds: tuple[int, ...]) -> tuple[memoryview, ...]:
    adopted = []
    for index, fd in enumerate(fds):
        try:
            adopted.append(adopt(fd))
        except ValueError:
            close_all(fds[index + 1 :])
            raise
    return tuple(adopted)


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
