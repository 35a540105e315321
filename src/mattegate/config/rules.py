"""What a value keeps to beyond its type, one setting at a time; what settings keep to together is in ``together``.

Rules of this file: a sentence begins with what is wrong, quotes nothing of a secret setting, and a fix is something
to type. A rule about the elements of a list is asked about each of them.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from mattegate.config.issuers import UNTOKENED
from mattegate.config.networks import NetworkSpellingError, read_network
from mattegate.config.origins import OriginSpellingError, normal_origin
from mattegate.config.schema import SETTINGS


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a value; ``index`` names the element of a list that is to blame."""

    text: str
    fix: str = ""
    """Empty: an example of a right value will do."""
    index: int | None = None


Rule = Callable[[Any], Problem | None]


def problems_of(setting: str, value: object) -> Iterator[Problem]:
    """The first rule that the value breaks, or the first that each element of it breaks."""
    number = _NUMBER if isinstance(value, int | float) and not isinstance(value, bool) else ()
    if problem := _first([*number, *_WHOLE.get(setting, ())], value):
        yield problem
    for index, item in enumerate(value if isinstance(value, tuple) else ()):
        if problem := _first(_EACH.get(setting, ()), item):
            yield Problem(problem.text, problem.fix, index)


def _first(rules: Any, value: object) -> Problem | None:
    return next((problem for rule in rules if (problem := rule(value))), None)


def _says(holds: Callable[[Any], object], problem: str, fix: str = "") -> Rule:
    return lambda value: None if holds(value) else Problem(problem, fix)


def _one_of(*choices: object) -> Rule:
    told = ", ".join(map(str, choices[:-1])) + f" or {choices[-1]}"
    return _says(lambda value: value in choices, f"it must be {told}")


def _at_most(most: int, problem: str) -> Rule:
    return _says(lambda number: number <= most, problem)


def _matches(pattern: str, problem: str, fix: str = "") -> Rule:
    return _says(re.compile(pattern).fullmatch, problem, fix)


# --- rules of their own -------------------------------------------------------------------------------------------


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _network(text: str) -> Problem | None:
    try:
        read_network(text)
    except NetworkSpellingError as error:
        return Problem(f"{text!r} is {error}", error.fix)
    return None


def _origin(*, patterns: bool) -> Rule:
    def rule(text: str) -> Problem | None:
        try:
            normal_origin(text, patterns=patterns)
        except OriginSpellingError as error:
            return Problem(f"{text!r} is not an origin: {error}", error.fix)
        return None

    return rule


_LABEL: Final = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_HOST_NAME: Final = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*\.?|\[[0-9A-Fa-f:.]+\]")


def _host_name(text: str) -> Problem | None:
    if _HOST_NAME.fullmatch(text) and text[-2:] != "*.":
        return None
    bare = re.split(r"[/?#]", text.partition("://")[2] or text, maxsplit=1)[0]
    bare = re.sub(r":\d*$", "", bare)
    fix = f"write {bare}" if bare != text and _HOST_NAME.fullmatch(bare) else "write api.example.com or *.example.com"
    return Problem(f"{text!r} is not a host name: no scheme, no port, no path", fix)


def _url(*schemes: str, empty: bool = True, shown: str) -> Rule:
    def holds(text: str) -> bool:
        if not text:
            return empty
        try:
            parts = urlsplit(text)
            return parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        except ValueError:
            return False

    return _says(lambda text: holds(text) and not re.search(r"\s", text), f"it must be a URL like {shown}")


def _redis_url(text: str) -> Problem | None:
    if text.startswith("unix:///") and not re.search(r"\s", text):
        return None
    return _url("redis", "rediss", shown="redis://HOST:6379/0, rediss://… or unix:///…")(text)


def _readable_file(path: Path | None) -> Problem | None:
    if path is None:
        return None
    where = path.absolute()
    if not where.is_file():
        return Problem(f"there is no file {where}")
    if not os.access(where, os.R_OK):
        return Problem(f"this user may not read {where}", f"as its owner: chgrp GROUP {where} && chmod g+r {where}")
    return None


def _foreign_key(key: str) -> Problem | None:
    if re.search(r"\s", key):
        said = "spaces or line breaks stand inside it"
        return Problem(said, "list the key alone, without 'Bearer'; in YAML, each under the other behind - ")
    if key[:1] in "\"'" or key[-1:] in "\"'":
        return Problem("quotes are part of it", "one pair of quotes around each key is enough")
    if not re.fullmatch(r"[\x21-\x7e]*", key):
        return Problem("it holds characters that no header can carry", "use printable ASCII")
    if len(key) < 8:
        return Problem(f"{len(key)} characters can be guessed", "use 20 random characters or more")
    return Problem("it is too long to be sent in a header") if len(key) > 512 else None


# --- the tables ---------------------------------------------------------------------------------------------------

_LARGEST: Final = 10**12

_NUMBER: Final[tuple[Rule, ...]] = (
    _says(lambda number: not number < 0, "it cannot be negative"),
    _says(lambda number: number <= _LARGEST, f"it must be a number, and at most {_LARGEST:g}"),  # NaN is neither
)
"""What every number keeps to; far enough from where seconds and bytes no longer fit the kernel's integers."""

_POSITIVE: Final = _says(lambda number: number > 0, "it must be more than zero")
_FILLED: Final = _says(bool, "it must not be empty")
_PORT: Final = _at_most(65_535, "a port is at most 65535")
_HEADER: Final = _matches(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", "not the name of a header", "such as Authorization")
_KEY_PREFIX: Final = _matches(
    r"[A-Za-z0-9_-]{1,32}[_-]", "it must be letters, digits, _ and -, and end with _ or -", "such as sk_prod_ or ACME-"
)
_SCOPE_PART: Final = _matches(
    r"[A-Za-z0-9._-]{1,64}", "it must be letters, digits, dots, - and _: it stands between slashes", "such as eu-west-1"
)
_COMPONENT: Final = _matches(
    r"@(method|target-uri|authority|scheme|request-target|path|query)|[!#$%&'*+.^_`|~0-9a-z-]+",
    "neither a derived component (RFC 9421, section 2.2) nor the name of a header in small letters",
    "such as @method, @authority, @path or content-type",
)
_ROUTE: Final = _one_of(
    "cutout", "whoami", "decision", "usage", "keys", "key", "key_rotate", "browser_tokens", "app", "authz"
)
_CALLABLE: Final = _matches(
    r"([A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*)?",
    "not a module and what is in it, with a colon between",
    "such as authorizer:decide",
)
_SECRET_HEADERS: Final = frozenset(
    {"authorization", "proxy-authorization", "x-api-key", "cookie", "dpop", "signature", "x-signature"}
)


def _source(text: str) -> Problem | None:
    """One of what an authorizer may go by; it never sees what a request proves itself with."""
    name = text.lower()
    if name in {"identity", "key", "address", "origin"}:
        return None
    header = name.removeprefix("header:")
    if header == name or _HEADER(header):
        return Problem(f"{text!r} is none of identity, key, address, origin, header:NAME", "such as header:x-tenant")
    if header in _SECRET_HEADERS:
        return Problem(f"{header} holds a secret, which an authorizer is not shown", "use identity or key")
    return None


_MAIL: Final = _matches(r"[^@\s<>,;]{1,64}@[^@\s<>,;]{1,255}", "not a mail address", "such as operator@example.com")

_WHOLE: Final[Mapping[str, tuple[Rule, ...]]] = MappingProxyType(
    {
        "models.default": (_FILLED,),
        "models.base_url": (
            _matches(r"(https?://[^\s/]+.*)?", "it must begin with http:// or https://"),
            _url("http", "https", shown="https://HOST/PATH"),
        ),
        "models.connect_timeout_s": (_POSITIVE,),
        "models.memory_budget_mb": (_POSITIVE,),
        "upload.types": (_FILLED,),
        "upload.max_bytes": (_POSITIVE,),
        "upload.max_megapixels": (_POSITIVE,),
        "upload.max_side": (_POSITIVE,),
        "upload.max_frames": (_POSITIVE,),
        "upload.stall_s": (_POSITIVE,),
        "upload.min_bytes_per_s": (_POSITIVE,),
        "upload.total_s": (_POSITIVE,),
        "upload.budget_bytes": (_POSITIVE,),
        "engine.workers": (_at_most(256, "more than 256 worker processes are never of use"),),
        "engine.threads": (_at_most(256, "more than 256 threads are never of use"),),
        "engine.deadline_s": (_POSITIVE,),
        "engine.time_limit_s": (_POSITIVE,),
        "engine.memory_limit_mb": (_POSITIVE,),
        "server.host": (_FILLED,),
        "server.port": (_PORT,),
        "server.prefix": (_matches(r"(/[A-Za-z0-9._~-]+)*", "it must be empty, or begin with / and not end with it"),),
        "server.head_s": (_POSITIVE,),
        "server.send_stall_s": (_POSITIVE,),
        "server.tls_certificate": (_readable_file,),
        "server.tls_key": (_readable_file,),
        "certificates.mode": (_one_of("off", "optional", "required"),),
        "certificates.trust_store": (_readable_file,),
        "certificates.header": (
            _says(
                lambda header: header in {"", "client-cert", "x-ssl-client-cert"},
                "it must be client-cert or x-ssl-client-cert, or empty",
            ),
        ),
        "admin.host": (
            _says(
                is_loopback,
                "the admin plane listens on loopback only",
                "keep 127.0.0.1, and reach it through an SSH tunnel",
            ),
        ),
        "admin.port": (_PORT,),
        "admin.hosts": (_FILLED,),
        "flood.ipv4_prefix": (_POSITIVE, _at_most(32, "an IPv4 address has 32 bits")),
        "flood.ipv6_prefix": (_POSITIVE, _at_most(128, "an IPv6 address has 128 bits")),
        "flood.unproven_per_minute": (_POSITIVE,),
        "flood.failures_per_minute": (_POSITIVE,),
        "flood.verifications_per_minute": (_POSITIVE,),
        "cors.allowed_origins": (
            _says(
                lambda origins: "*" not in origins or len(origins) == 1,
                "* is every origin, so nothing can stand beside it",
                'write ["*"], or list the origins without it',
            ),
        ),
        "cors.max_age_s": (_at_most(86_400, "no browser remembers a preflight for more than a day (86400)"),),
        "keys.prefix_prod": (_KEY_PREFIX,),
        "keys.prefix_test": (_KEY_PREFIX,),
        "keys.environments": (_FILLED,),
        "keys.unknown_status": (_one_of(403, 401),),
        "keys.import_tier": (_FILLED,),
        "signatures.skew_s": (
            _POSITIVE,
            _at_most(3_600, "one-time values are remembered for that long, so it is at most an hour (3600)"),
        ),
        "signatures.region": (_SCOPE_PART,),
        "signatures.service": (_SCOPE_PART,),
        "tokens.issuer": (
            _url("http", "https", shown="https://api.example.com, without query and without / at its end"),
            _matches(
                r"([^?#]*[^?#/])?", "no query, no fragment, and no / at its end", "such as https://api.example.com"
            ),
        ),
        "tokens.minutes": (_POSITIVE, _at_most(60, "an access token is good for at most 60 minutes")),
        "tokens.scopes": (_FILLED,),
        "tokens.binding": (_one_of("none", "dpop", "mtls", "any"),),
        "tokens.browser_minutes": (_POSITIVE, _at_most(10, "a token in a web page is good for at most 10 minutes")),
        "tokens.browser_images": (_POSITIVE,),
        "signatures.tag": (
            _matches(r"[ !#-\[\]-~]{0,64}", "at most 64 printable ASCII characters, no quotes", "such as mattegate"),
        ),
        "authorizer.callable": (_CALLABLE,),
        "authorizer.url": (_url("http", "https", shown="https://HOST/PATH"),),
        "authorizer.ttl_s": (_at_most(86_400, "an answer is remembered for a day (86400) at most"),),
        "authorizer.timeout_s": (_POSITIVE, _at_most(30, "callers wait for it, so it is at most 30 seconds")),
        "limits.store": (_one_of("memory", "sqlite", "redis"),),
        "limits.redis_url": (_redis_url,),
        "limits.on_loss": (_one_of("refuse", "local"),),
        "limits.timeout_ms": (_POSITIVE,),
        "limits.near": (_says(lambda share: 0 < share <= 1, "a share is more than 0 and at most 1"),),
        "records.days": (_POSITIVE,),
        "records.unproven_mb": (_POSITIVE,),
        "notices.webhook_url": (_url("http", "https", shown="https://HOST/PATH"),),
        "notices.mail_from": (_MAIL,),
        "notices.smtp_host": (
            _matches(
                r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]*)",
                "not a host name",
                "such as mail.example.com; the port is smtp_port",
            ),
        ),
        "notices.smtp_port": (_POSITIVE, _PORT),
        "outbound.ports": (_FILLED,),
        "outbound.connect_s": (_POSITIVE,),
        "outbound.stall_s": (_POSITIVE,),
        "outbound.total_s": (_POSITIVE,),
        "log.file": (_says(lambda path: path is None or not path.is_dir(), "it is a folder, not a file"),),
    }
)
"""Rules of a whole value."""

_EACH: Final[Mapping[str, tuple[Rule, ...]]] = MappingProxyType(
    {
        **dict.fromkeys(
            ("network.trusted_proxies", "network.allow", "network.deny", "network.shadow_allow", "network.shadow_deny"),
            (_network,),
        ),
        "models.offered": (_FILLED,),
        "certificates.revocation_lists": (_readable_file,),
        "authz.paths": (_matches(r"/[A-Za-z0-9._~/-]*", "a path begins with /", "such as /api"),),
        "hosts.names": (_host_name,),
        "hosts.private_names": (_host_name,),
        "hosts.private_networks": (_network,),
        "admin.hosts": (_host_name,),
        "cors.allowed_origins": (_origin(patterns=True),),
        "cors.public_urls": (_origin(patterns=False),),
        "cors.allowed_headers": (
            _says(
                lambda name: name != "*",
                "* does not cover Authorization in browsers",
                "list the headers: Authorization, Content-Type",
            ),
            _HEADER,
        ),
        "keys.environments": (_one_of("prod", "test"),),
        "signatures.components": (_COMPONENT,),
        "tokens.scopes": (
            _matches(r"[!#-\[\]-~]{1,64}", "not a scope (RFC 6749, section 3.3)", "such as cutout"),
            _says(
                lambda scope: scope not in UNTOKENED,
                "a token cannot give every scope, nor keys: what they make outlives it",
                'such as ["cutout", "self", "usage"]',
            ),
        ),
        **dict.fromkeys(
            (setting for setting in SETTINGS if setting.startswith("require.")),
            (_one_of("key", "signature", "certificate"),),
        ),
        "upload.url_hosts": (_host_name,),
        "authorizer.sources": (_source,),
        "authorizer.except_routes": (_ROUTE,),
        "outbound.allow_networks": (_network,),
        "outbound.allow_hosts": (_host_name,),
        "outbound.ports": (_says(lambda port: 0 < port < 65_536, "a port is 1 to 65535"),),
        "notices.mail_to": (_MAIL,),
        "api_keys": (_foreign_key,),
    }
)
"""Rules of every element of a list."""

assert {*_WHOLE, *_EACH} <= set(SETTINGS)
