"""Envoy and Istio: access lines in the default formats or as JSON, and the log lines of the RBAC filters.

Envoy's default format string is that of its access-logging documentation; Istio's that of ``EnvoyTextLogFormat``
(Istio documentation, "Getting Envoy's access logs"). Status 0 is a connection that ended without an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from mattegate.doctor.observation import Observation
from mattegate.doctor.readers.logs import combined
from mattegate.doctor.readers.logs.formats import PASSES, Format, Sketch, refused
from mattegate.doctor.readers.logs.json_lines import STATUS, document, first, matters
from mattegate.doctor.readers.logs.keys import by_line, by_members
from mattegate.doctor.readers.logs.line import Line, observed, request_line, shown, status_of, target
from mattegate.doctor.readers.logs.moments import moment

_HEAD: Final = r'\[(\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d))\] "([^"\n]*)" (\d{1,3}) (\S+) '
_BEHIND: Final = r'(\d+) (\d+) (\d+|-) (\S+) "([^"\n]*)" "([^"\n]*)" "([^"\n]*)" "([^"\n]*)" "([^"\n]*)"'
_PLAIN: Final = _HEAD + _BEHIND
_ISTIO: Final = _HEAD + r'(\S+) (\S+) "([^"\n]*)" ' + _BEHIND + r"(?: (\S+) (\S+) (\S+) (\S+) (\S+) (\S+))?"
_HEAD_BYTES: Final = re.compile(
    _HEAD.encode() + rb'(?:(\S+) \S+ "[^"\n]*" )?\d+ \d+ \S+ \S+ "([^"\n]*)" "[^"\n]*" "[^"\n]*" "([^"\n]*)"'
)
_PLAIN_TEXT: Final = re.compile(_PLAIN)
_ISTIO_TEXT: Final = re.compile(_ISTIO)
_BEHIND_NAMES: Final = (
    "bytes_received",
    "bytes_sent",
    "duration",
    "upstream_service_time",
    "x_forwarded_for",
    "user_agent",
)
_ISTIO_NAMES: Final = ("response_code_details", "connection_termination_details", "upstream_transport_failure_reason")
_ROUTE_NAMES: Final = (
    "upstream_cluster",
    "upstream_local_address",
    "downstream_local_address",
    "downstream_remote_address",
    "requested_server_name",
    "route_name",
)
_PORTS: Final = re.compile(rb":\d{1,5}(?= |\Z)")
_PORT: Final = re.compile(r"\[?([0-9A-Fa-f.:]+?)\]?(?::\d{1,5})?")


def sketch(line: bytes) -> Sketch | None:
    """Status, flags and details, client, request without its query, authority."""
    found = _HEAD_BYTES.match(line)
    if found is None:
        return None
    _, request, status, flags, details, forwarded, authority = found.groups()
    if not refused(status) and status != b"0":
        return PASSES
    behind = _PORTS.sub(b"", line.rpartition(b'"')[2])
    return (status, flags, details), forwarded, request.partition(b"?")[0], authority, behind


def parse(line: Line) -> Observation | None:
    """One access line; what Envoy answers itself has ``-`` for the upstream host."""
    found = _ISTIO_TEXT.match(line.text) or _PLAIN_TEXT.match(line.text)
    if found is None:
        return None
    time, request, status, flags, *rest = found.groups()
    fields = {"response_flags": flags}
    if found.re is _ISTIO_TEXT:
        fields |= dict(zip(_ISTIO_NAMES, rest, strict=False))
        fields |= {name: value or "" for name, value in zip(_ROUTE_NAMES, rest[12:], strict=True)}
        rest = rest[3:12]
    fields |= dict(zip(_BEHIND_NAMES, rest, strict=False))
    fields |= {"request_id": rest[6], "authority": rest[7], "upstream_host": rest[8]}
    return _access(line, fields, status=status, time=time, request=request)


def _access(line: Line, fields: dict[str, str], *, status: str, time: str, request: str) -> Observation:
    asked, agent, at = request_line(request), fields.pop("user_agent", ""), moment(time)
    authority = fields.pop("authority", "")
    return observed(
        line,
        "envoy-log",
        fields=fields | {"status": status if status == "0" else "", "time": "" if at is not None else time},
        at=at,
        client=_client(fields),
        status=status_of(status),
        request_headers=(("user-agent", agent),) if agent not in ("", "-") else (),
        message="" if fields.get("response_code_details", "-") == "-" else fields["response_code_details"],
        **asked.members | {"host": "" if authority == "-" else authority},
    )


def _client(fields: Mapping[str, str]) -> str:
    """The first address of X-Forwarded-For, else the peer's."""
    forwarded = fields.get("x_forwarded_for", "").partition(",")[0].strip()
    if forwarded not in ("", "-"):
        return forwarded
    peer = _PORT.fullmatch(fields.get("downstream_remote_address", ""))
    return peer[1] if peer else ""


_JSON_NAMES: Final = frozenset(
    {"response_code", "response_flags", "response_code_details", "upstream_host", "upstream_cluster"}
)
_CODE: Final = re.compile(rb'esponse_code\\?": ?\\?"?(?:[45]\d\d|0)\b')
_TIME: Final = ("start_time", "timestamp", "time")
_JSON_MEMBERS: Final = ("method", "path", "authority", "response_code", "user_agent", *_TIME)


def json_sketch(line: bytes) -> Sketch | None:
    """The same of an access line as JSON, with Istio's names."""
    found = document(line)
    if found is None or len(_JSON_NAMES.intersection(found)) < 2:
        return None
    status = str(found.get("response_code"))
    if not matters(status) and status != "0":
        return PASSES
    told = (status, *(str(found.get(name)) for name in ("response_flags", "response_code_details")))
    who = (str(found.get("x_forwarded_for")), str(found.get("downstream_remote_address")).rpartition(":")[0])
    return told, *who, str(found.get("path")).partition("?")[0], str(found.get("method")), str(found.get("authority"))


def parse_json(line: Line) -> Observation | None:
    """An access line as JSON."""
    found = document(line.text)
    if found is None:
        return None
    asked = target(shown(found.get("method")), shown(first(found, ("path", "x_envoy_original_path"))))
    status, time = shown(found.get("response_code")), shown(first(found, _TIME))
    fields = dict(_plain(found))
    seen = _access(
        line,
        fields | {"authority": "", "user_agent": shown(found.get("user_agent"))},
        status=status,
        time=time,
        request="",
    )
    members = asked.members | {"host": shown(found.get("authority"))}
    return observed(
        line,
        "envoy-log",
        fields=dict(seen.fields),
        at=seen.at,
        client=seen.client,
        status=seen.status,
        message=seen.message,
        request_headers=seen.request_headers,
        **members,
    )


def _plain(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in found.items():
        if name not in _JSON_MEMBERS and not isinstance(value, dict | list):
            yield name, shown(value)


_LOG_BYTES: Final = re.compile(
    rb"(?:\[([\d-]+[ T][\d:.]+)\]\[\d+\]\[(\w+)\]\[([\w ]+)\]|(\S+)\t(\w+)\tenvoy ([\w ]+)(?:\t| ))\s*(.*)", re.DOTALL
)
_LOG_SAYS: Final = re.compile(
    rb"enforced denied|shadow denied|ext_authz|Jwt |rejected|JWT|jwt_authn.*(?:fail|deny)|denied"
)
_POLICY: Final = re.compile(r"matched policy ([^\s,]+)")
_SOURCE: Final = re.compile(r"^\[(source/[^\]]+)\]\s*")


def log_sketch(line: bytes) -> Sketch | None:
    """The sentence, of those that refuse."""
    found = _LOG_BYTES.match(line)
    if found is None:
        return None
    return (found[7][:400],) if _LOG_SAYS.search(found[7]) else PASSES


def parse_log(line: Line) -> Observation | None:
    """One line of Envoy's own log (level debug)."""
    found = _LOG_BYTES.match(line.text.encode())
    if found is None:
        return None
    time, level, component, time2, level2, component2, message = (
        part.decode() if part else "" for part in found.groups()
    )
    source, bare = _SOURCE.match(message), _SOURCE.sub("", message)
    policy = _POLICY.search(bare)
    at = moment(time2)
    fields = {
        "time": time or ("" if at is not None else time2),
        "level": level or level2,
        "component": component or component2,
    }
    fields |= {"source": source[1] if source else "", "policy": policy[1] if policy else ""}
    return observed(line, "envoy-log", fields=fields, at=at, message=bare)


_TELLING: Final = (
    "response_flags",
    "response_code_details",
    "upstream_host",
    "upstream_cluster",
    "route_name",
    "status",
    "policy",
)
_KEYS: Final = by_line(
    rb'\[[\d-]+T[^\]]*+\] "([^"?]*+)[^"]*+" ([45]\d\d|0) (\S+) (?:|(\S+) \S+ ("[^"]*+") )\d+ \d+ \S+ \S+ '
    rb'"([^"]*+)" "[^"]*+" "[^"]*+" ("[^"]*+" "[^"]*+")(?:| (\S+) \S+ \S+ (\S+):\d+ \S+ (\S+))',
    left=1,
)
ENVOY_ACCESS: Final = Format("envoy-access", (combined.STATUS,), sketch, parse, telling=_TELLING, keys=_KEYS)
ENVOY_JSON: Final = Format(
    "envoy-json",
    (STATUS, _CODE),
    json_sketch,
    parse_json,
    telling=_TELLING,
    keys=by_members(
        (
            *("response_code", "response_flags", "response_code_details", "x_forwarded_for", "method", "authority"),
            *("upstream_host", "upstream_cluster", "route_name"),
        ),
        paths=("path",),
        ports=("downstream_remote_address",),
        left=("response_code",),
    ),
)
ENVOY_LOG: Final = Format(
    "envoy-log", (), log_sketch, parse_log, telling=_TELLING, needles=(b"denied", b"jwt", b"reject")
)
