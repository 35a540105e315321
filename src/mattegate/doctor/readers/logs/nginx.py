"""nginx's own logs: the error log, and the access log as JSON (the combined line is :mod:`.combined`'s).

The error log's line is ``ngx_log_error_core`` and ``ngx_http_log_error_handler`` of nginx's source
(src/core/ngx_log.c, src/http/ngx_http_request.c): date, level, process and thread, connection, message, then client,
server, request, subrequest, upstream, host, referrer. Its times have no zone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from mattegate.doctor.observation import Observation
from mattegate.doctor.readers.logs import combined
from mattegate.doctor.readers.logs.fence import text_before
from mattegate.doctor.readers.logs.formats import PASSES, Format, Sketch
from mattegate.doctor.readers.logs.json_lines import STATUS as JSON_STATUS
from mattegate.doctor.readers.logs.json_lines import document, first, matters
from mattegate.doctor.readers.logs.keys import by_line, by_members
from mattegate.doctor.readers.logs.line import Line, observed, request_line, shown, status_of, target
from mattegate.doctor.readers.logs.moments import moment

_STAMP: Final = rb"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d"
_INFO: Final = (
    rb"client (?:sent|intended|SSL)|no user/password|user \"|SSL_|peer closed|auth |access |limiting|delaying|"
    rb"recv\(\)|the \"|plain HTTP|invalid |JWT|token |OIDC|js: "
)
_MATTERS: Final = re.compile(
    rb"\[(?:(?:error|crit|alert|emerg|warn)\] \d+#|(?:info|notice)\] \d+#\d+: (?:\*\d+ )?(?:" + _INFO + rb")"
    rb"|debug\] \d+#\d+: \*\d+ (?:auth request done s:[45]|http finalize request: [45]\d\d))"
)
_ERROR_HEAD: Final = re.compile(_STAMP + rb" \[(\w+)\] \d+#\d+: (?:\*\d+ )?")
_SKETCH_TAIL: Final = re.compile(
    rb'([^,\n]*+)(?:, server: ([^,\n]*+))?(?:, request: "([^? "\n]*+ ?+[^? "\n]*+)[^"\n]*+")?'
    rb'(?:, subrequest: "[^"\n]*+")?(?:, upstream: "([^?"\n]*+)[^"\n]*+")?(?:, host: "([^"\n]*+)")?'
)
_CLIENT_TAIL: Final = ", client: "
_COUNTED: Final = rb"((?:limiting requests|delaying request), excess: |client intended to send too large \w*[ ]?body: )"
_KEYS: Final = by_line(
    _STAMP + rb" \[(error|crit|alert|emerg|warn)\] \d+#\d+: (?:\*\d+ |)(?!\[client )"
    rb"(?:" + _COUNTED + rb"[\d.+]+)?(" + text_before(b" client: ") + rb"(?:, client: [^,]*+, server: [^,]*+"
    rb'(?:, request: "[^?"]*+|)|))(?:[^"]*+"|)(?:, subrequest: "[^"]*+"|)(?:, upstream: "([^?"]*+)[^"]*+"|)'
    rb'(?:, host: "([^"]*+)"|)(?:, referrer: "[^"]*+"|)',
    left=2,
    upto=_CLIENT_TAIL.encode(),
)
_GRAVE: Final = frozenset({b"error", b"crit", b"alert", b"emerg", b"warn"})
_DIGITS: Final = re.compile(rb"\d+")
_SAID_BYTES: Final = re.compile(rb'\(\d{1,3}: |zone "[^"]+"')

_ERROR: Final = re.compile(r"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[(\w+)\] (\d+)#(\d+): (?:\*(\d+) )?(.*)", re.DOTALL)
_TAIL: Final = re.compile(
    r'(?P<client>[^,\n]*)(?:, server: (?P<server>[^,\n]*))?(?:, request: "(?P<request>[^"\n]*)")?'
    r'(?:, subrequest: "(?P<subrequest>[^"\n]*)")?(?:, upstream: "(?P<upstream>[^"\n]*)")?'
    r'(?:, host: "(?P<host>[^"\n]*)")?(?:, referrer: "(?P<referrer>[^"\n]*)")?'
)
_ERRNO: Final = re.compile(r"\((\d{1,3}): ([A-Z][^)]{2,80})\)")
_QUOTED_PATH: Final = re.compile(r'(?:\w+\(\)|directory index of) "([^"]+)"')
_ZONE: Final = re.compile(r'zone "([^"]+)"')


def error_sketch(line: bytes) -> Sketch | None:
    """Level and message, client, server, request without its query, upstream without its query, host."""
    found = _ERROR_HEAD.match(line)
    if found is None or b" ModSecurity: " in line:
        return None
    if found[1] not in _GRAVE and _MATTERS.search(line, 19, 400) is None:
        return PASSES
    message, _, rest = line[found.end() :].partition(_CLIENT_TAIL.encode())
    tail = _SKETCH_TAIL.match(rest)
    facts = _SAID_BYTES.findall(message)
    return _DIGITS.sub(b"0", message), found[1], *(tail.groups() if tail else ()), *facts


def parse_error(line: Line) -> Observation | None:
    """One line of the error log; of one without a request (start-up, a worker's death) only the message is known."""
    found = _ERROR.match(line.text)
    if found is None:
        return None
    time, level, pid, thread, connection, rest = found.groups()
    message, known, behind = rest.partition(_CLIENT_TAIL)
    tail = _TAIL.match(behind) if known else None
    parts = {key: value or "" for key, value in tail.groupdict().items()} if tail else {}
    fields = {"level": level, "pid": pid, "tid": thread, "connection": connection, "time": time, **_said(message)}
    fields |= {name: parts.get(name, "") for name in ("server", "subrequest", "upstream", "referrer")}
    asked = request_line(parts.get("request", ""))
    fields["request"] = "" if asked.method else parts.get("request", "")
    return observed(
        line,
        "nginx-error",
        fields=fields,
        client=parts.get("client", ""),
        message=message,
        **asked.members | {"host": parts.get("host") or asked.host},
    )


def _said(message: str) -> dict[str, str]:
    """The facts inside a message: an errno, the file, the zone."""
    fields: dict[str, str] = {}
    if errno := _ERRNO.search(message):
        fields |= {"errno": errno[1], "error": errno[2]}
    if path := _QUOTED_PATH.search(message):
        fields["file"] = path[1]
    if zone := _ZONE.search(message):
        fields["zone"] = zone[1]
    return fields


_STATUS: Final = ("status", "status_code", "response_status", "response_code")
_METHOD: Final = ("request_method", "method", "http_method", "verb")
_PATH: Final = ("request_uri", "uri", "path", "url", "request_path", "request_url")
_CLIENT: Final = ("remote_addr", "client_ip", "clientip", "remote_ip", "client", "ip", "remote_address", "x_real_ip")
_HOST: Final = ("host", "http_host", "vhost", "server_name", "domain", "request_host")
_TIME: Final = ("time_iso8601", "time_local", "@timestamp", "timestamp", "time", "msec", "ts", "date")
_NGINX_NAMES: Final = frozenset(
    [
        "remote_addr",
        "request_uri",
        "upstream_status",
        "upstream_addr",
        "body_bytes_sent",
        "http_user_agent",
        "upstream_response_time",
        "time_iso8601",
        "time_local",
        "request_time",
    ]
)
_KEPT: Final = frozenset((*_STATUS, *_METHOD, *_PATH, *_CLIENT, *_TIME))


def json_sketch(line: bytes) -> Sketch | None:
    """The values that tell kinds apart, by nginx's variable names or their usual neighbours."""
    found = document(line)
    if found is None or len(_NGINX_NAMES.intersection(found)) < 2:
        return None
    status = first(found, _STATUS)
    if not matters(status):
        return PASSES
    asked = first(found, _PATH) or found.get("request")
    return (
        str(status),
        str(first(found, _CLIENT)),
        first(found, _METHOD),
        str(asked).partition("?")[0],
        str(first(found, _HOST)),
        str(found.get("upstream_status")),
    )


def parse_json(line: Line) -> Observation | None:
    """An access line as JSON (``log_format … escape=json``)."""
    found = document(line.text)
    if found is None:
        return None
    asked = request_line(shown(found.get("request", "")))
    if not asked.method:
        asked = target(shown(first(found, _METHOD)), shown(first(found, _PATH)))
    agent = shown(found.get("http_user_agent", ""))
    time = shown(first(found, _TIME))
    return observed(
        line,
        "nginx-access",
        fields=_rest(found, time=time),
        at=moment(time),
        client=shown(first(found, _CLIENT)),
        status=status_of(shown(first(found, _STATUS))),
        request_headers=(("user-agent", agent),) if agent else (),
        **asked.members | {"host": shown(first(found, _HOST)) or asked.host},
    )


def _rest(found: Mapping[str, Any], *, time: str) -> dict[str, object]:
    fields: dict[str, object] = {
        key: value for key, value in found.items() if key not in _KEPT and not isinstance(value, dict | list)
    }
    unused = {name: "-" for name, value in fields.items() if name.startswith("upstream_") and value == ""}
    return fields | unused | {"time": "" if moment(time) is not None else time}  # escape=json leaves out the hyphen


NGINX_ERROR: Final = Format(
    "nginx-error",
    (_MATTERS,),
    error_sketch,
    parse_error,
    telling=("level", "upstream", "errno", "zone", "server"),
    keys=_KEYS,
)
NGINX_ACCESS: Final = Format(
    "nginx-access",
    (combined.STATUS,),
    combined.sketch,
    lambda line: combined.parse(line, "nginx-access"),
    telling=("upstream_status",),
    keys=combined.KEYS,
)
NGINX_JSON: Final = Format(
    "nginx-json",
    (JSON_STATUS,),
    json_sketch,
    parse_json,
    telling=("upstream_status",),
    keys=by_members((*_STATUS, *_METHOD, *_CLIENT, *_HOST, "upstream_status"), paths=(*_PATH, "request"), left=_STATUS),
)
ACCESS: Final = Format(
    "access",
    (combined.STATUS,),
    combined.sketch,
    lambda line: combined.parse(line, "access"),
    telling=("upstream_status",),
    keys=combined.KEYS,
)
