"""Reads what other clients than curl and browsers say when a request fails: Python's last lines, and wget.

Each failure becomes a ``client-error``, an answer that wget showed an ``exchange``; field ``program`` says whose it is,
``exception`` the class that Python names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO, Final

from mattegate.doctor.observation import Observation, Place
from mattegate.doctor.readers.documents import MEBIBYTE
from mattegate.doctor.readers.http_message import STATUS_LINE, Target, header_of, target_of
from mattegate.doctor.redact import clean, safe, safe_headers

_LINE_BYTES: Final = MEBIBYTE // 4
_MOST_CHARS: Final = 2_000
_PYTHON: Final = re.compile(
    r"(?P<exception>(?:requests\.exceptions|urllib3\.exceptions|urllib\.error|httpx|httpcore|aiohttp(?:\.client_exceptions)?"
    r"|http\.client|ssl|socket|botocore\.exceptions)\.\w{2,60}|ConnectionRefusedError|ConnectionResetError|TimeoutError"
    r"|BrokenPipeError): (?P<said>.*)"
)
_IN_PYTHON: Final = (
    re.compile(r"HTTPS?ConnectionPool\(host='(?P<host>[^']{1,255})', port=(?P<port>\d{1,5})\)"),
    re.compile(r"with url: (?P<path>/\S{0,4000})"),
    re.compile(r"Tunnel connection failed: (?P<proxy_status>\d{3})"),
    re.compile(r"\b(?P<status>[45]\d\d) (?:Client|Server) Error: .{0,200}? for url: (?P<url>\S{1,4000})"),
    re.compile(r"'(?P<redirected>\d{3}) [\w -]{1,60}' for url '(?P<url>[^']{1,4000})'"),
    re.compile(r"HTTP Error (?P<status>\d{3}):"),
    re.compile(r"\[Errno (?P<errno>-?\d{1,5})\]"),
)
_WGET_START: Final = re.compile(r"--\d{4}-\d\d-\d\d \d\d:\d\d:\d\d--  (\S{1,8192})")
_WGET_CONNECTED: Final = re.compile(
    r"Connecting to (\S{1,255}?)(?: \([^)]{0,255}\))?\|?(?:(\S{2,45})\|)?:(\d{1,5})\.\.\. (.*)"
)
_WGET_ANSWER: Final = re.compile(r"(?:HTTP|Proxy) request sent, awaiting response\.\.\. (?:(\d{3}) (.*)|(.+))")
_WGET_ERROR: Final = re.compile(r"(?:wget: |ERROR: |Proxy tunneling failed: ).+")


class ClientReader:
    """Failures of Python's clients, and transcripts of wget."""

    name = "client"
    _RAISED: Final = re.compile(rf"^{_PYTHON.pattern}", re.MULTILINE)
    _WGET: Final = re.compile(rf"^{_WGET_START.pattern}", re.MULTILINE)
    _LOGGED: Final = re.compile(r"^\W{0,2}(?:\d{4}[-/]\d\d[-/]\d\d|[A-Z][a-z]{2} [ \d]\d \d\d:)", re.MULTILINE)

    def recognises(self, head: str, name: str) -> bool:
        """By the line that names the exception, or wget's first one; a log with a traceback in it is a log."""
        del name
        if self._WGET.search(head) is not None:
            return True
        return self._RAISED.search(head) is not None and self._LOGGED.search(head) is None

    def read(self, stream: BinaryIO, source: str) -> Iterator[Observation]:
        """Each failure and each answer, in their order."""
        wget = _Wget(source)
        number = 0
        while raw := stream.readline(_LINE_BYTES):
            number += 1
            line = clean(raw.decode("utf-8", "replace").rstrip("\r\n"))
            if (found := _PYTHON.match(line)) is not None:
                yield _python(found, Place(source, number))
            else:
                yield from wget.take(line, number)
        yield from wget.end()


def _python(found: re.Match[str], place: Place) -> Observation:
    facts: dict[str, str] = {}
    for pattern in _IN_PYTHON:
        if (said := pattern.search(found["said"])) is not None:
            facts |= {name: value for name, value in said.groupdict().items() if value}
    target = (
        target_of(facts.pop("url"))
        if "url" in facts
        else Target(host=facts.pop("host", ""), path=safe(facts.pop("path", "")))
    )
    status = facts.pop("status", "") or facts.pop("redirected", "")
    return Observation(
        format="client-error",
        place=place,
        scheme=target.scheme,
        host=target.host,
        path=target.path.rstrip("),"),
        status=int(status) if status else None,
        message=safe(found[0])[:_MOST_CHARS],
        fields={"program": "python", "exception": found["exception"], **facts},
    )


class _Wget:
    """Walks over wget's lines; whatever it does not know, it passes by."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._target = Target()
        self._fields: dict[str, str] = {}
        self._answer: Observation | None = None
        self._headers: list[tuple[str, str]] = []

    def take(self, line: str, number: int) -> Iterator[Observation]:
        """One line; what is complete by it."""
        if (start := _WGET_START.match(line)) is not None:
            yield from self.end()
            self._target, self._fields = target_of(start[1]), {"program": "wget"}
        elif not self._fields:
            return
        elif (connected := _WGET_CONNECTED.match(line)) is not None:
            yield from self._connected(connected, line, number)
        elif (answer := _WGET_ANSWER.match(line)) is not None:
            yield from self._answered(answer, line, number)
        elif line.startswith("  ") and self._answer is not None and (header := header_of(line.strip())):
            self._headers.append(header)
        elif _WGET_ERROR.match(line) and self._answer is None:
            yield self._failed(line, number)

    def end(self) -> Iterator[Observation]:
        """The answer that was begun, if there is one."""
        if self._answer is not None:
            yield _with_headers(self._answer, self._headers)
        self._answer, self._headers = None, []

    def _connected(self, found: re.Match[str], line: str, number: int) -> Iterator[Observation]:
        self._fields |= {"address": found[2] or found[1], "port": found[3]}
        if found[4].startswith("failed"):
            yield self._failed(line, number)

    def _answered(self, found: re.Match[str], line: str, number: int) -> Iterator[Observation]:
        yield from self.end()
        status = STATUS_LINE.fullmatch(line)
        if found[3] is not None and status is None:
            yield self._failed(line, number)
            return
        self._answer = self._observation("exchange", number, status=int(found[1]), reason=found[2] or "")

    def _failed(self, line: str, number: int) -> Observation:
        return self._observation("client-error", number, message=line.strip())

    def _observation(
        self, kind: str, number: int, *, status: int | None = None, reason: str = "", message: str = ""
    ) -> Observation:
        return Observation(
            format=kind,
            place=Place(self._source, number),
            scheme=self._target.scheme,
            host=self._target.host,
            path=self._target.path,
            status=status,
            reason_phrase=safe(reason)[:_MOST_CHARS],
            message=safe(message)[:_MOST_CHARS],
            fields=dict(self._fields),
        )


def _with_headers(answer: Observation, headers: list[tuple[str, str]]) -> Observation:
    return replace(answer, response_headers=safe_headers(headers))
