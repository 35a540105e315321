"""Streaming: bounded, exact in its counts, and unmoved by what a file really holds."""

from __future__ import annotations

import gzip
import io
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.doctor.readers.logs import LOG_READERS
from mattegate.doctor.readers.logs.kinds import COARSE_KINDS, KINDS
from mattegate.doctor.readers.protocol import Unreadable
from tests.doctor.readers.logs.reading import READERS, one, read

ACCESS = '192.0.2.1 - - [02/Jan/2026:03:04:05 +0100] "{}" {} 153 "-" "curl/8"\n'
ERROR = (
    "2026/01/02 03:04:{:02} [error] 31#31: *{} access forbidden by rule, client: {}, server: a.example, "
    'request: "GET {} HTTP/1.1", host: "a.example"\n'
)


def test_the_like_of_it_is_told_once_with_its_count() -> None:
    """A thousand refusals of one client are one observation, with the line of the first and the time of the last."""
    seen = one("".join(ERROR.format(n % 60, n, "192.0.2.7", f"/api?n={n}") for n in range(1_000)), "nginx-error")
    assert (seen.count, seen.place.line, seen.request, seen.client) == (1_000, 1, "GET /api", "192.0.2.7")
    assert seen.fields["newest"] == "2026/01/02 03:04:39"


@pytest.mark.parametrize(
    "odd", ["", "2026/01/02 03:04:05 [notice] 31#31: signal process started\n"], ids=["pure", "mixed"]
)
def test_a_log_of_refusals_alone_is_counted_the_same(odd: str) -> None:
    """Megabytes of nothing but refusals give the counts, places and times that they give among other lines."""
    lines = [ERROR.format(n % 60, n, f"192.0.2.{n % 7}", f"/v{n % 3}?n={n}") for n in range(18_000)]
    lines[15_000] = ERROR.format(7, 1, "198.51.100.9", "/new")
    seen = read("".join([*lines[:9_000], odd, *lines[9_000:]]), "nginx-error")
    assert sum(one.count for one in seen) == 18_000
    assert len(seen) == 22
    (new,) = (one for one in seen if one.client == "198.51.100.9")
    assert (new.place.line, new.count) == (15_001 + bool(odd), 1)
    assert {one.fields["newest"][-2:] for one in seen if one is not new} == {
        f"{n % 60:02}" for n in range(17_979, 18_000)
    }


def test_lines_are_numbered_across_blocks() -> None:
    """The one refusal behind three megabytes of other lines is told with its own line."""
    text = ACCESS.format("GET /ok HTTP/1.1", 200) * 40_000 + ACCESS.format("GET /no HTTP/1.1", 403)
    refused = [seen for seen in read(text, "access") if seen.status == 403]
    assert [(seen.place.line, seen.at) for seen in refused] == [(40_001, 1767319445.0)]


def test_others_that_pass_are_told_as_a_sample() -> None:
    """Requests that pass are there too, so that a refusal can be seen to be one of a few."""
    seen = read(ACCESS.format("GET /a HTTP/1.1", 200) * 5 + ACCESS.format("GET /a HTTP/1.1", 403), "access")
    assert [(one.status, one.count, one.fields.get("counted")) for one in seen] == [(403, 1, None), (200, 5, "sample")]


def test_a_scan_costs_neither_memory_nor_a_line() -> None:
    """Beyond so many kinds lines fall to coarser ones, and the sum stays what it was."""
    text = "".join(ACCESS.format(f"GET /{n}.php HTTP/1.1", 404) for n in range(KINDS + 3_000))
    seen = read(text + ACCESS.format("GET /late HTTP/1.1", 403), "access")
    assert sum(one.count for one in seen) == KINDS + 3_001
    merged = [one for one in seen if "merged" in one.fields]
    assert [(one.status, one.count, one.request, one.client) for one in merged] == [
        (404, 3_000, "", ""),
        (403, 1, "", ""),
    ]


def test_beyond_every_bound_there_is_still_a_count() -> None:
    """Messages without end, each another, end in a count of how many more there were."""
    words = ("".join(chr(97 + (n // 26**place) % 26) for place in range(4)) for n in range(KINDS + COARSE_KINDS + 50))
    seen = read("".join(f"2026-01-02 03:04:05 ERROR denied {word}\n" for word in words), "app-log")
    assert sum(one.count for one in seen) == KINDS + COARSE_KINDS + 50
    assert any("more lines, of kinds beyond the first" in one.message for one in seen)


class _Endless(io.RawIOBase):
    """A log of any length that was never in memory."""

    def __init__(self, line: bytes, blocks: int) -> None:
        self._block = line * (1_000_000 // len(line))
        self._left = blocks

    def read(self, size: int = -1) -> bytes:
        self._left -= 1
        return self._block if self._left >= 0 else b""


@pytest.mark.parametrize("line", [ACCESS.format("GET /a HTTP/1.1", 200).encode(), b"\0" * 1_000, b"x" * 1_000])
def test_memory_does_not_grow_with_the_log(line: bytes) -> None:
    """Sixty megabytes of lines, of zeros or of one endless line are read in the memory of a few blocks."""
    tracemalloc.start()
    try:
        list(READERS["access"].read(_Endless(line, 60), "big.log"))  # type: ignore[arg-type]
        assert tracemalloc.get_traced_memory()[1] < 12 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "text",
    [
        ERROR.format(5, 1, "192.0.2.7", "/a").rstrip("\n"),
        ERROR.format(5, 1, "192.0.2.7", "/a").replace("\n", "\r\n"),
        "\0" * 5_000 + ERROR.format(5, 1, "192.0.2.7", "/a"),
        "\ufeff" + ERROR.format(5, 1, "192.0.2.7", "/a"),
        "y" * 200_000 + "\n" + ERROR.format(5, 1, "192.0.2.7", "/a"),
        "#0 /app/x.php(3): f()\nthrown in /app/x.php on line 3\n" + ERROR.format(5, 1, "192.0.2.7", "/a"),
    ],
    ids=["no last line end", "CRLF", "zeros of a truncated file", "BOM", "endless line before", "stack trace between"],
)
def test_files_as_they_are(text: str) -> None:
    """What stands around a line costs nothing of it."""
    seen = one(text, "nginx-error")
    assert (seen.message, seen.client, seen.request) == ("access forbidden by rule", "192.0.2.7", "GET /a")


def test_gzip_and_wide_characters() -> None:
    """A rotated log is read packed, in several members as well, and one that PowerShell redirected as UTF-16."""
    text = ERROR.format(5, 1, "192.0.2.7", "/a")
    packed = gzip.compress(text.encode()) + gzip.compress(text.encode()) + b"\0" * 512
    assert [seen.count for seen in read(packed, "nginx-error")] == [2]
    assert [seen.count for seen in read(text.encode("utf-16"), "nginx-error")] == [1]


def test_a_torn_gzip_gives_what_it_has_and_a_damaged_one_says_so() -> None:
    """A download cut short is read to its end; a flipped bit is told, behind what was read before it."""
    packed = gzip.compress(
        "".join(ERROR.format(n % 60, n, "192.0.2.7", f"/{n * 7919}") for n in range(20_000)).encode()
    )
    assert len(read(packed[: len(packed) // 2], "nginx-error")) > 100
    broken = bytearray(packed)
    broken[len(packed) // 2 : len(packed) // 2 + 64] = b"\xff" * 64
    reading = READERS["nginx-error"].read(io.BytesIO(bytes(broken)), "some.log.gz")
    assert next(reading).client == "192.0.2.7"
    with pytest.raises(Unreadable, match="damaged after"):
        list(reading)


def test_one_is_cut_out_of_a_bomb() -> None:
    """Twenty megabytes of zeros in a few kilobytes are unpacked piece by piece."""
    bomb = gzip.compress(b"\0" * (20 << 20))
    tracemalloc.start()
    try:
        assert read(bomb, "access") == []
        assert tracemalloc.get_traced_memory()[1] < 12 << 20
    finally:
        tracemalloc.stop()


@given(st.binary(max_size=400), st.sampled_from(sorted(READERS)))
@settings(max_examples=150, deadline=None)
def test_no_bytes_bring_a_reader_down(junk: bytes, name: str) -> None:
    """Whatever stands in a file, a reader gives observations of safe texts, or says that it cannot be read."""
    line = ERROR.format(5, 1, "192.0.2.7", "/a").encode()
    try:
        seen = list(READERS[name].read(io.BytesIO(junk + b"\n" + line + junk), "some.log"))
    except Unreadable:
        return
    for told in seen:
        texts = (told.message, told.path, told.host, told.client, *told.fields, *told.fields.values())
        assert not any(ord(character) < 32 and character not in "\n\t" for text in texts for character in text)


def _hostile() -> Iterator[str]:
    yield '2026/01/02 03:04:05 [error] 1#1: *1 x, client: a, request: "' * 1_000
    yield '192.0.2.1 - - [02/Jan/2026:03:04:05 +0100] "' + "\\" * 60_000
    yield "1.2.3.4 - - [" * 4_000
    yield '{"a":' * 12_000
    yield "[" * 60_000
    yield 'ModSecurity: Access denied with code [id "' + '[id "1"] ' * 6_000
    yield 'time="x" level=error msg="' + " a=b" * 15_000
    yield "token signature " * 4_000 + "403"
    yield "x=" * 30_000 + " denied"
    yield "avc:  denied  { " + "read " * 10_000
    yield "\t403\t" * 10_000
    yield "(00000000-0000-0000-0000-000000000000) " * 1_500
    yield "Jan  1 00:00:00 " + "a" * 60_000
    yield "a" * 60_000 + " | 403"
    yield "1.2.3.4:5 [01/Jan/2026:00:00:00.000] " + "a/" * 30_000 + " 403 1 - - PR--"
    yield '"GET ' * 12_000 + ' HTTP/1.1" 403 '


@pytest.mark.parametrize("line", tuple(_hostile()), ids=range(16))
def test_time_is_linear_in_a_hostile_line(line: str) -> None:
    """The longest line that is looked at keeps no reader: one that walks back and forth would meet the time limit."""
    for reader in LOG_READERS:
        reader.recognises(line[:65_536], "some.log")
        with suppress(Unreadable):
            list(reader.read(io.BytesIO(line.encode()), "some.log"))
