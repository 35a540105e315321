"""What well-known clients really put on the wire for one and the same request, in their order and spelling.

Taken from captures of curl 7.88.1, requests 2.34.2, urllib of CPython 3.11 and Chromium 156; Postman's from the source
of its runtime. A client's own headers come first or last as it sends them; those of the request stand between.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from mattegate.doctor.observation import Headers
from mattegate.doctor.probe.exchange import Ask
from mattegate.doctor.probe.target import Target, parse_target

CURL: Final = "curl/8.5.0"
REQUESTS: Final = "python-requests/2.32.3"
URLLIB: Final = "Python-urllib/3.12"
POSTMAN: Final = "PostmanRuntime/7.43.0"
BROWSER: Final = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"

_OWN: Final = frozenset({"host", "user-agent", "accept", "accept-encoding", "connection", "origin", "referer"})
_CURL_EXPECTS: Final = 1_048_576
"""From this size curl asks before it sends a body (``EXPECT_100_THRESHOLD``)."""
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "POST"})
_SAFE_HEADERS: Final = frozenset({"accept", "accept-language", "content-language", "content-type"})
_SAFE_TYPES: Final = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of client."""

    name: str
    dressed: Callable[[Ask], Headers]

    def ask(self, base: Ask) -> Ask:
        """``base`` as this client sends it."""
        return replace(base, headers=self.dressed(base))


def given(base: Ask) -> Headers:
    """The headers that belong to the request rather than to whoever sends it."""
    return tuple((name, value) for name, value in base.headers if name.lower() not in _OWN)


def _host(base: Ask) -> tuple[str, str]:
    return "Host", base.header("host") or ""


def _curl(base: Ask) -> Headers:
    expect = (("Expect", "100-continue"),) if base.size > _CURL_EXPECTS else ()
    return (_host(base), ("User-Agent", CURL), ("Accept", "*/*"), *given(base), *expect)


def _requests(base: Ask) -> Headers:
    own = (("User-Agent", REQUESTS), ("Accept-Encoding", "gzip, deflate"), ("Accept", "*/*"))
    return (_host(base), *own, ("Connection", "keep-alive"), *given(base))


def _postman(base: Ask) -> Headers:
    last = (("Accept-Encoding", "gzip, deflate, br"), ("Connection", "keep-alive"))
    token = ("Postman-Token", "00000000-0000-4000-8000-000000000000")
    return (*given(base), ("User-Agent", POSTMAN), ("Accept", "*/*"), token, _host(base), *last)


PROFILES: Final = (
    Profile("curl", _curl),
    Profile("python-requests", _requests),
    Profile("Postman", _postman),
)
"""Clients that know no origin. A browser's request depends on the page: :func:`browser`."""

USER_AGENTS: Final = {
    "curl": CURL,
    "python-requests": REQUESTS,
    "python-urllib": URLLIB,
    "browser": BROWSER,
    "empty": "",
}


def browser(base: Ask, target: Target, page: str) -> Ask:
    """What a page of the origin ``page`` sends with ``fetch``."""
    own = (
        _host(base),
        ("Connection", "keep-alive"),
        ("User-Agent", BROWSER),
        *given(base),
        ("Accept", "*/*"),
        *_origin(base, target, page),
        ("Sec-Fetch-Site", site(target, page)),
        ("Sec-Fetch-Mode", "cors"),
        ("Sec-Fetch-Dest", "empty"),
        ("Referer", f"{page}/"),
        ("Accept-Encoding", "gzip, deflate"),
        ("Accept-Language", "en-US,en;q=0.9"),
    )
    return replace(base, headers=own)


def _origin(base: Ask, target: Target, page: str) -> Headers:
    """Always across origins; within one only where the method is neither GET nor HEAD (Fetch §3.1)."""
    return (("Origin", page),) if page != target.origin or base.method not in ("GET", "HEAD") else ()


def site(target: Target, page: str) -> str:
    """``Sec-Fetch-Site``; two names of one site are told as ``cross-site``, since the list of suffixes is not here."""
    if page == target.origin:
        return "same-origin"
    other = parse_target(page)
    return "same-site" if (other.host, other.scheme) == (target.host, target.scheme) else "cross-site"


def unsafe_headers(base: Ask) -> tuple[str, ...]:
    """The headers that a page may set and that need leave to be sent, as a preflight names them."""
    names = {name.lower() for name, value in given(base) if not _safe(name.lower(), value)}
    return tuple(sorted(names - {"cookie", "content-length"}))


def _safe(name: str, value: str) -> bool:
    if name == "content-type":
        return value.partition(";")[0].strip().lower() in _SAFE_TYPES
    return name in _SAFE_HEADERS and len(value) <= 128


def preflight(base: Ask, target: Target, page: str) -> Ask | None:
    """The question that a browser asks first; ``None`` where it asks none (Fetch §4.8)."""
    names = unsafe_headers(base)
    if page == target.origin or (base.method in _SAFE_METHODS and not names):
        return None
    wanted = (("Access-Control-Request-Headers", ",".join(names)),) if names else ()
    headers = (
        _host(base),
        ("Connection", "keep-alive"),
        ("Accept", "*/*"),
        ("Access-Control-Request-Method", base.method),
        *wanted,
        ("Origin", page),
        ("User-Agent", BROWSER),
        ("Sec-Fetch-Mode", "cors"),
        ("Sec-Fetch-Site", site(target, page)),
        ("Sec-Fetch-Dest", "empty"),
        ("Referer", f"{page}/"),
        ("Accept-Encoding", "gzip, deflate"),
        ("Accept-Language", "en-US,en;q=0.9"),
    )
    return Ask("OPTIONS", base.target, headers)
