"""A worker process: takes orders from the engine over a socket, one at a time, and answers each of them.

Run by the engine as ``python -m mattegate.cutout.engine.worker``. The main thread works; a second thread listens, so
that a cancellation arrives while the work goes on. A worker ends when its socket does, whatever it is doing then.
It ignores SIGINT and SIGTERM: a terminal's Ctrl-C and a service manager's stop reach the whole group, while the
engine still wants its orders finished.
"""

from __future__ import annotations

import argparse
import ctypes
import faulthandler
import logging
import os
import queue
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from mattegate.config.settings import MB, Settings
from mattegate.cutout.engine.maker import DEFAULT_FACTORY, Cancelled, Made, Maker, check, load_factory, told
from mattegate.cutout.engine.memory import address_space_bytes, limit_address_space, resident_bytes
from mattegate.cutout.engine.messages import (
    Begun,
    Cancel,
    Declined,
    Done,
    Order,
    Ready,
    Stopped,
    decode,
)
from mattegate.cutout.engine.protocol import Job
from mattegate.cutout.engine.wire import Channel, SharedBuffer, adopt, close_all
from mattegate.vocabulary.refusal import Refusal
from mattegate.vocabulary.report import Report

log = logging.getLogger("mattegate.engine.worker")

_PR_SET_PDEATHSIG = 1  # prctl(2)


class _Errand:
    """An order with its images and whether anybody still waits for it."""

    def __init__(self, order: Order, images: Sequence[memoryview]) -> None:
        self.number = order.number
        self.job = Job(images[0], order.options, images[1] if len(images) > 1 else None)
        self.cancelled = threading.Event()


class Worker:
    """Answers orders from ``channel`` with what ``build`` builds; each image may take ``memory_limit`` bytes."""

    def __init__(self, channel: Channel, build: Callable[[], Maker], memory_limit: int) -> None:
        self._channel = channel
        self._build = build
        self._memory_limit = memory_limit
        self._ceiling: int | None = None
        self._resident = 0
        self._models: tuple[str, ...] = ()
        self._orders: queue.SimpleQueue[_Errand] = queue.SimpleQueue()
        self._errands: dict[int, _Errand] = {}
        self._lock = threading.Lock()
        self._maker: Maker | None = None

    def run(self) -> int:
        """Warm up, then work until the engine closes the socket; returns an exit code where it could not start."""
        threading.Thread(target=self._listen, name="engine-orders", daemon=True).start()
        try:
            maker = self._build()
            self._load(maker, None)
        except Refusal as refusal:
            self._channel.send(Declined.of(0, refusal))
            return 3
        except Exception as error:
            log.exception("worker cannot start")
            self._channel.send(Declined.of(0, Refusal("engine.unavailable", problem=_told(error))))
            return 4
        self._maker = maker
        self._channel.send(Ready(self._models, self._resident))
        while True:
            self._answer(maker, self._orders.get())

    def _listen(self) -> None:
        """Take in what the engine says until it says no more; then there is nothing left to live for."""
        try:
            while True:
                for message, fds in self._channel.receive():
                    self._take_in(message, fds)
        except (EOFError, OSError):
            os._exit(0)
        except ValueError as error:
            log.critical("the engine's messages cannot be read: %s", error)
            os._exit(5)

    def _take_in(self, message: object, fds: Sequence[int]) -> None:
        match message:
            case Order() if fds:
                errand = _Errand(message, [adopt(fd) for fd in fds])
                with self._lock:
                    self._errands[message.number] = errand
                self._orders.put(errand)
            case Cancel():
                self._cancel(message.number)
            case _:
                close_all(fds)
                raise ValueError(f"{type(message).__name__} is not for a worker")

    def _cancel(self, number: int) -> None:
        with self._lock:  # held while the maker is told, so that it can never stop the next order instead
            errand = self._errands.get(number)
            if errand is not None:
                errand.cancelled.set()
                if self._maker is not None:
                    self._maker.cancel()

    def _answer(self, maker: Maker, errand: _Errand) -> None:
        try:
            report, result = self._make(maker, errand)
        except Refusal as refusal:
            self._close_books(errand)
            self._channel.send(Declined.of(errand.number, refusal))
        except Cancelled:
            self._close_books(errand)
            self._channel.send(Stopped(errand.number))
        else:
            self._close_books(errand)
            with result:
                self._channel.send(Done(errand.number, report), (result.fd,))

    def _make(self, maker: Maker, errand: _Errand) -> tuple[Report, SharedBuffer]:
        cancelled = errand.cancelled.is_set
        with told(cancelled, self._memory_limit / MB), _limit_lifted():
            self._load(maker, errand.job.options.model)
            self._channel.send(Begun(errand.number, self._models, self._resident))
            check(cancelled)
            limit_address_space(self._ceiling)
            made = maker.make(errand.job, cancelled=cancelled)
            return made.report, _shared(made)

    def _load(self, maker: Maker, model: str | None) -> None:
        """Make sure that ``model`` is in memory; what it takes is not charged to the image."""
        maker.warm(model)
        models = tuple(sorted(maker.loaded()))
        if models != self._models or self._ceiling is None:
            space = address_space_bytes()
            self._ceiling = None if space is None else space + self._memory_limit
            self._resident = resident_bytes() or 0
            self._models = models

    def _close_books(self, errand: _Errand) -> None:
        """From here on a late cancellation of this order means nothing."""
        with self._lock:
            del self._errands[errand.number]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one worker on an inherited socket."""
    parser = argparse.ArgumentParser(prog="mattegate.cutout.engine.worker", description=main.__doc__)
    parser.add_argument("--channel", type=int, required=True, help="descriptor of the socket to the engine")
    parser.add_argument("--parent", type=int, required=True, help="process id of the engine")
    parser.add_argument("--factory", default=DEFAULT_FACTORY, help="module:callable that builds the maker")
    parser.add_argument("--settings", required=True, help="all settings, as the engine wrote them")
    parser.add_argument("--threads", type=int, required=True)
    args = parser.parse_args(argv)
    _settle_in(args.parent)
    settings = decode(args.settings)
    if not isinstance(settings, Settings):
        parser.error("--settings holds no settings")
    end = socket.socket(fileno=args.channel)
    end.set_inheritable(False)

    def build() -> Maker:
        return load_factory(args.factory)(settings, threads=args.threads)

    return Worker(Channel(end), build, settings.engine.memory_limit_mb * MB).run()


def _settle_in(parent: int) -> None:
    """Signals, crash reports without core files (they would hold the image), and death with the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.enable()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    if sys.platform == "linux":  # also when a hang keeps the listening thread from seeing the socket close
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


@contextmanager
def _limit_lifted() -> Iterator[None]:
    """Whatever the block limits is over with it, so that even a worker without memory can answer."""
    try:
        yield
    finally:
        limit_address_space(None)


def _shared(made: Made) -> SharedBuffer:
    result = SharedBuffer()
    result.extend(made.segments)
    result.seal()
    return result


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    sys.exit(main())
