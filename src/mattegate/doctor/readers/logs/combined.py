"""The line that nginx, Apache and many others write of a request: the common and the combined format, with what is put
behind.

Apache's ``mod_log_config`` documentation defines both; nginx's ``ngx_http_log_module`` has ``combined`` built in. What
stands behind the user agent is each site's own: ``name=value`` pairs and the usual positions are understood, the rest
is kept.
"""

from __future__ import annotations

import re
from typing import Final

from mattegate.doctor.observation import Observation
from mattegate.doctor.readers.logs.formats import PASSES, Sketch, refused
from mattegate.doctor.readers.logs.keys import by_line
from mattegate.doctor.readers.logs.line import Line, RequestLine, observed, request_line
from mattegate.doctor.readers.logs.moments import moment

STATUS: Final = re.compile(rb'" (?:[45]\d\d|0) ')
"""Finds the lines that matter in a block of any such log, and in the same lines quoted as JSON; 0 is Envoy's."""

_QUOTED: Final = r'"([^"\\]*(?:\\.[^"\\]*)*)"'
_HEAD: Final = rf"(?:([\w.\[\]-]+:\d{{1,5}}) )?(\S+) \S+ ([^\[\n]*)\[([^\]\n]{{1,40}})\] ?{_QUOTED} (\d{{3}}) (\d+|-)"
_SKETCH: Final = re.compile((_HEAD + r"(?: ([0-9a-f]{8}-[0-9a-f]{4})-)?").encode())
PASSED: Final = re.compile(
    rb'^(?:[^"\[\n]*\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "[^"\\\n]*" [123]\d\d \d.*|(.*))$',
    re.MULTILINE,
)
"""A whole line; it is a group unless it says that a request passed."""
PASSES_SOMEWHERE: Final = re.compile(rb'" [123]\d\d \d')
"""Stands in every line that says so."""
TEXT_END: Final = rb'[^"]*+"(?<!\\")'
"""A quote that is no part of the text."""
_TEXT: Final = b' "' + TEXT_END
_PAIRS: Final = rb'(?: (?:u(?:pstream_)?s(?:tatus)?=("?[\d-]+"?)|[a-z_]+=(?:"' + TEXT_END + rb'|[^" \n]*)))+'
_INGRESS_TAIL: Final = rb' \d+ [\d.]+ \[[^\]]*+\] \[[^\]]*+\] [^"\n]* ((?:\d{3}|-)(?:, (?:\d{3}|-))*) [0-9a-f]{32}'
KEYS: Final = by_line(
    rb'([^\[]*+)\[[^\]]{1,40}\] ?"([^"?]*+)' + TEXT_END + rb" ([45]\d\d) [\d-]+"
    rb"(?:" + _TEXT + _TEXT + rb"(?:" + _TEXT + rb"|" + _PAIRS + rb"|" + _INGRESS_TAIL + rb"|)|)",
    left=2,
)
_LINE: Final = re.compile(_HEAD + rf"(?: {_QUOTED} {_QUOTED})?(.*)", re.DOTALL)

_UPSTREAM: Final = re.compile(rb'\b(?:us|ustatus|upstream_status)[=:] ?"?(\d{3}|-)')
_PAIR: Final = re.compile(r'([A-Za-z][\w.-]{0,40})[=:] ?(?:"([^"]*)"|(\[[^\]]*\]|[^\s",\]]+))')
_ALIASES: Final = {
    "us": "upstream_status",
    "ustatus": "upstream_status",
    "rt": "request_time",
    "urt": "upstream_response_time",
    "upstream": "upstream_addr",
    "uaddr": "upstream_addr",
    "xff": "http_x_forwarded_for",
    "x_forwarded_for": "http_x_forwarded_for",
    "rid": "request_id",
    "req_id": "request_id",
    "vhost": "host",
    "http_host": "host",
    "server_name": "server_name",
}
_INGRESS: Final = re.compile(  # the log format of ingress-nginx, from its annotations' documentation
    r" (\d+) ([\d.]+) \[([^\]]*)\] \[([^\]]*)\] ([^\s,]+(?:, ?[^\s,]+)*) (\d+|-)(?:, \d+)* ([\d.]+|-)(?:, [\d.]+)* "
    r"(\d{3}|-)(?:, \d{3})* ([0-9a-f]+)"
)
_INGRESS_END: Final = re.compile(rb" (\d{3}|-)(?:, (?:\d{3}|-))* [0-9a-f]{32}\Z")
_INGRESS_NAMES: Final = (
    "request_length",
    "request_time",
    "proxy_upstream_name",
    "proxy_alternative_upstream_name",
    "upstream_addr",
    "upstream_response_length",
    "upstream_response_time",
    "upstream_status",
    "req_id",
)
_FORWARDED: Final = re.compile(rf" {_QUOTED}")
_ADDRESSES: Final = re.compile(r"[0-9a-fA-F.:]+(?:, ?[0-9a-fA-F.:]+)*|-")
_SECONDS: Final = re.compile(r" (?:\")?(\d+\.\d{3})(?:\")?(?= |$)")
_NGINX_ONLY: Final = frozenset({444, 494, 495, 496, 497, 499})
"""Statuses that only nginx invents (``ngx_http_request.h``)."""


def sketch(line: bytes) -> Sketch | None:
    """The status, the client, the request without its query, and the upstream's status."""
    found = _SKETCH.match(line)
    if found is None or found[8] or line.endswith(b"ms"):
        return None  # API Gateway's line goes on with a request id, Traefik's ends with a duration
    vhost, client, _, _, request, status, _, _ = found.groups()
    if not refused(status):
        return PASSES
    return status, client, request.partition(b"?")[0], vhost, _upstream_status(line, found.end())


def _upstream_status(line: bytes, at: int) -> bytes | None:
    if line.endswith(b'"') and b"us=" not in line:
        return None
    found = _UPSTREAM.search(line, at) or _INGRESS_END.search(line, max(at, len(line) - 64))
    return found[1] if found else None


def parse(line: Line, name: str) -> Observation | None:
    """One line; ``name`` is the format it is told as where the line itself does not show who wrote it."""
    found = _LINE.match(line.text)
    if found is None:
        return None
    vhost, client, user, time, request, status, size, referer, agent, rest = found.groups()
    asked, at = request_line(request), moment(time)
    fields = {"body_bytes_sent": size, "remote_user": _said(user.strip()), **_behind(rest)}
    fields |= {"time": "" if at is not None else time, "request": "" if asked.method else request}
    fields["server_port"] = vhost.rpartition(":")[2] if vhost else ""
    members = asked.members | {"host": asked.host or _host(vhost, fields)}
    return observed(
        line,
        _writer(name, int(status), vhost=vhost, fields=fields),
        fields=fields,
        at=at,
        client=client,
        status=int(status),
        request_headers=tuple(
            (key, said) for key, said in (("referer", _said(referer)), ("user-agent", _said(agent))) if said
        ),
        message=_odd(request, asked),
        **members,
    )


def _said(value: str | None) -> str:
    return "" if value in (None, "-") else str(value)


def _host(vhost: str | None, fields: dict[str, str]) -> str:
    if vhost:
        return vhost.rpartition(":")[0]
    return _said(fields.get("host"))


def _odd(request: str, asked: RequestLine) -> str:
    """What arrived in place of a request, if it was none: a TLS handshake on a plain port begins with 16 03."""
    if asked.method or request in ("", "-"):
        return ""
    return "a TLS handshake on a port for plain HTTP" if request.startswith("\\x16\\x03") else "no HTTP request"


def _writer(name: str, status: int, *, vhost: str | None, fields: dict[str, str]) -> str:
    if name != "access":
        return name
    if vhost:
        return "apache-access"
    told = status in _NGINX_ONLY or "upstream_status" in fields or "upstream_addr" in fields
    return "nginx-access" if told else name


def _behind(rest: str) -> dict[str, str]:
    """What a site put behind the combined line."""
    if not rest.strip():
        return {}
    if ingress := _INGRESS.match(rest):
        return dict(zip(_INGRESS_NAMES, ingress.groups(), strict=True))
    fields: dict[str, str] = {}
    if (first := _FORWARDED.match(rest)) and _ADDRESSES.fullmatch(first[1]):
        fields["http_x_forwarded_for"] = first[1]  # the third quoted text of nginx's own example, ``main``
    for name, quoted, bare in _PAIR.findall(rest):
        fields[_ALIASES.get(name.lower(), name.lower())] = quoted or bare
    if "request_time" not in fields and (seconds := _SECONDS.search(rest)):
        fields["request_time"] = seconds[1]
    if not fields or (len(fields) == 1 and first is not None and first[0] != rest):
        fields["behind"] = rest.strip()
    return fields
