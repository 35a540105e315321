"""Real processes of the command line, and their pipes and terminals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("MATTEGATE_")},
    "PYTHONPATH": str(ROOT),
    "COLUMNS": "100",
    "TERM": "dumb",
    "NO_COLOR": "1",
}


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    code: int
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, object]]:
        """The JSON lines on standard output."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def summary(self) -> dict[str, object]:
        """The last JSON line's counts."""
        summary = self.records[-1]["summary"]
        assert isinstance(summary, dict)
        return summary


def scripted(*arguments: str | Path, **script: object) -> list[str]:
    """The command line over a scripted engine."""
    return [sys.executable, "-m", "tests.cli.entry", json.dumps(script), *map(str, arguments)]


def real(*arguments: str | Path) -> list[str]:
    """The command line as it is installed."""
    return [sys.executable, "-m", "mattegate", *map(str, arguments)]


def call(line: list[str], cwd: Path | None = None, stdin: bytes | None = None) -> Ended:
    """Run to the end."""
    ended = subprocess.run(
        line, cwd=cwd, input=stdin or b"", capture_output=True, env=ENVIRONMENT, check=False, timeout=60
    )
    return Ended(ended.returncode, ended.stdout.decode(errors="replace"), ended.stderr.decode())


def begin(line: list[str]) -> subprocess.Popen[bytes]:
    """Start in a session of its own, so that a signal to it reaches it alone."""
    return subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT, start_new_session=True
    )


def until(true: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for something to become true; fail after ``seconds``."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
