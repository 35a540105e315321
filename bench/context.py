"""What every measurement is given: how much effort to spend, the running server and peer, and whom to tell progress."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol

from bench.peer import Peer
from bench.problems import Unmeasurable
from bench.service import Service

CACHE: Final = Path(__file__).parent.parent / ".cache"
MODELS: Final = ("u2netp", "u2net")


@dataclass(frozen=True, slots=True)
class Effort:
    """How often things are repeated."""

    pairs_1p5mp: int = 30
    pairs_12mp: int = 12
    png_pairs: int = 3
    """Per cut-out of the set."""
    windows: int = 8
    """Pairs of time windows where throughput with one and with two clients is compared."""
    requests_per_window: int = 12
    memory_requests: int = 300
    vip_blocks: int = 6
    vip_requests_per_block: int = 8
    parity_models: tuple[str, ...] = MODELS
    log_megabytes: int = 1_000
    doctor_runs: int = 5


FULL: Final = Effort()
QUICK: Final = Effort(
    pairs_1p5mp=5,
    pairs_12mp=2,
    png_pairs=1,
    windows=2,
    requests_per_window=4,
    memory_requests=15,
    vip_blocks=2,
    vip_requests_per_block=3,
    parity_models=("u2netp",),
    log_megabytes=16,
    doctor_runs=1,
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a measurement found: figures by their key in :mod:`bench.targets`, how, and what else is worth telling."""

    figures: Mapping[str, float]
    method: str
    details: Mapping[str, object]
    reasons: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """For figures of this measurement that could not be taken: why."""


class Observer(Protocol):
    """Whoever wants to see how far it is."""

    def step(self, measurement: str, done: int, of: int) -> None:
        """``done`` of ``of`` steps of a measurement are behind us."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One thing to measure and the figures that come of it."""

    name: str
    figures: tuple[str, ...]
    take: Callable[[Bench], Outcome]


class Bench:
    """The machinery that measurements share, started when first needed; a context manager that stops it."""

    def __init__(self, home: Path, effort: Effort, observer: Observer) -> None:
        self.home = home
        self.effort = effort
        self._observer = observer
        self._running = ExitStack()
        self.scratch = CACHE / "bench"
        self.scratch.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._running.close()

    @cached_property
    def service(self) -> Service:
        """The server with its default settings, running until the bench ends."""
        self.weights("u2netp")
        return self._running.enter_context(self.fresh_service())

    @cached_property
    def peer(self) -> Peer:
        """rembg with our weights."""
        return self._running.enter_context(Peer(CACHE / "peer", {name: self.weights(name) for name in MODELS}))

    def fresh_service(self, **settings: str) -> Service:
        """A server that the caller starts and stops."""
        return Service(self.home, log=self.scratch / "server.log", **settings)

    def weights(self, model: str) -> Path:
        """The weights of a model, fetched with the product's own command where they are missing.

        Raises :class:`Unmeasurable` where they cannot be had.
        """
        file = self.home / "models" / f"{model}.onnx"
        if not file.is_file():
            self._pull(model)
        return file

    def steps(self, measurement: str, of: int) -> Callable[[int], None]:
        """What a measurement calls with the number of steps done."""
        return lambda done: self._observer.step(measurement, done, of)

    def file(self, name: str, data: bytes) -> Path:
        """``data`` as a file, for those that read files."""
        path = self.scratch / name
        path.write_bytes(data)
        return path

    def _pull(self, model: str) -> None:
        command = [str(Path(sys.executable).with_name("mattegate")), "--home", str(self.home), "models", "pull", model]
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
        if done.returncode:
            raise Unmeasurable(f"the weights of {model} cannot be had: {done.stderr.strip()[-400:]}")
