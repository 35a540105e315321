"""A long-lived child process that is asked and answers in lines of JSON.

Rules of this file: transport only. What the questions mean is known by whoever asks and by the driver script, which
runs under another interpreter, so that what is measured there shares nothing with this process.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from bench.problems import Unmeasurable


class Child:
    """A running driver; a context manager that ends it.

    ``ask`` sends one object and returns the answer. Raises :class:`Unmeasurable` when the driver answers with an
    ``error``, ends, or stays silent for ``limit_s``.
    """

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str], limit_s: float = 300.0) -> None:
        self._limit_s = limit_s
        self._process = subprocess.Popen(
            list(command), env=dict(env), stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        self._received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The driver's process."""
        return self._process.pid

    def ask(self, question: Mapping[str, object]) -> dict[str, object]:
        """Send a question and wait for its answer."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
        except BrokenPipeError:
            raise Unmeasurable(f"the child process ended with status {self._process.wait()}") from None
        answer: dict[str, object] = json.loads(self._line())
        if "error" in answer:
            raise Unmeasurable(str(answer["error"]))
        return answer

    def close(self) -> None:
        """Close its input, which ends it; kill it where that does not."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _line(self) -> bytes:
        deadline = time.monotonic() + self._limit_s
        while b"\n" not in self._received:
            self._received += self._chunk(deadline - time.monotonic())
        line, _, self._received = self._received.partition(b"\n")
        return line

    def _chunk(self, limit_s: float) -> bytes:
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(max(limit_s, 0)):
                raise Unmeasurable(f"the child process did not answer within {self._limit_s:g} s")
        if chunk := os.read(self._process.stdout.fileno(), 65_536):
            return chunk
        raise Unmeasurable(f"the child process ended with status {self._process.wait()}")
