"""What the gate costs, measured over HTTP on loopback, one keep-alive connection each, in turn, all on one core.

One core, because a scheduler that puts one server beside the caller and another on the next core decides every such
ratio: waking another core costs as much as a refusal. On one core nothing is hidden behind that, so it is the harder
case; ``refused_apart_ratio`` has the caller on another core than both servers.

*A refusal over an empty answer*: a well-formed key that nobody knows, refused with its explanation and its record on
the disk, against a bare ASGI 204 on the same server with the same settings; batches of requests, one ratio a pair. The
head is the same each time, as it is of a client that tries again with a wrong key; ``refused_varying_ratio`` is that of
heads which are never those of the request before, so that nothing remembered of the connection helps.

*What the gate adds*: a cut-out of a small picture with an API key of a tier with a quota, books on the disk, against
the same data plane without a gate; the engine of both answers at once. The difference of the two, pair by pair.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from time import perf_counter
from typing import Final

from PIL import Image

from bench.context import Bench, Outcome
from bench.pairs import Paired, Spread, alternate
from bench.problems import Unmeasurable
from mattegate.signing.keys import mint

NAME: Final = "gate_cost"
_BATCH: Final = 200
_CUTOUTS: Final = 20
_PAIRS: Final = 24


@dataclass(frozen=True, slots=True)
class _Server:
    connection: socket.socket
    key: str

    def ask(self, requests: Sequence[bytes]) -> float:
        """Seconds for one of these, each answered before the next is sent."""
        begin = perf_counter()
        for request in requests:
            self.connection.sendall(request)
            _read_answer(self.connection)
        return (perf_counter() - begin) / len(requests)


def measure(bench: Bench) -> Outcome:
    """The figures ``refused_over_empty`` and ``gate_added_ms``."""
    told = bench.steps(NAME, 2 * _PAIRS)
    again = [_request("GET", "/v1/whoami", mint("sk_prod_").text)] * _BATCH
    without_key = [_request("GET", "/v1/whoami", "")] * _BATCH
    varying = [_request("GET", "/v1/whoami", mint("sk_prod_").text) for _ in range(_BATCH)]
    with ExitStack() as stack:
        others = stack.enter_context(_on_one_core())
        empty, gated, plain = (stack.enter_context(_serving(kind)) for kind in ("empty", "gated", "open"))

        def refused(
            requests: Sequence[bytes], pairs: int = _PAIRS // 2, after: Callable[[int], None] = _silent
        ) -> Paired:
            return alternate(
                lambda _: gated.ask(requests), lambda _: empty.ask(requests), pairs=pairs, warm=2, after_pair=after
            )

        refusals = refused(again, _PAIRS, told)
        others_refused = {"without_a_key": refused(without_key), "varying": refused(varying)}
        with _moved_to(others):
            others_refused["apart"] = refused(again)
        cutouts = [_request("POST", "/v1/remove-bg", gated.key, _small_png())] * _CUTOUTS
        added = alternate(
            lambda _: gated.ask(cutouts), lambda _: plain.ask(cutouts), pairs=_PAIRS, warm=2,
            after_pair=lambda done: told(_PAIRS + done),
        )  # fmt: skip
    differences = Spread.of([(a - b) * 1e3 for a, b in zip(added.first, added.second, strict=True)])
    return Outcome(
        {"refused_over_empty": refusals.ratio.median, "gate_added_ms": differences.median},
        __doc__ or "",
        {
            "refused_ratio": refusals.ratio.as_json(),
            **{f"refused_{name}_ratio": paired.ratio.as_json() for name, paired in others_refused.items()},
            "refused_us": Spread.of(refusals.first).scaled(1e6).as_json(1),
            "empty_us": Spread.of(refusals.second).scaled(1e6).as_json(1),
            "added_ms": differences.as_json(),
            "gated_ms": Spread.of(added.first).scaled(1e3).as_json(),
            "open_ms": Spread.of(added.second).scaled(1e3).as_json(),
        },
    )


def _silent(_: int) -> None:
    """Nobody is told of each pair."""


@contextmanager
def _on_one_core() -> Iterator[Set[int]]:
    """Keep this process, and all that it starts, on one core; which others there are. None where cores are not told."""
    if not hasattr(os, "sched_setaffinity"):
        yield frozenset()
        return
    cores = os.sched_getaffinity(0)
    one = min(cores)
    with _moved_to({one}):
        yield cores - {one}


@contextmanager
def _moved_to(cores: Set[int]) -> Iterator[None]:
    """This process alone on these cores; where it is, where there are none."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def _serving(kind: str) -> Iterator[_Server]:
    command = [sys.executable, "-m", "bench.gate_driver", kind]
    root = Path(__file__).parent.parent
    with (
        tempfile.TemporaryDirectory(prefix="mattegate-gate-") as home,
        subprocess.Popen([*command, home], cwd=root, stdout=subprocess.PIPE, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            port, _, key = process.stdout.readline().strip().partition(" ")
            if not port:
                raise Unmeasurable(f"the server for {kind} did not start")
            with socket.create_connection(("127.0.0.1", int(port)), timeout=30) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                yield _Server(connection, key)
        finally:
            process.terminate()
            process.wait(30)


def _request(method: str, path: str, key: str, body: bytes = b"") -> bytes:
    headers = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: */*", "User-Agent: bench"]
    if key:
        headers.append(f"Authorization: Bearer {key}")
    if body:
        headers += ["Content-Type: image/png", f"Content-Length: {len(body)}"]
    return "\r\n".join([*headers, "", ""]).encode() + body


def _read_answer(connection: socket.socket) -> None:
    """Read one answer with a ``Content-Length``, or a 204."""
    received = connection.recv(65_536)
    while b"\r\n\r\n" not in received:
        received += connection.recv(65_536)
    head, _, body = received.partition(b"\r\n\r\n")
    left = _length(head) - len(body)
    while left > 0:
        left -= len(connection.recv(65_536))


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def _small_png() -> bytes:
    out = BytesIO()
    Image.new("RGB", (64, 64), "teal").save(out, "PNG")
    return out.getvalue()
