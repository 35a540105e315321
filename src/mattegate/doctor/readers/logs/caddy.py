"""Caddy's structured log: access lines (``http.log.access``), errors (``http.log.error``, handlers') as JSON or
console.

Members as Caddy 2's ``log`` directive and global option document them; the request's headers it redacts itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from mattegate.doctor.observation import Observation
from mattegate.doctor.readers.logs.formats import PASSES, Format, Sketch
from mattegate.doctor.readers.logs.json_lines import LEVEL, STATUS, document, headers, matters
from mattegate.doctor.readers.logs.keys import by_members
from mattegate.doctor.readers.logs.line import Line, observed, shown, status_of, target
from mattegate.doctor.readers.logs.moments import moment

_CONSOLE: Final = re.compile(
    r"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{3})\t(?:\x1b\[\d+m)?([A-Z]+)(?:\x1b\[0m)?\t(?:([\w.]+)\t)?"
    r"([^\t{]*)(?:\t(\{.*\}))?"
)
_CONSOLE_BYTES: Final = re.compile(_CONSOLE.pattern.encode())
_CONSOLE_FINDER: Final = re.compile(rb"\t(?:\x1b\[\d+m)?(?:ERROR|WARN)(?:\x1b\[0m)?\t")
_TOLD: Final = ("level", "logger", "msg", "ts", "request", "status", "resp_headers")


def sketch(line: bytes) -> Sketch | None:
    """Status and message, client, host, request without its query."""
    found = _members(line)
    if found is None or not isinstance(found.get("request", {}), dict):
        return None
    request, status, level = found.get("request", {}), found.get("status"), str(found.get("level", "")).lower()
    if not matters(status) and (level != "error" or status is not None):
        return PASSES
    asked = (request.get("method"), str(request.get("uri")).partition("?")[0], str(request.get("host")))
    return (str(status), str(found.get("msg"))), _client(request), *asked, found.get("logger")


def parse(line: Line) -> Observation | None:
    """One line. Of an access line the answer's headers are there as well."""
    found = _members(line.text)
    if found is None:
        return None
    request = found.get("request", {})
    asked = target(shown(request.get("method")), shown(request.get("uri")))
    time = shown(found.get("ts"))
    fields = {name: value for name, value in found.items() if name not in _TOLD and not isinstance(value, dict | list)}
    fields |= {"level": found.get("level"), "logger": found.get("logger"), "proto": request.get("proto")}
    fields |= {"remote_ip": request.get("remote_ip"), "time": "" if moment(time) is not None else time}
    return observed(
        line,
        "caddy-log",
        fields=fields,
        at=moment(time),
        client=_client(request),
        status=status_of(shown(found.get("status"))),
        message=shown(found.get("msg")),
        request_headers=headers(request.get("headers")),
        response_headers=headers(found.get("resp_headers")),
        **asked.members | {"host": shown(request.get("host")), "scheme": "https" if request.get("tls") else ""},
    )


def _client(request: Mapping[str, Any]) -> str:
    return shown(request.get("client_ip") or request.get("remote_ip") or request.get("remote_addr"))


def _members(line: bytes | str) -> Mapping[str, Any] | None:
    found = document(line)
    if found is not None:
        return found if {"level", "ts", "msg"} <= found.keys() and ("logger" in found or "request" in found) else None
    console = _CONSOLE_BYTES.match(line) if isinstance(line, bytes) else _CONSOLE.match(line)
    if console is None:
        return None
    time, level, logger, message, rest = (
        part.decode("utf-8", "replace") if isinstance(part, bytes) else part for part in console.groups()
    )
    members = document(rest) if rest else {}
    return {**(members or {}), "ts": time, "level": level, "logger": logger, "msg": message}


CADDY: Final = Format(
    "caddy-log",
    (STATUS, LEVEL, _CONSOLE_FINDER),
    sketch,
    parse,
    telling=("logger", "err_trace"),
    keys=by_members(
        ("status", "level", "msg", "logger", "method", "host", "client_ip", "remote_ip", "remote_addr", "err_trace"),
        paths=("uri",),
        left=("status", "msg"),
    ),
)
