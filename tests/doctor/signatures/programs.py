"""Real servers with small refusing configurations on loopback ports, stopped by their pid when the block ends.

What is asked of them and what the doctor must say stands in the tests.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

_STARTS_WITHIN_S: Final = 15.0
_STOPS_WITHIN_S: Final = 10.0
_LOGS_WITHIN_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Program:
    """A server that runs."""

    port: int
    folder: Path

    def url(self, path: str, *, scheme: str = "http") -> str:
        """The address of a path on it."""
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    def logged(self, name: str, words: str) -> str:
        """The lines of a log with these words; they may come a little after the answer."""
        until = time.monotonic() + _LOGS_WITHIN_S
        while time.monotonic() < until:
            log = self.folder / name
            text = log.read_text("utf-8", "replace") if log.exists() else ""
            if found := [line for line in text.splitlines() if words in line]:
                return "\n".join(found) + "\n"
            time.sleep(0.02)
        raise AssertionError(f"{name} has no {words!r}:\n{text}")


@contextmanager
def running(command: list[str], files: dict[str, str], *, port: int, output: str = "output") -> Iterator[Program]:
    """The program, once its port answers; ``{folder}`` and ``{port}`` are filled in in the command and the files."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    with tempfile.TemporaryDirectory(prefix="mattegate-signature-") as name:
        folder = Path(name)
        folder.chmod(0o777)
        for file, text in files.items():
            target = folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text.replace("{folder}", name).replace("{port}", str(port)), "utf-8")
        filled = [word.replace("{folder}", name).replace("{port}", str(port)) for word in command]
        home = os.environ | {"HOME": name, "XDG_CONFIG_HOME": name, "XDG_DATA_HOME": name}
        with (folder / output).open("wb") as told:
            process = subprocess.Popen(filled, stdout=told, stderr=told, cwd=name, env=home)
        try:
            _wait(process, port, folder / output)
            yield Program(port, folder)
        finally:
            _stop(process)


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def curl(*arguments: str) -> bytes:
    """What ``curl -v`` prints."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    home = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    command = ["curl", "-q", "-sS", "-v", "--max-time", "10", *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=home, check=False).stdout


def _wait(process: subprocess.Popen[bytes], port: int, output: Path) -> None:
    until = time.monotonic() + _STARTS_WITHIN_S
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(f"it does not start:\n{output.read_text('utf-8', 'replace')[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOPS_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
