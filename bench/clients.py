"""What a second client gains.

Windows of the same number of 1.5 MP requests are sent to one running server, by one keep-alive client or by two at
once; they alternate, and each pair of windows gives one ratio of throughputs. What is physically possible is told
beside it: the cores that nothing else on the machine used, x wall time / processor time of the server, its workers
and the client (all from /proc) in the windows of one client. Where one request already keeps all cores busy, the
ratio cannot exceed that ceiling.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from bench import processes
from bench.context import Bench, Outcome
from bench.http_request import cut_out
from bench.inputs import MP_1P5, SUBJECTS, large_jpeg
from bench.pairs import Spread, alternate
from bench.service import Service

NAME = "clients"


@dataclass(slots=True)
class _Windows:
    """Sends windows of requests and remembers what the windows of one client cost."""

    service: Service
    pictures: list[bytes]
    requests: int
    busy: list[float] = field(default_factory=list)
    """Per window of one client: our own processor time / wall time, in cores."""
    others: list[float] = field(default_factory=list)
    """Per window of one client: what everything else on the machine took meanwhile, in cores."""

    def one_client(self, _: int) -> float:
        used, machine = self._used(), processes.machine_busy_seconds()
        seconds = self._send(clients=1)
        self.busy.append((self._used() - used) / seconds)
        self.others.append((processes.machine_busy_seconds() - machine) / seconds - self.busy[-1])
        return seconds

    def two_clients(self, _: int) -> float:
        return self._send(clients=2)

    def _send(self, *, clients: int) -> float:
        share = self.requests // clients
        with ThreadPoolExecutor(clients) as pool:
            start = time.perf_counter()
            for done in [pool.submit(self._client, share, client) for client in range(clients)]:
                done.result()
            return time.perf_counter() - start

    def _client(self, requests: int, offset: int) -> None:
        with self.service.caller() as caller:
            for number in range(requests):
                cut_out(caller, self.pictures[(number + offset) % len(self.pictures)])

    def _used(self) -> float:
        return processes.cpu_seconds(self.service.pid) + time.process_time()


def measure(bench: Bench) -> Outcome:
    """The figures ``two_clients_over_one`` and ``two_clients_ceiling``."""
    effort = bench.effort
    pictures = [large_jpeg(name, MP_1P5) for name in SUBJECTS]
    windows = _Windows(bench.service, pictures, effort.requests_per_window // 2 * 2)
    told = bench.steps(NAME, effort.windows)
    found = alternate(windows.one_client, windows.two_clients, pairs=effort.windows, warm=1, after_pair=told)
    cores, busy, others = os.cpu_count() or 1, Spread.of(windows.busy[1:]), Spread.of(windows.others[1:])
    return Outcome(
        {"two_clients_over_one": found.ratio.median, "two_clients_ceiling": (cores - others.median) / busy.median},
        __doc__ or "",
        {
            "ratio": found.ratio.as_json(),
            "one_client_per_s": round(windows.requests / Spread.of(found.first).median, 2),
            "two_clients_per_s": round(windows.requests / Spread.of(found.second).median, 2),
            "cores": cores,
            "cores_busy_with_one_client": busy.as_json(2),
            "cores_busy_with_others": others.as_json(2),
        },
    )
