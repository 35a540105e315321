"""An HTTP/1.1 answer taken from bytes: pure, bounded, and as strict as is useful for telling who spoke.

It repairs nothing. What is not HTTP raises :class:`NotHttp`, with the first bytes, since they mostly name the service.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mattegate.doctor.observation import Headers

HEAD_BYTES: Final = 65_536
_STATUS: Final = re.compile(rb"HTTP/(\d(?:\.\d)?) (\d{3})(?: ([^\r\n]*))?$")
_CODINGS: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}


class NotHttp(ValueError):  # noqa: N818 - what arrived
    """What arrived is not an HTTP answer."""


class Cut(ValueError):  # noqa: N818 - what arrived
    """The connection was closed before the answer was whole; ``partial`` is what came."""

    def __init__(self, partial: bytes) -> None:
        super().__init__("the connection was closed in the middle of the answer")
        self.partial = partial


@dataclass(frozen=True, slots=True)
class Head:
    """The status line and the headers."""

    version: str
    status: int
    phrase: str
    headers: Headers
    """Names in lower case."""

    def header(self, name: str) -> str:
        """The first value of a header, or nothing."""
        return next((value for key, value in self.headers if key == name), "")


@dataclass(frozen=True, slots=True)
class Received:
    """One whole answer, as far as it was read."""

    head: Head
    body: bytes
    complete: bool = True
    """Whether its end was seen within the bound."""


Source = Callable[[], bytes]
"""More bytes; none at the end of the connection."""


class AnswerReader:
    """Reads answers from a source of bytes, the interim ones (1xx) as well."""

    def __init__(self, source: Source, start: bytes = b"") -> None:
        self._source, self._buffer = source, start

    def head(self) -> Head:
        """The next head. Raises :class:`NotHttp`, and :class:`Cut` where nothing more came."""
        while True:
            end = self._head_end()
            if end:
                raw, self._buffer = self._buffer[: end[0]], self._buffer[end[1] :]
                return parse_head(raw)
            if len(self._buffer) > HEAD_BYTES:
                raise NotHttp("the head of the answer is longer than 64 KiB")
            self._check_beginning()
            self._more()

    def final(self, method: str, most: int) -> Received:
        """The first answer that is not an interim one, with at most so much of its body."""
        head = self.head()
        while 100 <= head.status < 200 and head.status != 101:
            head = self.head()
        body, complete = self._body(head, method, most)
        return Received(head, body, complete)

    def _head_end(self) -> tuple[int, int] | None:
        found = re.search(rb"\r?\n\r?\n", self._buffer[: HEAD_BYTES + 4])
        return found.span() if found else None

    def _check_beginning(self) -> None:
        if self._buffer and not (self._buffer.startswith(b"HTTP/") or b"HTTP/".startswith(self._buffer[:5])):
            raise NotHttp(f"this is not an HTTP answer: it begins with {self._buffer[:48]!r}")

    def _more(self) -> None:
        data = self._source()
        if not data:
            raise Cut(self._buffer)
        self._buffer += data

    def _body(self, head: Head, method: str, most: int) -> tuple[bytes, bool]:
        if method == "HEAD" or head.status in (101, 204, 304) or (method == "CONNECT" and head.status < 300):
            return b"", True
        if "chunked" in head.header("transfer-encoding").lower():
            return self._chunked(most)
        length = head.header("content-length")
        if length.isascii() and length.isdigit() and len(length) < 19:
            return self._sized(min(int(length), most)), int(length) <= most
        return self._to_end(most)

    def _sized(self, size: int) -> bytes:
        try:
            while len(self._buffer) < size:
                self._more()
        except Cut:
            pass  # a short body is still a body: the head has told the status
        return self._buffer[:size]

    def _to_end(self, most: int) -> tuple[bytes, bool]:
        while len(self._buffer) <= most:
            data = self._source()
            if not data:
                return self._buffer, True
            self._buffer += data
        return self._buffer[:most], False

    def _chunked(self, most: int) -> tuple[bytes, bool]:
        body = b""
        try:
            while len(body) <= most:
                size = self._chunk_size()
                if size == 0:
                    return body, True
                wanted = min(size, most + 1 - len(body))
                body += self._taken(wanted)
                if wanted < size:
                    break
                self._taken(2)
        except (Cut, NotHttp):
            return body[:most], False
        return body[:most], False

    def _chunk_size(self) -> int:
        while b"\n" not in self._buffer[:1_024]:
            if len(self._buffer) > 1_024:
                raise NotHttp("a chunk has no size")
            self._more()
        line, _, self._buffer = self._buffer.partition(b"\n")
        size = line.partition(b";")[0].strip()
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,16}", size):
            raise NotHttp("a chunk has no size")
        return int(size, 16)

    def _taken(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._more()
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data


def parse_head(raw: bytes) -> Head:
    """A head without its empty line. Raises :class:`NotHttp`."""
    first, *lines = re.split(rb"\r?\n", raw)
    status = _STATUS.match(first)
    if not status:
        raise NotHttp(f"this is not an HTTP status line: {first[:48]!r}")
    pairs = (line.decode("latin-1").partition(":") for line in lines)
    headers = tuple((name.strip().lower(), value.strip()) for name, colon, value in pairs if colon)
    phrase = (status[3] or b"").decode("latin-1").strip()
    return Head(status[1].decode(), int(status[2]), phrase, headers)


def decoded(body: bytes, coding: str, most: int) -> bytes:
    """``body`` without its content coding, at most so much; nothing where the coding is not one that is known here."""
    coding = coding.strip().lower()
    if coding in ("", "identity"):
        return body[:most]
    if coding not in _CODINGS:
        return b""
    try:
        return zlib.decompressobj(_CODINGS[coding]).decompress(body, most)
    except zlib.error:
        return b""
