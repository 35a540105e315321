"""The peer that is measured against: rembg, in an environment of its own that this file makes once.

Fair to the peer: its newest release at the time of writing, the same ONNX Runtime as ours, the same weights, default
threads, its session loaded before anything is timed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final, Self

from bench.child import Child
from bench.problems import Unmeasurable

REMBG: Final = "2.0.86"
_DRIVER: Final = Path(__file__).with_name("peer_driver.py")


def requirements() -> tuple[str, ...]:
    """What the peer's environment holds."""
    return (f"rembg[cpu]=={REMBG}", f"onnxruntime=={version('onnxruntime')}")


def environment(folder: Path) -> Path:
    """The interpreter of the peer's environment under ``folder``, made where it is missing or holds other versions.

    Raises :class:`Unmeasurable` with the package client's last words.
    """
    label = hashlib.sha256(" ".join((sys.version, *requirements())).encode()).hexdigest()[:12]
    home = folder / f"rembg-{label}"
    python = home / "bin" / "python"
    if not (home / "complete").is_file():
        shutil.rmtree(home, ignore_errors=True)
        for command in _recipe(home, python):
            _run(command)
        (home / "complete").touch()
    return python


def _recipe(home: Path, python: Path) -> tuple[list[str], ...]:
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.is_file() else shutil.which("uv")
    if uv is None:
        return (
            [sys.executable, "-m", "venv", str(home)],
            [str(python), "-m", "pip", "install", "--quiet", *requirements()],
        )
    return (
        [uv, "venv", "--quiet", "--python", sys.executable, str(home)],
        [uv, "pip", "install", "--quiet", "--python", str(python), *requirements()],
    )


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode:
        last_words = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        raise Unmeasurable(f"the peer's environment could not be made: {last_words}")


class Peer:
    """rembg, running; a context manager. ``weights`` maps a model's name to its file, which rembg takes as its own."""

    def __init__(self, folder: Path, weights: dict[str, Path]) -> None:
        home = folder / "rembg-home"
        for name, file in weights.items():
            _place(file, home / "models" / name / f"{name}.onnx")
        hidden = {"OMP_NUM_THREADS", "U2NET_HOME", "MODEL_CHECKSUM_DISABLED"}
        env = {name: value for name, value in os.environ.items() if name not in hidden} | {"REMBG_HOME": str(home)}
        self._child = Child([str(environment(folder)), str(_DRIVER)], env=env)
        self._loaded: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._child.close()

    def versions(self) -> dict[str, object]:
        """What is installed there."""
        return self._child.ask({"do": "versions"})

    def remove(self, model: str, image: Path, *, out: Path | None = None, mask: bool = False) -> float:
        """Cut out one picture: the seconds of ``rembg.remove`` alone; ``out`` receives the PNG after that."""
        if model not in self._loaded:
            self._child.ask({"do": "load", "model": model})
            self._loaded.add(model)
        question = {"do": "remove", "model": model, "image": str(image), "out": out and str(out), "mask": mask}
        return float(str(self._child.ask(question)["seconds"]))


def _place(file: Path, wanted: Path) -> None:
    """Put our weights where rembg looks first (``<home>/models/<name>``), so that it downloads nothing."""
    wanted.parent.mkdir(parents=True, exist_ok=True)
    wanted.unlink(missing_ok=True)
    try:
        os.link(file, wanted)
    except OSError:
        shutil.copyfile(file, wanted)
