"""Reads made-up logs with the doctor and says how it went, a line of JSON for each: run by :mod:`bench.doctor_logs`.

Nothing but the doctor is loaded into this process, so that its memory is the doctor's.
"""

from __future__ import annotations

import io
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, Final, cast

from mattegate.doctor.readers.logs import LOG_READERS

Make = Callable[[int], str]
_LINES: Final = 10_000
_NEW: Final = "~"
"""Is another number in each piece of a log."""
_AGENT: Final = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36"


def _access(n: int) -> str:
    status = 403 if n % 50 == 0 else 200
    return (
        f"192.0.2.{n % 200} - - [02/Jan/2026:03:04:{n % 60:02} +0000] "
        f'"POST /v1/remove-bg?n={n} HTTP/1.1" {status} 1234 "https://app.example/page" "{_AGENT}"'
    )


def _error(n: int) -> str:
    return (
        f"2026/01/02 03:04:{n % 60:02} [error] 31#31: *{n} access forbidden by rule, client: 192.0.2.{n % 200}, "
        f'server: api.example, request: "GET /api/v{n % 5}?n={n} HTTP/1.1", host: "a.example"'
    )


def _scan(n: int) -> str:
    return (
        f"10.{n % 256}.{n // 256}.1 - - [02/Jan/2026:03:04:05 +0000] "
        f'"GET /{_NEW}/{n}.php HTTP/1.1" 404 153 "-" "zgrab/0.x"'
    )


def _caddy(n: int) -> str:
    return (
        f'{{"level":"info","ts":{1767323045.5 + n},"logger":"http.log.access.log0","msg":"handled request","request":'
        f'{{"remote_ip":"192.0.2.{n % 200}","remote_port":"{n}","client_ip":"192.0.2.{n % 200}","proto":"HTTP/2.0",'
        f'"method":"POST","host":"api.example","uri":"/v1/remove-bg?n={n}","headers":{{"User-Agent":["{_AGENT}"],'
        '"Accept":["*/*"],"Authorization":["REDACTED"]},"tls":{"resumed":false,"version":772,"cipher_suite":4865,'
        '"proto":"h2","server_name":"api.example"}},"bytes_read":0,"user_id":"","duration":0.00012,"size":0,'
        '"status":403,"resp_headers":{"Server":["Caddy"],"Alt-Svc":["h3=\\":443\\"; ma=2592000"]}}'
    )


def _composition(n: int) -> str:
    if n % 2:
        return f"nginx-1  | {_access(n // 2)}"
    if n % 60 == 0:
        return f"nginx-1  | {_error(n)}"
    return f"api-1    | 2026-01-02 03:04:{n % 60:02},123 - api - INFO - request {n} was done in {n % 977} ms"


LOGS: Final[Mapping[str, tuple[str, Make]]] = {
    "access": ("access", _access),
    "error": ("nginx-error", _error),
    "scan": ("access", _scan),
    "caddy": ("caddy-log", _caddy),
    "composition": ("mixed", _composition),
}


_READERS: Final = {reader.name: reader for reader in LOG_READERS}


class MadeUp(io.RawIOBase):
    """A log of any length, of which only a piece is in memory."""

    def __init__(self, make: Make, total: int) -> None:
        self._piece = "".join(f"{make(n)}\n" for n in range(_LINES)).encode()
        self._left = total
        self._number = 0
        self.took = 0.0
        """Processor time that making it up has taken."""

    def read(self, size: int = -1) -> bytes:
        """The next piece, whatever was asked for."""
        begin = time.process_time()
        self._number += 1
        piece = self._piece.replace(_NEW.encode(), b"%d" % self._number) if self._left > 0 else b""
        self._left -= len(piece)
        self.took += time.process_time() - begin
        return piece


def read(name: str, total: int) -> dict[str, float]:
    """Read one log of so many bytes and say how it went."""
    reader, make = LOGS[name]
    log = MadeUp(make, total)
    begin = time.process_time()
    kinds = sum(1 for _ in _READERS[reader].read(cast("BinaryIO", log), name))
    return {"mb_per_s": total / 1e6 / (time.process_time() - begin - log.took), "kinds": kinds}


def told(megabytes: int) -> Iterator[str]:
    """A line of JSON for each log."""
    for name in LOGS:
        found = read(name, megabytes * 1_000_000)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        yield json.dumps({name: {key: round(value, 1) for key, value in (found | {"peak_mb": peak}).items()}})


if __name__ == "__main__":
    for line in told(int(sys.argv[1])):
        print(line, flush=True)
