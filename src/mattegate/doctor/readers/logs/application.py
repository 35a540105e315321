"""Any other program's line with a refusal in it: uvicorn, gunicorn, Django, Spring, Kong, APISIX, Tyk, and whatever
logs.

A line counts only where a word or a status of refusal stands in it; what it means is for the signatures to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mattegate.doctor.observation import Observation
from mattegate.doctor.readers.logs.formats import Format, Sketch
from mattegate.doctor.readers.logs.json_lines import document, first, flat
from mattegate.doctor.readers.logs.keys import Keys, words_left
from mattegate.doctor.readers.logs.line import Line, RequestLine, observed, request_line, shown, status_of, target
from mattegate.doctor.readers.logs.mattegate import guide_words
from mattegate.doctor.readers.logs.moments import moment
from mattegate.doctor.readers.logs.repeating import found_in_each
from mattegate.doctor.readers.logs.washing import Washing

_NEEDLES: Final = tuple(
    word.encode()
    for word in [
        "forbid",
        "denied",
        "disallow",
        "unauth",
        "not allowed",
        "not permitted",
        "blocked",
        "reject",
        "refused",
        "csrf",
        "too many",
        "too large",
        "rate limit",
        "limit exceeded",
        "invalid",
        "expired",
        "jwt",
        "credential",
        "permission",
        "quota",
        "failed_to_",
        "backend_",
        "httpstatus",
    ]
)
_STATUS_FINDER: Final = re.compile(rb"4(?:0[134]|13|29)\b(?<=[ =:\"\[(]4..)")
_REFUSAL: Final = re.compile(
    rb"b(?:ackend_(?:connection_closed|timeout)|locked)|c(?:onnection refused|redential|srf)|d(?:enied|isallow)"
    rb"|f(?:ailed_to_(?:connect|pick)|orbid)|httpstatus\": ?5|jwt|limit exceeded"
    rb"|invalid (?:api|key|token|host|signature|cors|auth|cred|http_host)|not (?:allowed|permitted)|permission|quota"
    rb"|r(?:ate limit|eject)|signature.{0,40}(?:match|expired|invalid)"
    rb"|to(?:o (?:many|large)|ken.{0,40}(?:expired|invalid))|unauth(?:ori|enti)|4(?:0[134]|13|29)\b(?<=[ =:\"\[(]4..)"
)
"""Every alternative begins with a plain character, which makes it many times as fast."""
_REQUEST: Final = re.compile(r'"([A-Z]{3,8} [^"\s]{1,2048} HTTP/[\d.]+)" (\d{3})(?: ([A-Z][A-Za-z ]{1,40}))?')
_UVICORN: Final = re.compile(r'(?:INFO:\s+)?(\S+?):\d{1,5} - "')
_STAMP: Final = re.compile(
    r"^\[?(\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: ?(?:Z|[+-]\d\d:?\d\d))?"
    r"|\d\d/[A-Z][a-z]{2}/\d{4}[: ]\d\d:\d\d:\d\d"
    r"(?: [+-]\d{4})?)\]?[ \t,|:-]*"
)
_STAMP_BYTES: Final = re.compile(_STAMP.pattern.encode())
_LEVEL: Final = re.compile(
    r"\b(TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|FATAL|ALERT|debug|info|notice|warn(?:ing)?|error|fatal)\b"
)
_STATUS: Final = re.compile(
    r"(?:\bHTTP/[\d.]+\"? |\bstatus(?:[ _-]?[cC]ode)?[\"']?[ =:]{1,3}[\"']?|\b[Cc]ode[ =:]{1,3}|\bHTTP(?:"
    r" status)? |[Rr]esponse[ :]{1,2})([1-5]\d\d)\b"
)
_NAMED: Final = re.compile(
    r"\b(40[13]|413|429|407) (?:Forbidden|Unauthorized|Too Many|Payload|Request Entity|Content Too|Proxy Auth)"
)
_DJANGO: Final = re.compile(r"^(?:Forbidden|Unauthorized|Bad Request|Not Found|Method Not Allowed)[^:]*: (/\S*)")
_FROM: Final = re.compile(
    r"\b(?:from|client|[Ii][Pp]|remote|addr(?:ess)?)[ =:]{1,3}[\"']?((?:\d{1,3}\.){3}\d{1,3}"
    r"|[0-9a-fA-F]{1,4}:[0-9a-fA-F:.]{2,45})"
)
_VARYING: Final = re.compile(rb"\b(?=[a-f]*\d)[0-9a-f-]{8,}\b|\d+")
_LOG_SHAPE: Final = re.compile(
    r"^(?:\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d|\[?\d\d/[A-Z][a-z]{2}/\d{4}[: ]\d\d:|(?:TRACE|DEBUG|INFO"
    r"|WARN(?:ING)?|ERROR|CRITICAL|FATAL)\b"
    r"|\[(?:[A-Z]+|error|warn|info|debug)\]|time=\S|level=\w|\[GIN\]|::1 - |(?:\d{1,3}\.){3}\d{1,3}(?::\d+)? - )"
)
_NO_LOG: Final = re.compile(
    r"^(?:[<>*] |curl |fetch\(|Access to |Failed to load|\S+ has been blocked by CORS)|blocked by CORS policy"
)


def has_log_shape(line: str) -> bool:
    """Whether it looks like some program's log: a time, a level or an address stands first."""
    return _LOG_SHAPE.match(line) is not None and _NO_LOG.search(line) is None


def sketch(line: bytes) -> Sketch | None:
    """The line without its time and its numbers, and those that do not count up."""
    if _REFUSAL.search(line.lower()) is None:
        return None
    bare = _STAMP_BYTES.sub(b"", line[:1024], count=1)
    return _VARYING.sub(b"0", bare), *_FACTS.findall(bare)


def _refusing(keys: Sequence[bytes]) -> list[bool]:
    return found_in_each(keys, _REFUSAL)


def parse(line: Line) -> Observation | None:
    """One line; what can be told from it for certain goes to the members, all of it is the message."""
    found = document(line.text)
    return _from_text(line) if found is None else _from_json(line, found)


def _from_text(line: Line) -> Observation:
    stamp = _STAMP.match(line.text)
    bare = line.text[stamp.end() :] if stamp else line.text
    level, status = _LEVEL.search(bare[:80]), _status(bare)
    requested, asked = _requested(bare)
    words = guide_words(bare)
    time = stamp[1] if stamp else ""
    at = moment(time)
    fields = {"level": level[1].lower() if level else "", "time": "" if at is not None else time}
    return observed(
        line,
        "app-log",
        fields=fields | {name: value for name, value in words.items() if name != "client"},
        at=at,
        client=words.get("client") or _client(bare),
        status=status_of(requested[2]) if requested else status,
        reason_phrase=(requested[3] or "") if requested else "",
        message=bare.strip(),
        **asked.members,
    )


def _requested(text: str) -> tuple[re.Match[str] | None, RequestLine]:
    requested = _REQUEST.search(text)
    if requested is not None:
        return requested, request_line(requested[1])
    django = _DJANGO.match(text)
    return None, RequestLine(path=django[1]) if django else RequestLine()


def _status(text: str) -> int | None:
    found = _STATUS.search(text) or _NAMED.search(text)
    return int(found[1]) if found else None


def _client(text: str) -> str:
    if uvicorn := _UVICORN.match(text):
        return uvicorn[1]
    found = _FROM.search(text)
    return found[1] if found else ""


_MESSAGE: Final = ("message", "msg", "error", "detail", "event", "log", "err")
_TIME: Final = ("@timestamp", "timestamp", "time", "ts", "asctime", "datetime", "date")
# Google's load balancers (LogEntry.httpRequest) and Azure's Application Gateway (properties) nest what they say.
_STATUSES: Final = (
    "status",
    "status_code",
    "statusCode",
    "response.status",
    "http.status_code",
    "res.statusCode",
    "http.response.status_code",
    "httpRequest.status",
    "properties.httpStatus",
)
_METHODS: Final = (
    "method",
    "request.method",
    "http.method",
    "req.method",
    "http.request.method",
    "httpRequest.requestMethod",
    "properties.httpMethod",
)
_PATHS: Final = (
    "path",
    "request.uri",
    "uri",
    "url",
    "request.url",
    "http.target",
    "req.url",
    "request_uri",
    "url.path",
    "httpRequest.requestUrl",
    "properties.requestUri",
)
_CLIENTS: Final = (
    "client_ip",
    "remote_addr",
    "clientIp",
    "ip",
    "client",
    "remote_ip",
    "client_addr",
    "remoteAddress",
    "source.ip",
    "httpRequest.remoteIp",
    "properties.clientIP",
    "properties.clientIp",
)
_ASKED: Final = "|".join(sorted({name.rpartition(".")[2] for name in _PATHS})).encode()
_FACTS: Final = re.compile(
    rb"(?:\d{1,3}\.){3}\d{1,3}|[0-9a-fA-F]{1,4}:[0-9a-fA-F:.]{4,45}|(?<![\w.])[1-5]\d\d(?![\w.])"
    rb'|"[A-Z]{3,8} [^"?\s]+|\A(?:Forb|Unau|Bad |Not |Meth)[^:]*: /[^\s?]*|"(?:' + _ASKED + rb')": ?"[^"?\s]+'
)
"""Where a number is one that tells: addresses, statuses, what was asked for."""
_JSON_TOLD: Final = frozenset((*_MESSAGE, *_TIME, *_STATUSES, *_METHODS, *_PATHS, *_CLIENTS))


def _from_json(line: Line, found: Mapping[str, Any]) -> Observation:
    plain = dict(flat(found))
    time, message = shown(first(plain, _TIME)), shown(first(plain, _MESSAGE))
    words = guide_words(message)
    at = moment(time)
    fields = {name: value for name, value in plain.items() if name not in _JSON_TOLD}
    asked = target(shown(first(plain, _METHODS)), shown(first(plain, _PATHS)))
    return observed(
        line,
        "app-log",
        fields={
            "time": "" if at is not None else time,
            **{name: said for name, said in words.items() if name != "client"},
            **fields,
        },
        at=at,
        client=words.get("client") or shown(first(plain, _CLIENTS)),
        status=status_of(shown(first(plain, _STATUSES))) or _status(message),
        message=message or line.text,
        **asked.members,
    )


APPLICATION: Final = Format(
    "app-log",
    (_STATUS_FINDER,),
    sketch,
    parse,
    telling=("level", "origin"),
    needles=_NEEDLES,
    keys=Keys(
        lambda lines: Washing().keys(lines),
        words_left,
        learning=lambda: Washing().keys,
        worth=_refusing,
        whole=True,
    ),
)
