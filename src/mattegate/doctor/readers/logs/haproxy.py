"""HAProxy's lines: HTTP, HTTPS and TCP log formats, and the error format of connections that never became sessions.

Sections 8.2.2 to 8.2.5 and 8.5 (session state at disconnection) of HAProxy's configuration manual. Times have no zone.
"""

from __future__ import annotations

import re
from typing import Final

from mattegate.doctor.observation import Observation
from mattegate.doctor.readers.logs.formats import PASSES, SPACED, Format, Sketch, refused
from mattegate.doctor.readers.logs.keys import by_line
from mattegate.doctor.readers.logs.line import Line, observed, request_line

_STAMP: Final = r"\[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d\.\d{3})\]"
_HEAD: Final = rf"(\S+):(\d{{1,5}}) {_STAMP} (\S+) "
_HTTP: Final = (
    _HEAD + r"([^\s/]+)/(\S+) ([\d+/-]+) (-?\d+) \+?(\d+) (\S+) (\S+) ([A-Za-z-]{4}) (\d+/\d+/\d+/\d+/\+?\d+) (\d+/\d+)"
    r'((?: \{[^}]*\}){0,2})(?: \S+/\S+/\S+/\S+/\S+ (\S+))? "([^"]*)"'
)
_TCP: Final = _HEAD + r"([^\s/]+)/(\S+) ([\d+/-]+) \+?(\d+) ([A-Za-z-]{2}) (\d+/\d+/\d+/\d+/\+?\d+) (\d+/\d+)"
_ERROR: Final = rf"(\S+):(\d{{1,5}}) {_STAMP} (\S+): (\S[^\n]*)"
_HTTP_BYTES, _TCP_BYTES, _ERROR_BYTES = (re.compile(pattern.encode()) for pattern in (_HTTP, _TCP, _ERROR))
_HTTP_TEXT, _TCP_TEXT, _ERROR_TEXT = (re.compile(pattern) for pattern in (_HTTP, _TCP, _ERROR))
_FINDERS: Final = (
    SPACED,
    re.compile(rb" (?:[A-Z][A-Za-z-]|[CSs]D[A-Za-z-]{2}) \d+/\d+/\d+/"),
    re.compile(rb"\.\d{3}\] [^\s/]{1,128}/[^\s:]{1,128}: "),
)
_TORN: Final = frozenset({b"CD", b"SD", b"sD"})
"""An answer whose headers were passed on, and whose rest never came to its end."""


def sketch(line: bytes) -> Sketch | None:
    """Status, termination state, client, frontend, backend and server, the request without its query."""
    if found := _HTTP_BYTES.match(line):
        client, _, _, frontend, backend, server, _, status, *_ = found.groups()
        if not refused(status) and status != b"-1" and found[12][:2] not in _TORN:
            return PASSES
        return (status, found[12]), client, frontend, backend, server, found[17].partition(b"?")[0], found[15]
    if found := _TCP_BYTES.match(line):
        state = found[9]
        return PASSES if state == b"--" else (state, found[1], found[4], found[5], found[6])
    if found := _ERROR_BYTES.match(line):
        return found[5], found[1], found[4]
    return None


def parse(line: Line) -> Observation | None:
    """One line; what answers without a server has ``<NOSRV>`` for it."""
    if found := _HTTP_TEXT.match(line.text):
        return _http(line, found)
    if found := _TCP_TEXT.match(line.text):
        return _tcp(line, found)
    if found := _ERROR_TEXT.match(line.text):
        client, port, time, frontend, message = found.groups()
        fields = {"time": time, "frontend": frontend, "client_port": port}
        return observed(line, "haproxy-log", fields=fields, client=client, message=message)
    return None


def _http(line: Line, found: re.Match[str]) -> Observation:
    (
        client,
        port,
        time,
        frontend,
        backend,
        server,
        timers,
        status,
        size,
        _,
        _,
        state,
        _,
        queue,
        captured,
        sni,
        request,
    ) = found.groups()
    asked = request_line(request)
    fields = {
        "time": time,
        "client_port": port,
        "frontend": frontend.rstrip("~"),
        "ssl": "yes" if frontend.endswith("~") else "",
        "backend": backend,
        "server": server,
        "timers": timers,
        "status": status,
        "bytes_read": size,
        "termination_state": state,
        "queues": queue,
        "captured_headers": captured.strip(),
        "sni": sni or "",
        "request": "" if asked.method else request,
    }
    members = {"client": client, "status": int(status) if refused(status.encode()) or status[0] in "123" else None}
    return observed(line, "haproxy-log", fields=fields, **members, **asked.members)


def _tcp(line: Line, found: re.Match[str]) -> Observation:
    client, port, time, frontend, backend, server, timers, size, state, _, queue = found.groups()
    fields = {
        "time": time,
        "client_port": port,
        "frontend": frontend,
        "backend": backend,
        "server": server,
        "timers": timers,
        "bytes_read": size,
        "termination_state": state,
        "queues": queue,
        "mode": "tcp",
    }
    return observed(line, "haproxy-log", fields=fields, client=client)


_KEYS: Final = by_line(
    rb"(\S+):\d{1,5} \[[^\]]{1,40}\] (\S+ \S+/\S+) [\d+/-]+ (-1|[45]\d\d) \+?\d+ \S+ \S+ ([A-Za-z-]{4}) "
    rb'[\d/+]+ \d+/\d+((?: \{[^}\n]*\}){0,2})(?:| \S+/\S+ \S+) "([^"?]*+)[^"]*+"',
    left=2,
)
HAPROXY: Final = Format(
    "haproxy-log",
    _FINDERS,
    sketch,
    parse,
    telling=("termination_state", "frontend", "backend", "server", "captured_headers", "status"),
    keys=_KEYS,
)
