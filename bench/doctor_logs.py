"""How fast logs stream, and in how much memory: ``python -m bench.doctor_logs [MEGABYTES]``, one JSON object.

The logs are made up line by line: an access log in which one request in fifty is refused, as of a site in trouble; an
error log of refusals alone and an access log of a scan, as of a site under attack; a composition of several programs.
"""

from __future__ import annotations

import io
import json
import resource
import sys
import time
from collections.abc import Callable
from typing import BinaryIO, Final, cast

from mattegate.doctor.readers.logs import LOG_READERS

Make = Callable[[int], str]
_LINES: Final = 20_000
"""Lines of the piece that is repeated; its kinds stay far below the bound."""


def _access(n: int) -> str:
    status = 403 if n % 50 == 0 else 200
    return (
        f"192.0.2.{n % 200} - - [02/Jan/2026:03:04:{n % 60:02} +0000] "
        f'"POST /v1/remove-bg?n={n} HTTP/1.1" {status} 1234 "https://app.example/page" '
        '"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36"'
    )


def _error(n: int) -> str:
    return (
        f"2026/01/02 03:04:{n % 60:02} [error] 31#31: *{n} access forbidden by rule, client: 192.0.2.{n % 200}, "
        f'server: api.example, request: "GET /api/v{n % 5}?n={n} HTTP/1.1", host: "a.example"'
    )


def _scan(n: int) -> str:
    return f'10.{n % 256}.{n // 256}.1 - - [02/Jan/2026:03:04:05 +0000] "GET /{n}.php HTTP/1.1" 404 153 "-" "zgrab/0.x"'


def _composition(n: int) -> str:
    if n % 2:
        return f"nginx-1  | {_access(n // 2)}"
    if n % 60 == 0:
        return f"nginx-1  | {_error(n)}"
    return f"api-1    | 2026-01-02 03:04:{n % 60:02},123 - api - INFO - request {n} was done in {n % 977} ms"


_LOGS: Final[dict[str, tuple[str, Make]]] = {
    "access": ("access", _access),
    "error": ("nginx-error", _error),
    "scan": ("access", _scan),
    "composition": ("mixed", _composition),
}


class _Repeated(io.RawIOBase):
    """A log of any length, of which only a piece is in memory."""

    def __init__(self, piece: bytes, total: int) -> None:
        self._piece = piece
        self._left = total

    def read(self, size: int = -1) -> bytes:
        """The piece again, whatever was asked for."""
        self._left -= len(self._piece)
        return self._piece if self._left >= 0 else b""


def main() -> None:
    """Read each log once and say how it went."""
    total = int(sys.argv[1] if len(sys.argv) > 1 else "200") << 20
    readers = {reader.name: reader for reader in LOG_READERS}
    figures = {}
    for name, (reader, make) in _LOGS.items():
        piece = "".join(f"{make(n)}\n" for n in range(_LINES)).encode()
        start = time.process_time()
        kinds = sum(1 for _ in readers[reader].read(cast("BinaryIO", _Repeated(piece, total)), name))
        figures[name] = {"mb_per_s": round(total / 1e6 / (time.process_time() - start)), "kinds": kinds}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        json.dumps({"logs": figures, "peak_mb": peak, "method": f"{total >> 20} MiB each, processor time of one core"})
    )


if __name__ == "__main__":
    main()
