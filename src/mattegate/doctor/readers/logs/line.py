"""One line as the families see it, and how what it says becomes an observation.

What belongs here: what every family needs to build an observation. What a format looks like is the family's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from mattegate.doctor.observation import Observation, Place
from mattegate.doctor.redact import safe, safe_header, safe_headers

_LONGEST_MESSAGE: Final = 4_096
_LONGEST_PATH: Final = 2_048
_LONGEST_VALUE: Final = 1_024
_MOST_FIELDS: Final = 48
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
    return _sealed(
        Observation(name, line.place, fields={key: value for key, value in named.items() if value}, **members)
    )


def _sealed(seen: Observation) -> Observation:
    """No text leaves without passing here."""
    return replace(
        seen,
        method=safe(seen.method[:32]),
        host=safe(seen.host[:255]),
        path=safe(seen.path[:_LONGEST_PATH]),
        client=safe(seen.client[:255]),
        reason_phrase=safe(seen.reason_phrase[:255]),
        message=safe(seen.message[:_LONGEST_MESSAGE]),
        body=safe(seen.body[:_LONGEST_MESSAGE]),
        request_headers=safe_headers(
            (name, value[:_LONGEST_VALUE]) for name, value in seen.request_headers[:_MOST_FIELDS]
        ),
        response_headers=safe_headers(
            (name, value[:_LONGEST_VALUE]) for name, value in seen.response_headers[:_MOST_FIELDS]
        ),
        fields={
            safe(name[:80]): _safe_field(name, value[:_LONGEST_VALUE])
            for name, value in list(seen.fields.items())[:_MOST_FIELDS]
        },
    )


def _safe_field(name: str, value: str) -> str:
    """A name that says secret hides its value, but for those that only sound so."""
    return safe(value) if name in _NO_SECRETS else safe_header(name, value)
