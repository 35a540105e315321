"""The request that a page makes, up to the question whether the browser asks first.

Here belongs what the Fetch standard says of requests: which methods and headers a script may set, which of them are
CORS-safelisted, what a preflight carries and what a redirect changes. It knows nothing of CORS answers. Section names
are those of the Fetch standard (https://fetch.spec.whatwg.org).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final
from urllib.parse import urljoin, urlsplit

from mattegate.doctor.observation import Headers

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_WHITESPACE: Final = "\t\n\r "
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_NORMALIZED: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"})
_SAFELISTED_METHODS: Final = frozenset({"GET", "HEAD", "POST"})
_FORBIDDEN_METHODS: Final = frozenset({"CONNECT", "TRACE", "TRACK"})
_FORBIDDEN_HEADERS: Final = frozenset(
    {
        "accept-charset",
        "accept-encoding",
        "access-control-request-headers",
        "access-control-request-method",
        "connection",
        "content-length",
        "cookie",
        "cookie2",
        "date",
        "dnt",
        "expect",
        "host",
        "keep-alive",
        "origin",
        "referer",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    }
)
_METHOD_OVERRIDES: Final = frozenset({"x-http-method", "x-http-method-override", "x-method-override"})
_BODY_HEADERS: Final = frozenset({"content-encoding", "content-language", "content-location", "content-type"})
_FORM_TYPES: Final = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})
_UNSAFE_BYTES: Final = re.compile(r"[\x00-\x08\x0a-\x1f\"():<>?@\[\\\]{}\x7f]")
_LANGUAGE: Final = re.compile(r"[0-9A-Za-z *,\-.;=]*")
_RANGE: Final = re.compile(r"bytes=([0-9]+)-([0-9]*)")
_VALUE_BYTES: Final = 128
_SAFELISTED_BYTES: Final = 1024


class BadPageRequest(Exception):  # noqa: N818 - the state of what was given
    """No page can make this request; the message is a sentence for the person who gave it."""


class Credentials(StrEnum):
    """Whether the browser sends its own credentials (cookies, HTTP authentication, client certificates) along.

    A header that script sets, ``Authorization`` too, is none in this sense.
    """

    OMIT = "omit"
    SAME_ORIGIN = "same-origin"
    INCLUDE = "include"
    """``credentials: "include"``; of XMLHttpRequest, ``withCredentials``."""


class Initiator(StrEnum):
    """By what script asks: it changes the console's wording only."""

    FETCH = "fetch"
    XHR = "XMLHttpRequest"


class Dialect(StrEnum):
    """Whose reading of the rules."""

    STANDARD = "the Fetch standard"
    CHROMIUM = "Chromium"


_ALSO_SAFELISTED: Final[Mapping[Dialect, frozenset[str]]] = {
    Dialect.STANDARD: frozenset(),
    # Client hints, which the standard has not safelisted since 2021, and a script's User-Agent; seen with Chromium 156.
    Dialect.CHROMIUM: frozenset(
        {"device-memory", "downlink", "dpr", "ect", "rtt", "save-data", "user-agent", "viewport-width", "width"}
    ),
}


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What a script on a page of ``origin`` asks for. Raises :class:`BadPageRequest` for what no browser would send."""

    url: str
    origin: str
    """The page's, serialized: ``https://app.example``; ``null`` for a sandboxed frame or a page from the disk."""
    method: str = "GET"
    headers: Headers = ()
    """What the script sets, spelled as it likes."""
    credentials: Credentials = Credentials.SAME_ORIGIN
    upload_listener: bool = False
    """Whether a listener for upload progress is registered (XMLHttpRequest only)."""
    body_type: str = ""
    """The ``Content-Type`` that the body brings where the script sets none: ``multipart/form-data`` of ``FormData``."""
    initiator: Initiator = Initiator.FETCH
    crossed: bool = False
    """Whether a redirect already led to another origin: then CORS applies even back at home."""

    def __post_init__(self) -> None:
        if _origin(self.url) is None:
            raise BadPageRequest(f"{self.url!r} is not an absolute http or https URL")
        if self.origin != "null" and _origin(self.origin) != self.origin:
            raise BadPageRequest(
                f"{self.origin!r} is not an origin as browsers send it: scheme://host[:port] in lower case, "
                "no default port, no path and no slash at the end; or null"
            )
        object.__setattr__(self, "method", _method(self.method))
        object.__setattr__(self, "headers", tuple((name, _value(name, value)) for name, value in self.headers))

    @property
    def target(self) -> str:
        """The origin that is asked."""
        return _origin(self.url) or ""

    @property
    def cross_origin(self) -> bool:
        """Whether CORS applies at all."""
        return self.crossed or self.target != self.origin

    @property
    def sent_headers(self) -> Headers:
        """What is sent of the script's headers and the body's type, names in lower case."""
        kept = tuple((name.lower(), value) for name, value in self.headers if not is_forbidden(name, value))
        if self.body_type and not any(name == "content-type" for name, _ in kept):
            return (*kept, ("content-type", self.body_type))
        return kept


def _origin(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = parts.hostname
    if parts.scheme not in _DEFAULT_PORTS or not host or _UNSAFE_BYTES.search(host.replace(":", "")) or " " in host:
        return None
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}" + ("" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}")


def _method(method: str) -> str:
    if not _TOKEN.fullmatch(method):
        raise BadPageRequest(f"{method!r} is not an HTTP method")
    upper = method.upper()
    if upper in _FORBIDDEN_METHODS:
        raise BadPageRequest(f"no script may send {upper}: fetch() throws before anything is sent")
    return upper if upper in _NORMALIZED else method


def _value(name: str, value: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise BadPageRequest(f"{name!r} is not a header name")
    value = value.strip(_WHITESPACE)
    if any(char in "\0\r\n" or char > "\xff" for char in value):
        raise BadPageRequest(f"the value of {name} holds a character that no header may have")
    return value


def is_forbidden(name: str, value: str) -> bool:
    """Whether a script's header is silently left out (*forbidden request-header*)."""
    lower = name.lower()
    if lower in _FORBIDDEN_HEADERS or lower.startswith(("proxy-", "sec-")):
        return True
    return lower in _METHOD_OVERRIDES and any(
        method.strip(_WHITESPACE).upper() in _FORBIDDEN_METHODS for method in value.split(",")
    )


def is_safelisted_method(method: str) -> bool:
    """*CORS-safelisted method*."""
    return method in _SAFELISTED_METHODS


def is_safelisted_header(name: str, value: str, dialect: Dialect = Dialect.STANDARD) -> bool:
    """*CORS-safelisted request-header*: by name, and by a value of at most 128 bytes of the right form."""
    if len(value) > _VALUE_BYTES:
        return False
    lower = name.lower()
    if lower in _ALSO_SAFELISTED[dialect]:
        return True
    form = _FORMS.get(lower)
    return form is not None and form(value)


def _is_plain(value: str) -> bool:
    return not _UNSAFE_BYTES.search(value)


def _is_language(value: str) -> bool:
    return bool(_LANGUAGE.fullmatch(value))


def _is_form_type(value: str) -> bool:
    return _is_plain(value) and essence(value) in _FORM_TYPES


def _is_simple_range(value: str) -> bool:
    found = _RANGE.fullmatch(value)
    return found is not None and (not found[2] or int(found[1]) <= int(found[2]))


_FORMS: Final[Mapping[str, Callable[[str], bool]]] = {
    "accept": _is_plain,
    "accept-language": _is_language,
    "content-language": _is_language,
    "content-type": _is_form_type,
    "range": _is_simple_range,
}


def essence(value: str) -> str:
    """``type/subtype`` in lower case of a media type; empty where it is none (MIME Sniffing, *parse a MIME type*)."""
    kind, _, rest = value.strip(_WHITESPACE).partition("/")
    subtype = rest.partition(";")[0].rstrip(_WHITESPACE)
    return f"{kind}/{subtype}".lower() if _TOKEN.fullmatch(kind) and _TOKEN.fullmatch(subtype) else ""


def unsafe_header_names(request: PageRequest, dialect: Dialect = Dialect.STANDARD) -> tuple[str, ...]:
    """*CORS-unsafe request-header names*, sorted: what a preflight must name."""
    unsafe: set[str] = set()
    safe: set[str] = set()
    safe_bytes = 0
    for name, value in request.sent_headers:
        if is_safelisted_header(name, value, dialect):
            safe.add(name)
            safe_bytes += len(value)
        else:
            unsafe.add(name)
    return tuple(sorted(unsafe | safe if safe_bytes > _SAFELISTED_BYTES else unsafe))


def preflight_reasons(request: PageRequest, dialect: Dialect = Dialect.STANDARD) -> tuple[str, ...]:
    """Why the browser asks first; empty where it does not."""
    if not request.cross_origin:
        return ()
    method = () if is_safelisted_method(request.method) else (f"the method {request.method}",)
    headers = tuple(_why_unsafe(name, request) for name in unsafe_header_names(request, dialect))
    return method + headers + (("a listener for upload progress",) if request.upload_listener else ())


def _why_unsafe(name: str, request: PageRequest) -> str:
    values = [value for key, value in request.sent_headers if key == name]
    if name == "content-type":
        return f"Content-Type {essence(values[0]) or repr(values[0])}, which no plain form sends"
    if name in _FORMS:
        return f"the header {name} with a value that is not safelisted"
    return f"the header {name}"


def preflight_headers(request: PageRequest, dialect: Dialect = Dialect.STANDARD) -> Headers:
    """What the preflight, an ``OPTIONS`` without body or credentials, carries (*CORS-preflight fetch*)."""
    names = unsafe_header_names(request, dialect)
    asked = (("access-control-request-headers", ",".join(names)),) if names else ()
    return (
        ("accept", "*/*"),
        ("access-control-request-method", request.method),
        *asked,
        ("origin", request.origin),
        ("sec-fetch-mode", "cors"),
    )


def redirected(request: PageRequest, status: int, location: str) -> PageRequest:
    """The request after a redirect (*HTTP-redirect fetch*). Raises :class:`BadPageRequest` for an unusable location."""
    try:
        url = urljoin(request.url, location.strip(_WHITESPACE))
    except ValueError as error:
        raise BadPageRequest(f"{location!r} is not a URL") from error
    target = _origin(url)
    elsewhere = target != request.target
    drops_body = status == 303 and request.method not in ("GET", "HEAD")
    drops_body |= status in (301, 302) and request.method == "POST"
    dropped = (_BODY_HEADERS if drops_body else frozenset()) | ({"authorization"} if elsewhere else set())
    return replace(
        request,
        url=url,
        # A request that is bounced on by a foreign origin speaks for nobody any more (*redirect-taint*).
        origin="null" if elsewhere and request.target != request.origin else request.origin,
        method="GET" if drops_body else request.method,
        headers=tuple((name, value) for name, value in request.headers if name.lower() not in dropped),
        body_type="" if drops_body else request.body_type,
        crossed=request.cross_origin or target != request.origin,
    )
