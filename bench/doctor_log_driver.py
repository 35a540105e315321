"""Reads made-up logs with the doctor and says how it went, a line of JSON for each: run by :mod:`bench.doctor_logs`.

Nothing but the doctor is loaded into this process, so that its memory is the doctor's.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final, cast

from bench.log_made_up import LOGS, MadeUp
from bench.processes import forget_peak, peak_mb
from mattegate.doctor.readers.logs import LOG_READERS

_READERS: Final = {reader.name: reader for reader in LOG_READERS}
_BASELINE: Final = 32_000_000


class _Halfway(MadeUp):
    """A log that knows what its reader's memory was when half of it was read."""

    peak_mb = 0.0

    def read(self, size: int = -1) -> bytes:
        """At most so much of it."""
        if not self.peak_mb and self.left * 2 <= self.total:
            self.peak_mb = peak_mb()
        return super().read(size)


def read(name: str, total: int) -> dict[str, float]:
    """Read one log of so many bytes and say how it went, and how fast its lines can be had at all."""
    reader, make = LOGS[name]
    log = _Halfway(make, total)
    forget_peak()
    begin = time.process_time()
    kinds = sum(1 for _ in _READERS[reader].read(cast("BinaryIO", log), name))
    speed = total / 1e6 / (time.process_time() - begin - log.took)
    return {
        "mb_per_s": speed,
        "kinds": kinds,
        "peak_mb": peak_mb(),
        "peak_of_first_half_mb": log.peak_mb,
        "of_line_by_line": speed / _line_by_line(name, min(total, _BASELINE)),
    }


def _line_by_line(name: str, total: int) -> float:
    """Megabytes a second where lines are split and nothing is done with them, on this machine and in this minute."""
    log = MadeUp(LOGS[name][1], total)
    begin, rest = time.process_time(), b""
    while block := log.read(1 << 20):
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            line.strip()
    return total / 1e6 / (time.process_time() - begin - log.took)


def told(megabytes: int, names: Iterable[str] = LOGS) -> Iterator[str]:
    """A line of JSON for each log."""
    for name in names:
        yield json.dumps({name: {key: round(value, 2) for key, value in read(name, megabytes * 1_000_000).items()}})


if __name__ == "__main__":
    for line in told(int(sys.argv[1]), sys.argv[2:] or LOGS):
        print(line, flush=True)
