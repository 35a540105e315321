"""Memory under a long series of large pictures.

A fresh `mattegate serve` answers 12 MP JPEGs, one after another, with u2netp. Memory is the proportional set size
summed over the server and all its workers (`/proc/*/smaps_rollup`): at rest after each request, and ten times a
second while they run. The figure is the last value at rest; growth is the median of the last third over that of the
first third.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench import processes
from bench.context import Bench, Outcome
from bench.http_request import cut_out
from bench.inputs import MP_12, SUBJECTS, large_jpeg
from bench.pairs import Spread

NAME = "memory"


@dataclass(slots=True)
class Peak:
    """The greatest value seen so far, in megabytes."""

    megabytes: float = 0.0


def measure(bench: Bench) -> Outcome:
    """The figures ``memory_pss_mb``, ``memory_peak_pss_mb`` and ``memory_growth``."""
    pictures = [large_jpeg(name, MP_12) for name in SUBJECTS]
    requests = bench.effort.memory_requests
    told = bench.steps(NAME, requests)
    at_rest: list[float] = []
    with bench.fresh_service() as service, service.caller() as caller, watched(service.pid) as peak:
        started = processes.pss_mb(service.pid)
        for number in range(requests):
            cut_out(caller, pictures[number % len(pictures)])
            at_rest.append(processes.pss_mb(service.pid))
            told(number + 1)
    first, last = thirds(at_rest)
    return Outcome(
        {
            "memory_pss_mb": at_rest[-1],
            "memory_peak_pss_mb": max(peak.megabytes, *at_rest),
            "memory_growth": last.median / first.median,
        },
        __doc__ or "",
        {
            "requests": requests,
            "before_mb": round(started, 1),
            "first_third_mb": first.as_json(1),
            "last_third_mb": last.as_json(1),
        },
    )


def thirds(values: list[float]) -> tuple[Spread, Spread]:
    """The first and the last third of a series of at least three."""
    third = len(values) // 3
    return Spread.of(values[:third]), Spread.of(values[-third:])


@contextmanager
def watched(pid: int, *, every_s: float = 0.1) -> Iterator[Peak]:
    """Watch the memory of a process tree from a thread of its own while the block runs."""
    peak, over = Peak(), threading.Event()

    def watch() -> None:
        while not over.wait(every_s):
            peak.megabytes = max(peak.megabytes, processes.pss_mb(pid))

    watcher = threading.Thread(target=watch, name="memory watcher")
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()
