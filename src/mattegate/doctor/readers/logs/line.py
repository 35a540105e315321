"""One line as the families see it, and how what it says becomes an observation.

What belongs here: what every family needs to build an observation. What a format looks like is the family's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from mattegate.doctor.observation import Headers, Observation, Place
from mattegate.doctor.redact import safe, safe_header, safe_headers

_LONGEST: Final = {
    "method": 32,
    "host": 255,
    "path": 2_048,
    "client": 255,
    "reason_phrase": 255,
    "message": 4_096,
    "body": 4_096,
}
"""Characters that are kept of each text."""
_HEADERS: Final = ("request_headers", "response_headers")
_LONGEST_VALUE: Final = 1_024
_MOST_FIELDS: Final = 48
_REMEMBERED: Final = 4_096
_SHORT: Final = 128
"""Characters of the longest text of which it is remembered how it is safe."""
_NO_SECRETS: Final = frozenset({"routeKey"})
_REQUEST: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) (\S[^\n]*?)(?: HTTP/(\d(?:\.\d)?))?")
_ABSOLUTE: Final = re.compile(r"(https?|wss?)://([^/?#\s]{1,255})([^\n]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Line:
    """A line without what wrapped it."""

    text: str
    place: Place
    at: float | None = None
    """The time of the wrapping, where its zone is known."""
    time: str = ""
    """The wrapping's time as it is written."""
    teller: str = ""
    """Who said it by the wrapping: a service of a composition, a syslog identifier."""


@dataclass(frozen=True, slots=True)
class RequestLine:
    """``METHOD target HTTP/x``, taken apart; all empty where it is none."""

    method: str = ""
    path: str = ""
    http_version: str = ""
    scheme: str = ""
    host: str = ""

    @property
    def members(self) -> dict[str, str]:
        """What it says, by the names of an observation's members."""
        return {
            "method": self.method,
            "path": self.path,
            "http_version": self.http_version,
            "scheme": self.scheme,
            "host": self.host,
        }


def request_line(text: str) -> RequestLine:
    """Take a request line apart; an absolute target (a proxy's, a load balancer's) gives scheme and host as well."""
    found = _REQUEST.fullmatch(text)
    if found is None or (found[3] is None and not found[2].startswith(("/", "http"))):
        return RequestLine()
    return target(found[1], found[2], http_version=found[3] or "")


def target(method: str, path: str, *, http_version: str = "") -> RequestLine:
    """A method with the target it had, which may be absolute."""
    absolute = _ABSOLUTE.fullmatch(path)
    if absolute is None:
        return RequestLine(method, path, http_version)
    rest = absolute[3] if absolute[3].startswith("/") else f"/{absolute[3]}"
    return RequestLine(method, rest, http_version, absolute[1].lower(), absolute[2])


def status_of(text: object) -> int | None:
    """An HTTP status, if it is one."""
    word = str(text)
    return int(word) if len(word) == 3 and word.isascii() and word.isdigit() and word >= "100" else None


def shown(value: object) -> str:
    """A JSON value as a field: texts as they are, all else as JSON has it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def observed(line: Line, name: str, *, fields: Mapping[str, object], **members: Any) -> Observation:
    """An observation of ``line``: safe, bounded, with what the wrapping says where the line itself does not."""
    extra = {"service": line.teller, "time": line.time if members.get("at") is None and line.at is None else ""}
    if members.get("at") is None:
        members["at"] = line.at
    named = {key: shown(value) for key, value in {**extra, **fields}.items()}
    members |= {text: _safe(members[text][:longest]) for text, longest in _LONGEST.items() if text in members}
    members |= {some: _safe_headers(members[some]) for some in _HEADERS if some in members}
    return Observation(name, line.place, fields=_safe_fields(named), **members)


@lru_cache(maxsize=_REMEMBERED)
def _remembered(text: str) -> str:
    return safe(text)


@lru_cache(maxsize=_REMEMBERED)
def _remembered_header(name: str, value: str) -> str:
    return safe_header(name, value)


def _safe(text: str) -> str:
    """No text leaves without passing here. Hosts, paths and addresses come again and again."""
    return _remembered(text) if len(text) <= _SHORT else safe(text)


def _safe_headers(headers: Headers) -> Headers:
    return safe_headers((name, value[:_LONGEST_VALUE]) for name, value in headers[:_MOST_FIELDS])


def _safe_fields(fields: Mapping[str, str]) -> dict[str, str]:
    told = [(name, value) for name, value in fields.items() if value][:_MOST_FIELDS]
    return {_safe(name[:80]): _safe_field(name, value[:_LONGEST_VALUE]) for name, value in told}


def _safe_field(name: str, value: str) -> str:
    """A name that says secret hides its value, but for those that only sound so."""
    if name in _NO_SECRETS:
        return _safe(value)
    return _remembered_header(name, value) if len(value) <= _SHORT else safe_header(name, value)
