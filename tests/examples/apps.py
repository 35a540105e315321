"""The examples as their users start them: uvicorn as a process of its own, and a desk that makes keys beside it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mattegate.cli.why_report import as_json, explain
from mattegate.config.settings import Settings
from mattegate.ledger.desk import Desk
from mattegate.ledger.opening import open_accounts
from mattegate.ledger.records_reading import RecordReader

ROOT = Path(__file__).parents[2]
CACHE = Path(os.environ.get("MATTEGATE_TEST_CACHE") or ROOT / ".cache")
_LISTENING = re.compile(r"running on (http://\S+)")
_START_S = 90.0


@dataclass(frozen=True)
class App:
    """A running example; ``url`` without a final slash."""

    url: str
    home: Path
    log: Path


@contextmanager
def running(
    target: str, *, home: Path, log: Path, python: Path | str = sys.executable, **settings: str
) -> Iterator[App]:
    """``uvicorn TARGET`` in the folder of the examples, on a free port, for the length of the block."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MATTEGATE_")}
    own = {f"MATTEGATE_{name.upper()}": value for name, value in settings.items()}
    command = [
        str(python),
        "-m",
        "uvicorn",
        "--no-proxy-headers",
        "--app-dir",
        str(ROOT / "examples"),
        "--port",
        "0",
        target,
    ]
    with log.open("w") as output:
        process = subprocess.Popen(
            command, env=inherited | own | {"MATTEGATE_HOME": str(home)}, stdout=output, stderr=output
        )
        try:
            yield App(_address(process, log), home, log)
        finally:
            process.terminate()
            process.wait(60)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        if found := _LISTENING.search(log.read_text()):
            return found[1]
        time.sleep(0.05)
    raise AssertionError(f"the example did not start:\n{log.read_text()}")


@contextmanager
def desk_of(home: Path) -> Iterator[Desk]:
    """The desk of a home, also while an example runs on it."""
    with open_accounts(Settings(home=home)) as accounts:
        yield accounts.desk


def why(home: Path, request_id: str) -> dict[str, Any]:
    """What ``mattegate why --json`` tells of a request, read beside the running example."""
    with closing(RecordReader(Settings(home=home).ledger_dir, seal_key=None)) as reader:
        found = reader.find(request_id)
        assert found is not None, f"{request_id} is not on record"
        return as_json(explain(found, reader))
