"""What the headers of an answer say of CORS: the CORS check of the Fetch standard, and how its lists are read.

Here belongs what preflights and answers share. Each check that fails is a :class:`Fault`, with the name that Chromium
gives it, a cause of the catalogue, and who must change what.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from mattegate.doctor.cors.fetch import Credentials, PageRequest, unsafe_header_names
from mattegate.doctor.observation import Headers

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
"""The statuses that lead elsewhere (*redirect status*)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answers, as the browser gets it."""

    status: int
    headers: Headers = ()

    def header(self, name: str) -> str | None:
        """The values of a header, stripped and joined by a comma as browsers do; ``None`` where it is absent."""
        values = [value.strip("\t\n\r ") for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None

    @property
    def ok(self) -> bool:
        """*ok status*: 200 to 299."""
        return 200 <= self.status <= 299


@dataclass(frozen=True, slots=True)
class Fault:
    """A check that failed."""

    code: str
    complaint: str
    says: str
    change: str
    facts: Mapping[str, str]

    @property
    def hint(self) -> str:
        """What the console names: a value, a header, a method."""
        return self.facts.get("value", "")


def listed(answer: Answer, name: str) -> frozenset[str] | None:
    """The tokens of a list; empty where the header is absent, ``None`` where it cannot be read.

    Source: Fetch, *extracting header list values*; RFC 9110 section 5.6.1.2 for elements that are empty.
    """
    items = [item.strip("\t ") for item in (answer.header(name) or "").split(",")]
    if not all(_TOKEN.fullmatch(item) for item in items if item):
        return None
    return frozenset(item for item in items if item)


def cors_check(request: PageRequest, answer: Answer) -> Fault | None:
    """*CORS check*, with the names that Chromium gives its failures."""
    value = answer.header("access-control-allow-origin")
    included = request.credentials is Credentials.INCLUDE
    if value is None:
        return _no_allow_origin(request)
    if value == "*":
        return _star(request) if included else None
    if value != request.origin:
        return _other_origin(request, value)
    if included and answer.header("access-control-allow-credentials") != "true":
        return _no_credentials(request, answer.header("access-control-allow-credentials") or "")
    return None


def _no_allow_origin(request: PageRequest) -> Fault:
    return Fault(
        "cors.no_allow_origin",
        "MissingAllowOriginHeader",
        "the answer has no Access-Control-Allow-Origin",
        f"whatever made this answer: send Access-Control-Allow-Origin: {request.origin} with it",
        facts(request),
    )


def _star(request: PageRequest) -> Fault:
    return Fault(
        "cors.star_with_credentials",
        "WildcardOriginNotAllowed",
        "the answer has Access-Control-Allow-Origin: *, which is not accepted with credentials",
        f"the server: name {request.origin} and send Access-Control-Allow-Credentials: true; or the page, where it "
        "needs no cookies: ask without credentials",
        facts(request, value="*"),
    )


def _other_origin(request: PageRequest, value: str) -> Fault:
    several = "," in value or " " in value
    return Fault(
        "cors.doubled_allow_origin" if several else _mismatch_cause(request),
        _mismatch(value, several=several),
        f"the answer's Access-Control-Allow-Origin is {value!r} and not {request.origin}",
        "the server: send Access-Control-Allow-Origin once, from one layer"
        if several
        else f"the server: let it answer {request.origin}, letter by letter",
        facts(request, value=value),
    )


def _mismatch_cause(request: PageRequest) -> str:
    return "cors.null_origin" if request.origin == "null" else "cors.origin_mismatch"


def _mismatch(value: str, *, several: bool) -> str:
    if several:
        return "MultipleAllowOriginValues"
    return "AllowOriginMismatch" if value == "null" or _is_url(value) else "InvalidAllowOriginValue"


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 - asking raises where it is none
    except ValueError:
        return False
    return bool(parts.scheme) and (bool(parts.netloc) or parts.scheme not in ("http", "https"))


def _no_credentials(request: PageRequest, value: str) -> Fault:
    return Fault(
        "cors.credentials_missing",
        "InvalidAllowCredentials",
        f"the answer's Access-Control-Allow-Credentials is {value!r} and must be 'true' where credentials are sent",
        "the server: send Access-Control-Allow-Credentials: true; or the page, where it needs no cookies: ask without "
        "credentials",
        facts(request, value=value),
    )


def facts(request: PageRequest, **more: str) -> dict[str, str]:
    """What fills the sentences of a cause."""
    return {
        "origin": request.origin,
        "url": request.url,
        "target": request.target,
        "method": request.method,
        "headers": ", ".join(unsafe_header_names(request)) or "none",
        **more,
    }
