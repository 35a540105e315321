"""CloudFront: the standard log (tabs, with ``#Fields:``), the real-time log (tabs, no head), and both as JSON.

Field names and the usual order: CloudFront developer guide, standard logging (access logs) and real-time logs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Final
from urllib.parse import unquote

from mattegate.doctor.observation import Observation
from mattegate.doctor.readers.logs.formats import PASSES, Format, Sketch, refused
from mattegate.doctor.readers.logs.json_lines import STATUS as JSON_STATUS
from mattegate.doctor.readers.logs.json_lines import document, matters
from mattegate.doctor.readers.logs.keys import Keys, one_left
from mattegate.doctor.readers.logs.line import Line, observed, shown, status_of
from mattegate.doctor.readers.logs.moments import moment

_STANDARD: Final = [
    "date",
    "time",
    "x-edge-location",
    "sc-bytes",
    "c-ip",
    "cs-method",
    "cs(Host)",
    "cs-uri-stem",
    "sc-status",
    "cs(Referer)",
    "cs(User-Agent)",
    "cs-uri-query",
    "cs(Cookie)",
    "x-edge-result-type",
    "x-edge-request-id",
    "x-host-header",
    "cs-protocol",
    "cs-bytes",
    "time-taken",
    "x-forwarded-for",
    "ssl-protocol",
    "ssl-cipher",
    "x-edge-response-result-type",
    "cs-protocol-version",
    "fle-status",
    "fle-encrypted-fields",
    "c-port",
    "time-to-first-byte",
    "x-edge-detailed-result-type",
    "sc-content-type",
    "sc-content-len",
    "sc-range-start",
    "sc-range-end",
]
_REALTIME: Final = [
    "timestamp",
    "c-ip",
    "time-to-first-byte",
    "sc-status",
    "sc-bytes",
    "cs-method",
    "cs-protocol",
    "cs-host",
    "cs-uri-stem",
    "cs-bytes",
    "x-edge-location",
    "x-edge-request-id",
    "x-host-header",
    "time-taken",
    "cs-protocol-version",
    "c-ip-version",
    "cs-user-agent",
    "cs-referer",
    "cs-cookie",
    "cs-uri-query",
    "x-edge-response-result-type",
    "x-forwarded-for",
    "ssl-protocol",
    "ssl-cipher",
    "x-edge-result-type",
    "fle-encrypted-fields",
    "fle-status",
    "sc-content-type",
    "sc-content-len",
    "sc-range-start",
    "sc-range-end",
    "c-port",
    "x-edge-detailed-result-type",
]
_FINDERS: Final = (re.compile(rb"\t[45]\d\d\t"), re.compile(rb"#Fields:"))
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d\t")
_EPOCH: Final = re.compile(r"\d{10}\.\d{1,6}\t")
_MEMBERS: Final = frozenset(
    {"c-ip", "cs-method", "cs-uri-stem", "cs-uri-query", "sc-status", "cs(User-Agent)", "cs-user-agent"}
)
_PRIVATE: Final = frozenset({"cs(Cookie)", "cs-cookie"})
_EXPLAINS: Final = ("x-edge-result-type", "x-edge-response-result-type", "x-edge-detailed-result-type")
_TELLING: Final = ("sc-status", "c-ip", "cs-method", "cs-uri-stem", "x-host-header", *_EXPLAINS)


def _tabbed() -> Format:
    """A format with its own memory of the last ``#Fields:``."""
    columns: list[str] = []

    def sketch(line: bytes) -> Sketch | None:
        if line.startswith(b"#Fields:"):
            columns[:] = line[8:].decode("ascii", "replace").split()
            return PASSES
        if line.startswith(b"#Version:") or b"\t" not in line:
            return PASSES if line.startswith(b"#Version:") else None
        found = _row(line.decode("utf-8", "replace"), columns)
        return None if found is None else _kind(found)

    def parse(line: Line) -> Observation | None:
        found = _row(line.text, columns)
        return None if found is None else _observed(line, found)

    def keys(lines: Sequence[bytes]) -> list[tuple[bytes, ...]]:
        names = _names(lines[0].decode("utf-8", "replace"), columns)
        if any(line.startswith(b"#Fields:") for line in lines) or not {"sc-status", "c-ip"} <= set(names):
            return [()] * len(lines)
        picked = itemgetter(*(list(names).index(name) for name in _TELLING if name in names))
        rows = (line.split(b"\t") for line in lines)
        return [picked(cells) if len(cells) == len(names) else () for cells in rows]

    return Format(
        "aws-cloudfront",
        _FINDERS,
        sketch,
        parse,
        telling=_EXPLAINS,
        fresh=_tabbed,
        keys=Keys(keys, one_left(0), ()),
    )


def _row(text: str, columns: Sequence[str]) -> Mapping[str, str] | None:
    cells = text.split("\t")
    names = _names(text, columns)
    if len(cells) < 9 or abs(len(cells) - len(names)) > 12:
        return None
    found = dict(zip(names, cells, strict=False))
    return found if status_of(found.get("sc-status", "")) is not None and "c-ip" in found else None


def _names(text: str, columns: Sequence[str]) -> Sequence[str]:
    return columns or (_STANDARD if _DATE.match(text) else _REALTIME if _EPOCH.match(text) else ())


def _kind(found: Mapping[str, object]) -> Sketch:
    status = str(found.get("sc-status"))
    if not refused(status.encode()):
        return PASSES
    return tuple(str(found.get(name)) for name in _TELLING)


def _observed(line: Line, found: Mapping[str, str]) -> Observation:
    query, agent = _said(found, "cs-uri-query"), _said(found, "cs(User-Agent)") or _said(found, "cs-user-agent")
    stem = _said(found, "cs-uri-stem")
    time = f"{found['date']} {found.get('time', '')}Z" if "date" in found else _said(found, "timestamp")
    kept = {name: value for name, value in found.items() if value not in ("", "-") and name not in _MEMBERS | _PRIVATE}
    kept = {name: value for name, value in kept.items() if name not in ("date", "time", "timestamp", "timestamp(ms)")}
    return observed(
        line,
        "aws-cloudfront",
        fields=kept,
        at=moment(time),
        client=_said(found, "c-ip"),
        status=status_of(_said(found, "sc-status")),
        method=_said(found, "cs-method"),
        scheme=_said(found, "cs-protocol"),
        host=_said(found, "x-host-header") or _said(found, "cs(Host)") or _said(found, "cs-host"),
        path=f"{stem}?{query}" if query else stem,
        http_version=_said(found, "cs-protocol-version").removeprefix("HTTP/"),
        request_headers=(("user-agent", unquote(agent)),) if agent else (),
        message=_said(found, "x-edge-detailed-result-type"),
    )


def _said(found: Mapping[str, str], name: str) -> str:
    value = found.get(name, "")
    return "" if value == "-" else value


def json_sketch(line: bytes) -> Sketch | None:
    """The same of a record as JSON (standard logging v2)."""
    found = document(line)
    if found is None or "sc-status" not in found or "c-ip" not in found:
        return None
    return _kind(found) if matters(found["sc-status"]) else PASSES


def parse_json(line: Line) -> Observation | None:
    """A record as JSON."""
    found = document(line.text)
    return None if found is None else _observed(line, {name: shown(value) for name, value in found.items()})


CLOUDFRONT: Final = _tabbed()
CLOUDFRONT_JSON: Final = Format("aws-cloudfront-json", (JSON_STATUS,), json_sketch, parse_json, telling=_EXPLAINS)
