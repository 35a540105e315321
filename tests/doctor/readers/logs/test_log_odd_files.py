"""Files as no program should have written them: every reader gives what it can read, or says what it cannot."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import random
import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from mattegate.doctor.observation import Observation
from mattegate.doctor.readers import HEAD_BYTES, head_text, recognise
from mattegate.doctor.readers.logs import LOG_READERS
from mattegate.doctor.readers.protocol import UNREAD, Unreadable
from tests.doctor.readers.logs.reading import READERS, read

ERROR = (
    "2026/01/02 03:04:05 [error] 31#31: *7 access forbidden by rule, client: 192.0.2.7, server: a.example, "
    'request: "GET /v1 HTTP/1.1", host: "a.example"\n'
)
ACCESS = '192.0.2.1 - - [02/Jan/2026:03:04:05 +0100] "GET /v1 HTTP/1.1" 403 153 "-" "curl/8"\n'
CADDY = (
    json.dumps(
        {
            "level": "info",
            "ts": 1,
            "logger": "http.log.access",
            "msg": "handled request",
            "request": {"client_ip": "192.0.2.7", "method": "GET", "host": "h", "uri": "/v1"},
            "status": 403,
        }
    )
    + "\n"
)
APP = "2026-01-02 03:04:05,123 - api - WARNING - permission denied for 192.0.2.7, HTTP 403\n"
SYSLOG = f"Jan  2 03:04:05 web nginx[7]: {ERROR}"
MIXED = (ERROR + ACCESS + CADDY + APP + SYSLOG) * 40

_DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda data: data[: len(data) - 37],
    "cut at the beginning": lambda data: data[41:],
    "zeros inside": lambda data: data.replace(b"403", b"\0403"),
    "zeros behind": lambda data: data + b"\0" * 70_000,
    "CRLF": lambda data: data.replace(b"\n", b"\r\n"),
    "old line ends": lambda data: data.replace(b"\n", b"\r"),
    "BOM": lambda data: b"\xef\xbb\xbf" + data,
    "UTF-16": lambda data: data.decode().encode("utf-16"),
    "UTF-16, odd": lambda data: data.decode().encode("utf-16")[:-1],
    "Latin-1": lambda data: data.replace(b"/v1", b"/\xe4\xf6\xfc"),
    "gzip": gzip.compress,
    "gzip, torn": lambda data: gzip.compress(data)[:-9],
    "gzip, damaged": lambda data: gzip.compress(data)[:40] + b"\xff" * 40,
    "gzip of gzip": lambda data: gzip.compress(gzip.compress(data)),
    "bzip2": bz2.compress,
    "bzip2, torn": lambda data: bz2.compress(data)[:-9],
    "bzip2, damaged": lambda data: bz2.compress(data)[:40] + b"\xff" * 40,
    "xz": lzma.compress,
    "xz, torn": lambda data: lzma.compress(data)[:-40],
    "xz, damaged": lambda data: lzma.compress(data)[:60] + b"\xff" * 90,
    "noise between": lambda data: b"\n".join(
        line + b"\n" + random.Random(at).randbytes(80) for at, line in enumerate(data.split(b"\n"))
    ),
    "noise": lambda data: random.Random(1).randbytes(len(data)),
    "nothing": lambda data: b"",
}


def _told(reader: str, data: bytes) -> list[Observation] | str:
    try:
        return list(READERS[reader].read(io.BytesIO(data), "some.log"))
    except Unreadable as error:
        return str(error)


@pytest.mark.parametrize("damage", _DAMAGES)
def test_each_reader_reads_or_says_why_not(damage: str) -> None:
    """Of every format, in every state: safe observations or a sentence, and one reader at most takes it for its own."""
    data = _DAMAGES[damage](MIXED.encode())
    for name in READERS:
        told = _told(name, data)
        assert isinstance(told, str) or all("\0" not in seen.message and seen.count > 0 for seen in told)
    head = head_text(data[:HEAD_BYTES])
    assert sum(reader.recognises(head, "some.log") for reader in LOG_READERS) <= 1


@pytest.mark.parametrize("damage", ["CRLF", "BOM", "UTF-16", "gzip", "bzip2", "xz", "zeros behind", "noise between"])
def test_what_is_harmless_costs_nothing(damage: str) -> None:
    """All four programs' refusals are found and counted, recognised without being told."""
    data = _DAMAGES[damage](MIXED.encode())
    reader = recognise(head_text(data[:HEAD_BYTES]), "some.log.gz")
    assert reader is not None
    assert reader.name == "mixed"
    counted: dict[str, int] = {}
    for seen in read(data, "mixed"):
        counted[seen.format] = counted.get(seen.format, 0) + seen.count
    assert {name: counted.get(name) for name in ("nginx-error", "access", "caddy-log", "app-log")} == {
        "nginx-error": 80,
        "access": 40,
        "caddy-log": 40,
        "app-log": 40,
    }


@pytest.mark.parametrize(("head", "command"), [(b"\x28\xb5\x2f\xfd", "zstd -dc"), (b"\x1f\x9d", "uncompress -c")])
def test_what_is_not_unpacked_here_is_said(head: bytes, command: str) -> None:
    """A log that Python's library cannot unpack is named with the command that can, not read as noise."""
    with pytest.raises(Unreadable, match=command):
        head_text(head + b"...")


def test_a_block_of_bzip2_is_seen_as_a_whole() -> None:
    """Its first 64 KiB unpack to nothing; the reader is found all the same, and every stream is read."""
    noise = random.Random(3)
    lines = "".join(ACCESS.replace("/v1", f"/v1/{noise.getrandbits(64)}") for _ in range(15_000)).encode()
    packed = bz2.compress(lines) + bz2.compress(lines)
    assert bz2.BZ2Decompressor().decompress(packed[:HEAD_BYTES]) == b""
    assert recognise(head_text(packed), "access.log.bz2") is not None
    assert sum(seen.count for seen in read(packed, "access")) == 30_000


class _Endless(io.RawIOBase):
    """One line of so many bytes, of which only a piece is in memory."""

    def __init__(self, start: bytes, total: int) -> None:
        self._parts = self._made(start, total)

    def _made(self, start: bytes, total: int) -> Iterator[bytes]:
        yield start
        for _ in range(total >> 20):
            yield b"a" * (1 << 20)
        yield b"\n" + ERROR.encode()

    def read(self, size: int = -1) -> bytes:
        """The next piece."""
        del size
        return next(self._parts, b"")


@pytest.mark.parametrize("start", [b"a", b'{"status":403,"x":"', b'1.2.3.4 - - [02/Jan/2026:03:04:05 +0100] "GET /'])
def test_a_line_of_a_hundred_megabytes(start: bytes) -> None:
    """It is passed over in bounded memory and said not to have been read; the line behind it is found."""
    tracemalloc.start()
    try:
        seen = list(READERS["mixed"].read(_Endless(start, 100 << 20), "some.log"))  # type: ignore[arg-type]
        assert tracemalloc.get_traced_memory()[1] < 24 << 20
    finally:
        tracemalloc.stop()
    assert {(one.format, one.place.line) for one in seen} >= {("nginx-error", 2), (UNREAD, 1)}


def _caddy(padding: int) -> str:
    found = json.loads(CADDY)
    return json.dumps({"padding": "p" * padding, **found}) + "\n"


def test_long_lines_of_json_are_read_or_told() -> None:
    """A firewall's record of a hundred kilobytes is read; one of half a megabyte is said not to have been."""
    (seen,) = read(ACCESS.replace("403", "200") + _caddy(100_000), "caddy-log")
    assert (seen.format, seen.status, seen.client) == ("caddy-log", 403, "192.0.2.7")
    (unread,) = (one for one in read(ERROR * 9 + _caddy(500_000) + _caddy(2_000_000), "mixed") if one.format == UNREAD)
    assert (unread.place.line, unread.count) == (10, 2)


def test_long_lines_are_read_among_thousands_alike() -> None:
    """A log that is counted by its keys keeps what its long lines say."""
    lines = [_caddy(0)] * 4_000
    lines[3_000] = _caddy(90_000).replace("/v1", "/long")
    (alike, long) = read("".join(lines), "caddy-log")
    assert [(alike.count, alike.path), (long.count, long.path, long.place.line)] == [
        (3_999, "/v1"),
        (1, "/long", 3_001),
    ]
