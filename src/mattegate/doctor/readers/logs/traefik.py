"""Traefik: access lines (common with router and server behind, or JSON), and its own log, which says why at level
debug.

The access log's fields are the table of Traefik's documentation (access logs); the log's sentences are those of its
middlewares (pkg/middlewares/ipallowlist/ip_allowlist.go, auth, ratelimiter).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from mattegate.doctor.observation import Observation
from mattegate.doctor.readers.logs import combined
from mattegate.doctor.readers.logs.formats import PASSES, Format, Sketch, refused
from mattegate.doctor.readers.logs.json_lines import STATUS, document, headers, matters
from mattegate.doctor.readers.logs.keys import by_line, by_members
from mattegate.doctor.readers.logs.line import Line, observed, request_line, shown, status_of, target
from mattegate.doctor.readers.logs.moments import moment

_QUOTED: Final = r'"([^"\\]*(?:\\.[^"\\]*)*)"'
_ACCESS: Final = (
    rf"(\S+) - (\S+) \[([^\]\n]{{1,40}})\] {_QUOTED} (\d{{3}}|-) (\d+|-) "
    rf"{_QUOTED} {_QUOTED} (\d+) {_QUOTED} {_QUOTED} (\d+)ms"
)
_ACCESS_TEXT: Final = re.compile(_ACCESS)
_ACCESS_BYTES: Final = re.compile(_ACCESS.encode())

_FORWARDED_PREFIX: Final = "request_"


def access_sketch(line: bytes) -> Sketch | None:
    """Status, client, request without its query, router, server."""
    found = _ACCESS_BYTES.match(line)
    if found is None:
        return None
    client, _, _, request, status, _, _, _, _, router, server, _ = found.groups()
    return (status, client, request.partition(b"?")[0], router, server) if refused(status) else PASSES


def parse_access(line: Line) -> Observation | None:
    """One access line; a router of ``-`` is no router at all, a server of ``-`` an answer of Traefik's own."""
    found = _ACCESS_TEXT.match(line.text)
    if found is None:
        return None
    client, user, time, request, status, size, referer, agent, _, router, server, duration = found.groups()
    asked = request_line(request)
    fields = {"RouterName": router, "ServiceURL": server, "Duration": f"{duration}ms", "DownstreamContentSize": size}
    fields |= {"ClientUsername": "" if user == "-" else user, "time": "" if moment(time) is not None else time}
    sent = (("referer", referer), ("user-agent", agent))
    return observed(
        line,
        "traefik-log",
        fields=fields,
        at=moment(time),
        client=client,
        status=status_of(status),
        request_headers=tuple((name, value) for name, value in sent if value not in ("", "-")),
        **asked.members,
    )


_ACCESS_NAMES: Final = frozenset(
    {"DownstreamStatus", "RequestMethod", "RequestPath", "ClientHost", "RouterName", "OriginStatus"}
)
_MEMBERS: Final = ("RequestMethod", "RequestPath", "RequestHost", "RequestScheme", "ClientHost", "DownstreamStatus")


def json_sketch(line: bytes) -> Sketch | None:
    """The same of an access line as JSON."""
    found = document(line)
    if found is None or len(_ACCESS_NAMES.intersection(found)) < 3:
        return None
    if not matters(found.get("DownstreamStatus")):
        return PASSES
    asked = (found.get("RequestMethod"), str(found.get("RequestPath")).partition("?")[0], str(found.get("RequestHost")))
    return str(found["DownstreamStatus"]), str(found.get("ClientHost")), *asked, _route(found)


def _route(found: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(found.get(name)) for name in ("RouterName", "ServiceURL", "OriginStatus"))


def parse_json(line: Line) -> Observation | None:
    """An access line as JSON."""
    found = document(line.text)
    if found is None:
        return None
    asked = target(shown(found.get("RequestMethod")), shown(found.get("RequestPath")))
    at = next((at for name in ("StartUTC", "time") if (at := moment(shown(found.get(name)))) is not None), None)
    plain = {
        name: value for name, value in found.items() if name not in _MEMBERS and not isinstance(value, dict | list)
    }
    return observed(
        line,
        "traefik-log",
        fields={
            name: value for name, value in plain.items() if not name.startswith((_FORWARDED_PREFIX, "downstream_"))
        },
        at=at,
        client=shown(found.get("ClientHost")),
        status=status_of(shown(found.get("DownstreamStatus"))),
        request_headers=_prefixed(plain, _FORWARDED_PREFIX),
        response_headers=_prefixed(plain, "downstream_"),
        **asked.members | {"host": shown(found.get("RequestHost")), "scheme": shown(found.get("RequestScheme"))},
    )


def _prefixed(found: Mapping[str, Any], prefix: str) -> tuple[tuple[str, str], ...]:
    return headers({name.removeprefix(prefix): value for name, value in found.items() if name.startswith(prefix)})


_LOG: Final = re.compile(  # level=debug msg="…" name=value (2), or DBG file.go:80 > message name=value (3)
    r'(?:time="(?P<time>[^"]*)" level=(?P<level>\w+) msg="(?P<msg>[^"\\]*(?:\\.[^"\\]*)*)"'
    r"|(?:(?P<time3>\d{4}-\d\d-\d\dT\S+) )?(?P<level3>DBG|INF|WRN|ERR|FTL) "
    r"(?:(?:\S*/)?[\w.]+\.go:\d+ > )?(?P<msg3>[^\n]*?))(?P<pairs>(?: [A-Za-z]+=(?:\"[^\"]*\"|\S+))*)$"
)
_LEAST: Final = re.compile(rb'(?:time="[^"]*" level=\w+ msg="|(?:\d{4}-\d\d-\d\dT\S+ )?(?:DBG|INF|WRN|ERR|FTL) )')
_SAYS: Final = re.compile(
    rb"Rejecting IP|[Rr]ejecting|Authentication failed|Remote error |matched none of|Access denied"
    rb"|[Rr]ate.?limit|bursty|forward.?auth|caused by|50\d [A-Z][a-z]|"
    rb"[Cc]lient certificate|Request Entity Too Large|Unable to"
)
_LOG_FINDERS: Final = (re.compile(rb"middlewareName\\?[\"=]"), re.compile(rb"level=error"), re.compile(rb" ERR "))
_PAIR: Final = re.compile(r" ([A-Za-z]+)=(?:\"([^\"]*)\"|(\S+))")
_REJECTED: Final = re.compile(r"Rejecting IP \"?([0-9A-Fa-f.:]+?)\"?(?::? |$)")
_LONG_LEVELS: Final = {"DBG": "debug", "INF": "info", "WRN": "warn", "ERR": "error", "FTL": "fatal"}


def log_sketch(line: bytes) -> Sketch | None:
    """The line without its time: these are few, and only at level debug."""
    if line.startswith(b"{"):
        found = document(line)
        if (
            found is None
            or "level" not in found
            or "DownstreamStatus" in found
            or not {"middlewareName", "entryPointName", "routerName"}.intersection(found)
        ):
            return None
        said = str(found.get("message") or found.get("msg"))
        return (said, str(found.get("middlewareName"))) if _SAYS.search(said.encode()) else PASSES
    start = _LEAST.match(line)
    if start is None:
        return None
    grave = start[0].endswith((b"ERR ", b"FTL ")) or b"level=error" in start[0]
    return (line[start.end() :], start[0][-12:]) if grave or _SAYS.search(line) else PASSES


def parse_log(line: Line) -> Observation | None:
    """One line of the log; the address that a list rejected is the client."""
    fields = _members(line)
    if fields is None:
        return None
    time, message = fields.pop("time", ""), fields.pop("msg", "")
    if (why := fields.get("error")) and why not in message:
        message = f"{message}: {why}"
    rejected = _REJECTED.search(message)
    at = moment(time)
    fields["time"] = "" if at is not None else time
    client = rejected[1] if rejected else ""
    return observed(line, "traefik-log", fields=fields, at=at, client=client, message=message)


def _members(line: Line) -> dict[str, str] | None:
    if found := document(line.text):
        fields = {name: shown(value) for name, value in found.items()}
        return fields | {"msg": fields.pop("message", "") or fields.get("msg", "")}
    told = _LOG.match(line.text)
    if told is None:
        return None
    fields = {name: quoted or bare for name, quoted, bare in _PAIR.findall(told["pairs"])}
    level = told["level"] or _LONG_LEVELS.get(told["level3"] or "", "")
    message = (told["msg"] or told["msg3"] or "").replace('\\"', '"')
    return fields | {"time": told["time"] or told["time3"] or "", "level": level, "msg": message}


_TELLING: Final = ("RouterName", "ServiceURL", "OriginStatus", "middlewareName", "middlewareType")
_TEXT: Final = b' "' + combined.TEXT_END
_KEYS: Final = by_line(
    rb'(\S+) - \S+ \[[^\]]{1,40}\] "([^"?]*+)' + combined.TEXT_END + rb" ([45]\d\d) \S+"
    rb"" + _TEXT + _TEXT + rb" \d+ (" + _TEXT.lstrip() + _TEXT + rb") \d+ms",
    left=2,
)
TRAEFIK_ACCESS: Final = Format(
    "traefik-access", (combined.STATUS,), access_sketch, parse_access, telling=_TELLING, keys=_KEYS
)
TRAEFIK_JSON: Final = Format(
    "traefik-json",
    (STATUS,),
    json_sketch,
    parse_json,
    telling=_TELLING,
    keys=by_members(
        ("DownstreamStatus", "OriginStatus", "RequestMethod", "RequestHost", "ClientHost", "RouterName", "ServiceURL"),
        paths=("RequestPath",),
        left=("DownstreamStatus",),
    ),
)
TRAEFIK_LOG: Final = Format(
    "traefik-log", _LOG_FINDERS, log_sketch, parse_log, telling=_TELLING, needles=(b"reject", b"caused by", b" gateway")
)
