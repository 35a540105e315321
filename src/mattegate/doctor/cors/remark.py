"""What stops no request today, and is worth knowing all the same."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from mattegate.doctor.cors.check import Answer, listed
from mattegate.doctor.cors.fetch import Credentials, Dialect, PageRequest, unsafe_header_names

_MAX_AGE: Final = {"Chromium": 7200, "Firefox": 86_400}
"""Seconds that browsers remember a preflight at most (MDN, Access-Control-Max-Age)."""
_HOME_SUFFIXES: Final = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".test")


@dataclass(frozen=True, slots=True)
class Remark:
    """What does not stop the request, and is worth knowing."""

    code: str
    """A cause's."""
    says: str


def remarks(request: PageRequest, preflight: Answer | None, dialect: Dialect) -> tuple[Remark, ...]:
    """What is to be said of a request and of the answer to its preflight, where it had one."""
    found = [_into_private_network(request), _mixed_at_home(request)]
    if preflight:
        found += [_authorization_under_star(request, preflight, dialect), _capped(preflight)]
    return tuple(remark for remark in found if remark)


def _authorization_under_star(request: PageRequest, preflight: Answer, dialect: Dialect) -> Remark | None:
    allowed = {name.lower() for name in listed(preflight, "access-control-allow-headers") or ()}
    asked = "authorization" in unsafe_header_names(request, dialect)
    if not asked or "*" not in allowed or "authorization" in allowed or request.credentials is Credentials.INCLUDE:
        return None
    return Remark(
        "cors.authorization_wildcard",
        "Access-Control-Allow-Headers: * does not cover Authorization in the Fetch standard; Chromium 156 lets it pass "
        "and warns that it will not for ever",
    )


def _capped(preflight: Answer) -> Remark | None:
    value = preflight.header("access-control-max-age") or ""
    if not re.fullmatch(r"[0-9]{1,18}", value) or int(value) <= min(_MAX_AGE.values()):
        return None
    kept = ", ".join(f"{browser} {cap} s" for browser, cap in _MAX_AGE.items() if int(value) > cap)
    return Remark("cors.max_age_capped", f"Access-Control-Max-Age: {value} is more than browsers keep: {kept}")


def _into_private_network(request: PageRequest) -> Remark | None:
    page = "" if request.origin == "null" else request.origin
    if not page or not _is_private(request.url) or _is_private(page) or _is_home(page):
        return None
    return Remark(
        "cors.private_network",
        f"a page of {page} asks an address inside a private network: newer Chromium asks the user for permission first",
    )


def is_mixed(request: PageRequest) -> bool:
    """Whether a page on https asks an address that is not encrypted, other than this machine's own."""
    return request.origin.startswith("https:") and request.url.startswith("http:") and not is_loopback(request.url)


def is_blocked_as_mixed(request: PageRequest) -> bool:
    """Whether every browser blocks it. Chromium lets private addresses and ``.local`` pass, and asks the user instead.

    Source: WICG Local Network Access, integration with Mixed Content.
    """
    return is_mixed(request) and not _is_private(request.url) and not _host(request.url).endswith(".local")


def _mixed_at_home(request: PageRequest) -> Remark | None:
    if not is_mixed(request) or is_blocked_as_mixed(request):
        return None
    return Remark(
        "cors.mixed_content",
        f"a page on https asks {request.url}, which is not encrypted: newer Chromium asks the user, others block it",
    )


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this very machine, which browsers trust without encryption."""
    host = _host(url)
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_private(url: str) -> bool:
    try:
        return is_loopback(url) or ip_address(_host(url)).is_private
    except ValueError:
        return False


def _is_home(url: str) -> bool:
    """Whether a name tells that it is one of a private network itself."""
    host = _host(url)
    return "." not in host or host.endswith(_HOME_SUFFIXES)
