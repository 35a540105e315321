"""Reads made-up logs with the doctor and says how it went, a line of JSON for each: run by :mod:`bench.doctor_logs`.

Nothing but the doctor is loaded into this process, so that its memory is the doctor's.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final, cast

from bench.log_made_up import LOGS, MadeUp
from mattegate.doctor.readers.logs import LOG_READERS

_READERS: Final = {reader.name: reader for reader in LOG_READERS}
_BASELINE: Final = 32_000_000


def read(name: str, total: int) -> dict[str, float]:
    """Read one log of so many bytes and say how it went, and how fast its lines can be had at all."""
    reader, make = LOGS[name]
    log = MadeUp(make, total)
    begin = time.process_time()
    kinds = sum(1 for _ in _READERS[reader].read(cast("BinaryIO", log), name))
    speed = total / 1e6 / (time.process_time() - begin - log.took)
    return {"mb_per_s": speed, "kinds": kinds, "of_line_by_line": speed / _line_by_line(name, min(total, _BASELINE))}


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
        found = read(name, megabytes * 1_000_000)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        yield json.dumps({name: {key: round(value, 2) for key, value in (found | {"peak_mb": peak}).items()}})


if __name__ == "__main__":
    for line in told(int(sys.argv[1]), sys.argv[2:] or LOGS):
        print(line, flush=True)
